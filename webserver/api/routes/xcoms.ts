import { z } from 'zod';
import type { XComPlace } from '../../../src/commands/commands';
import { rangeOf } from '../../../src/read-model/rest/sql';
import { getXcom, listXcoms, type XcomRow } from '../../../src/read-model/rest/xcoms';
import { notFound } from '../api-error';
import type { JsonValue } from '../../../src/core/json';
import { date, dateRange, mapIndex, nothing, nullableDate, paging, pattern } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { scope } from './task-instances';

const xcomSchema = z.object({
  key: z.string(),
  timestamp: date,
  logical_date: nullableDate,
  map_index: z.int(),
  task_id: z.string(),
  task_display_name: z.string(),
  dag_id: z.string(),
  dag_display_name: z.string(),
  run_id: z.string(),
  run_after: date,
});

const under = '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries';
const valueSchema = xcomSchema.extend({ value: z.unknown() });
const ofTask = z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() });
const ofXcom = ofTask.extend({ xcom_key: z.string() });

const valueBody = { value: z.unknown(), map_index: mapIndex.default(-1) };
/** null is a value, nothing at all is none. */
function holdToValue(body: { readonly value?: unknown }, issues: z.RefinementCtx): void {
  if (body.value === undefined) issues.addIssue({ code: 'invalid_type', expected: 'nonoptional', path: ['value'], input: undefined });
}

export const xcomRoutes = [
  defineRoute({
    method: 'get',
    path: under,
    id: 'get_xcom_entries',
    tag: 'XCom',
    summary: 'The XComs of a task instance, by page, without their values; `~` stands for all DAGs, runs or tasks',
    params: ofTask,
    query: z.object({
      ...paging,
      xcom_key: z.string().optional(),
      map_index: mapIndex.optional(),
      map_index_filter: mapIndex.optional(),
      xcom_key_pattern: pattern,
      dag_display_name_pattern: pattern,
      run_id_pattern: pattern,
      task_id_pattern: pattern,
      ...dateRange('logical_date'),
      ...dateRange('run_after'),
    }),
    response: z.object({ xcom_entries: z.array(xcomSchema), total_entries: z.int() }),
    errors: [404],
    handle: async ({ params, query, context }) => {
      const filter = {
        ...(await scope(params, context)),
        taskId: params.task_id === '~' ? undefined : params.task_id,
        key: query.xcom_key,
        mapIndex: query.map_index ?? query.map_index_filter,
        keyPattern: query.xcom_key_pattern,
        dagIdPattern: query.dag_display_name_pattern,
        runIdPattern: query.run_id_pattern,
        taskIdPattern: query.task_id_pattern,
        logicalDate: rangeOf<Date>(query, 'logical_date'),
        runAfter: rangeOf<Date>(query, 'run_after'),
      };
      const { xcoms, total } = await listXcoms(context.database.pool, filter, query);
      return { xcom_entries: xcoms.map(xcomResponse), total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: `${under}/{xcom_key}`,
    id: 'get_xcom_entry',
    tag: 'XCom',
    summary: 'One XCom with its value; with `stringify` the value is its JSON text',
    params: ofXcom,
    query: z.object({
      map_index: mapIndex.default(-1),
      deserialize: z.boolean().default(false).describe('Changes nothing: values are JSON'),
      stringify: z.boolean().default(false),
    }),
    response: valueSchema,
    errors: [404],
    handle: async ({ params, query, context }) => {
      const found = await find(placeOf(params, query.map_index), context);
      return { ...xcomResponse(found), value: query.stringify ? found.value : (JSON.parse(found.value) as unknown) };
    },
  }),
  defineRoute({
    method: 'post',
    path: under,
    id: 'create_xcom_entry',
    tag: 'XCom',
    summary: 'Gives a task instance one more XCom, with any JSON as its value',
    params: ofTask,
    body: z.strictObject({ ...valueBody, key: z.string().min(1).max(512) }).superRefine(holdToValue),
    status: 201,
    response: valueSchema,
    errors: [404, 409],
    handle: async ({ params, body, actor, context }) => {
      const at = placeOf({ ...params, xcom_key: body.key }, body.map_index);
      await context.commands.createXCom({ ...at, ...valueOf(body, context) }, actor);
      return answer(at, context);
    },
  }),
  defineRoute({
    method: 'patch',
    path: `${under}/{xcom_key}`,
    id: 'update_xcom_entry',
    tag: 'XCom',
    summary: 'Changes the value of an XCom',
    params: ofXcom,
    body: z.strictObject(valueBody).superRefine(holdToValue),
    response: valueSchema,
    errors: [404],
    handle: async ({ params, body, actor, context }) => {
      const at = placeOf(params, body.map_index);
      await context.commands.updateXCom({ ...at, ...valueOf(body, context) }, actor);
      return answer(at, context);
    },
  }),
  defineRoute({
    method: 'delete',
    path: `${under}/{xcom_key}`,
    id: 'delete_xcom_entry',
    tag: 'XCom',
    summary: 'Deletes an XCom',
    params: ofXcom,
    query: z.object({ map_index: mapIndex.default(-1) }),
    status: 204,
    response: nothing,
    errors: [404],
    handle: async ({ params, query, actor, context }) => {
      await context.commands.deleteXCom(placeOf(params, query.map_index), actor);
      return undefined;
    },
  }),
];

const placeOf = (params: z.output<typeof ofXcom>, mapIndex: number): Required<XComPlace> => ({
  dagId: params.dag_id,
  runId: params.dag_run_id,
  taskId: params.task_id,
  mapIndex,
  key: params.xcom_key,
});

const valueOf = ({ value }: { value?: unknown }, { config }: ApiContext) => ({
  value: value as JsonValue,
  maxBytes: config.maxXcomBytes,
});

async function find(at: Required<XComPlace>, { database }: ApiContext) {
  const found = await getXcom(database.pool, at);
  if (!found) throw notFound(`The XCom of task "${at.taskId}" in run "${at.runId}" of DAG "${at.dagId}"`, at.key);
  return found;
}

async function answer(at: Required<XComPlace>, context: ApiContext): Promise<z.input<typeof valueSchema>> {
  const found = await find(at, context);
  return { ...xcomResponse(found), value: JSON.parse(found.value) as unknown };
}

function xcomResponse(row: XcomRow): z.input<typeof xcomSchema> {
  return {
    key: row.key,
    timestamp: row.at,
    logical_date: row.logical_date,
    map_index: row.map_index,
    task_id: row.task_id,
    task_display_name: row.task_id,
    dag_id: row.dag_id,
    dag_display_name: row.dag_id,
    run_id: row.run_id,
    run_after: row.run_after,
  };
}
