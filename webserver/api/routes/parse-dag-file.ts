import { z } from 'zod';
import { notFound } from '../api-error';
import { defineRoute } from '../route';

/** How a DAG file is named in `file_token`, from its path in the dags folder. */
export const fileToken = (filePath: string): string => Buffer.from(filePath).toString('base64url');

export const parseDagFileRoute = defineRoute({
  method: 'put',
  path: '/api/v2/parseDagFile/{file_token}',
  id: 'reparse_dag_file',
  tag: 'DAG Parsing',
  summary: 'Has the DAG processor evaluate a DAG file again, whether it changed or not. The token is the file_token of its DAGs',
  params: z.object({ file_token: z.string() }),
  status: 201,
  response: z.null(),
  errors: [404],
  handle: async ({ params, actor, context }) => {
    const filePath = Buffer.from(params.file_token, 'base64url').toString();
    // A token is no path: what only decodes to one somehow is none.
    if (filePath.includes('\0') || fileToken(filePath) !== params.file_token) throw notFound('The DAG file', params.file_token);
    await context.commands.parseFiles({ filePath }, actor);
    return null;
  },
});
