import { z } from 'zod';
import { rangeOf } from '../../../src/read-model/rest/sql';
import { getXcom, listXcoms, type XcomRow } from '../../../src/read-model/rest/xcoms';
import { notFound } from '../api-error';
import { date, dateRange, nullableDate, paging, pattern } from '../fields';
import { defineRoute } from '../route';
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
const mapIndex = z.int().min(-1).max(2147483647);

export const xcomRoutes = [
  defineRoute({
    method: 'get',
    path: under,
    id: 'get_xcom_entries',
    tag: 'XCom',
    summary: 'The XComs of a task instance, by page, without their values; `~` stands for all DAGs, runs or tasks',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string() }),
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
    params: z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string(), xcom_key: z.string() }),
    query: z.object({
      map_index: mapIndex.default(-1),
      deserialize: z.boolean().default(false).describe('Changes nothing: values are JSON'),
      stringify: z.boolean().default(false),
    }),
    response: xcomSchema.extend({ value: z.unknown() }),
    errors: [404],
    handle: async ({ params, query, context: { database } }) => {
      const at = {
        dagId: params.dag_id,
        runId: params.dag_run_id,
        taskId: params.task_id,
        mapIndex: query.map_index,
        key: params.xcom_key,
      };
      const found = await getXcom(database.pool, at);
      if (!found) throw notFound(`The XCom of task "${at.taskId}" in run "${at.runId}" of DAG "${at.dagId}"`, at.key);
      return { ...xcomResponse(found), value: query.stringify ? found.value : (JSON.parse(found.value) as unknown) };
    },
  }),
];

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
