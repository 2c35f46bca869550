import { z } from 'zod';
import { getImportError, importErrorOrder, listImportErrors, type ImportErrorRow } from '../../../src/read-model/rest/import-errors';
import { notFound } from '../api-error';
import { date, orderBy, paging, pattern, readOrder } from '../fields';
import { defineRoute } from '../route';

const importErrorSchema = z.object({
  import_error_id: z.int(),
  timestamp: date,
  filename: z.string(),
  bundle_name: z.string().nullable(),
  stack_trace: z.string(),
});

export const importErrorRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/importErrors',
    id: 'get_import_errors',
    tag: 'Import Error',
    summary: 'The DAG files that cannot be loaded, by page',
    query: z.object({ ...paging, order_by: orderBy(importErrorOrder, 'id'), filename_pattern: pattern }),
    response: z.object({ import_errors: z.array(importErrorSchema), total_entries: z.int() }),
    errors: [400],
    handle: async ({ query, context: { database } }) => {
      const order = readOrder(query.order_by, importErrorOrder);
      const { importErrors, total } = await listImportErrors(database.pool, { filePattern: query.filename_pattern }, order, query);
      return { import_errors: importErrors.map(importErrorResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/importErrors/{import_error_id}',
    id: 'get_import_error',
    tag: 'Import Error',
    summary: 'One import error',
    params: z.object({ import_error_id: z.int() }),
    response: importErrorSchema,
    errors: [404],
    handle: async ({ params, context: { database } }) => {
      const found = await getImportError(database.pool, params.import_error_id);
      if (!found) throw notFound('The import error', params.import_error_id);
      return importErrorResponse(found);
    },
  }),
];

function importErrorResponse(row: ImportErrorRow): z.input<typeof importErrorSchema> {
  return {
    import_error_id: row.id,
    timestamp: row.at,
    filename: row.file_path,
    bundle_name: 'dags-folder',
    stack_trace: textOf(row),
  };
}

/** All that is known: the message, the lines of code, and the stack where it says more than the message. */
function textOf({ message, frame, stack_trace: stack }: ImportErrorRow): string {
  return [message, frame, stack.includes('\n    at ') ? stack : null].filter(Boolean).join('\n\n');
}
