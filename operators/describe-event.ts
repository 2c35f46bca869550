/** What a callback is about, for people and as JSON. */
import type { JsonObject } from '../src/core/json';
import type { CallbackContext } from '../src/dag/context';

/** "Task load of DAG etl failed" */
export function headline({ dag, ti, event, deadline }: CallbackContext): string {
  const what = ti ? `Task ${ti.taskId}${ti.mapIndex < 0 ? '' : `[${ti.mapIndex}]`} of DAG ${dag.id}` : `DAG ${dag.id}`;
  const words = {
    execute: 'begins',
    success: 'succeeded',
    failure: 'failed',
    retry: 'failed and is tried again',
    skipped: 'was skipped',
    deadline: `has missed its deadline${deadline?.name ? ` "${deadline.name}"` : ''}`,
  };
  return `${what} ${words[event]}`;
}

/** The headline, the run, and why: some lines of text. */
export function story(context: CallbackContext): string {
  const { runId, dagRun, ti, reason, exception, deadline } = context;
  const lines = [
    headline(context),
    '',
    `Run: ${runId}`,
    ...(dagRun.logicalDate ? [`Logical date: ${dagRun.logicalDate.toISO()}`] : []),
    ...(deadline ? [`Deadline: ${deadline.at.toISO()}`] : []),
    ...(ti ? [`Try: ${ti.tryNumber} of ${ti.maxTries}`] : []),
    ...(reason === null || reason === 'executed' ? [] : [`Reason: ${reason}`]),
    ...(exception === null ? [] : ['', `${exception.name}: ${exception.message}`]),
  ];
  return lines.join('\n');
}

export function eventJson(context: CallbackContext): JsonObject {
  const { dag, dagRun, runId, runType, ti, event, reason, exception, deadline } = context;
  return {
    event,
    dag_id: dag.id,
    dag_run_id: runId,
    run_type: runType,
    logical_date: dagRun.logicalDate?.toISO() ?? null,
    task_id: ti?.taskId ?? null,
    map_index: ti?.mapIndex ?? null,
    try_number: ti?.tryNumber ?? null,
    reason,
    ...(deadline && { deadline: { name: deadline.name, at: deadline.at.toISO() } }),
    error: exception && { name: exception.name, message: exception.message },
    text: headline(context),
  };
}
