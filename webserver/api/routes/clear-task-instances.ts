import { z } from 'zod';
import type { ClearTasksRequest } from '../../../src/commands/commands';
import { dateParam, jsonObject } from '../fields';
import { defineRoute } from '../route';
import { reach, reachOf, taskInstanceCollection, taskInstancesOf, versionOf } from './task-instance-collection';

const clearBody = z.strictObject({
  dry_run: z.boolean().default(true),
  dag_run_id: z.string().nullish(),
  start_date: dateParam.nullish().describe('Of the logical date, inclusive; without dag_run_id'),
  end_date: dateParam.nullish(),
  task_ids: z
    .array(z.union([z.string(), z.tuple([z.string(), z.int().min(-1)])]))
    .nullish()
    .describe('Ids, or pairs of an id and a map index; left out: all tasks'),
  only_failed: z.boolean().default(true),
  only_running: z.boolean().default(false),
  reset_dag_runs: z.boolean().default(true),
  ...reach,
  run_on_latest_version: z.boolean().optional().describe('Left out: as the DAG says (rerunWithLatestVersion)'),
  prevent_running_task: z.boolean().default(false),
  conf: jsonObject.nullish().describe("In place of the runs' conf"),
  note: z.string().max(1000).nullish().describe('On each task instance that is cleared'),
});

export const clearTaskInstanceRoutes = [
  defineRoute({
    method: 'post',
    path: '/api/v2/dags/{dag_id}/clearTaskInstances',
    id: 'post_clear_task_instances',
    tag: 'Task Instance',
    summary: 'Lets task instances run again; by default only failed ones, and as a dry run: lists them and does nothing',
    params: z.object({ dag_id: z.string() }),
    body: clearBody,
    response: taskInstanceCollection,
    errors: [404, 409],
    handle: async ({ params, body, actor, context }) => {
      const request: ClearTasksRequest = {
        dagId: params.dag_id,
        runId: body.dag_run_id,
        from: body.start_date?.getTime(),
        to: body.end_date?.getTime(),
        tasks: body.task_ids,
        ...reachOf(body),
        onlyFailed: body.only_failed,
        onlyRunning: body.only_running,
        resetDagRuns: body.reset_dag_runs,
        version: versionOf(body.run_on_latest_version),
        conf: (body.conf ?? undefined) as ClearTasksRequest['conf'],
        note: body.note,
        preventRunningTask: body.prevent_running_task,
      };
      const { commands } = context;
      return taskInstancesOf(
        body.dry_run ? await commands.planClear(request) : await commands.clearTasks(request, actor),
        'clear',
        context,
      );
    },
  }),
];
