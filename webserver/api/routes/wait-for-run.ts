import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isRunFinished } from '../../../src/core/states';
import { getResults, getRun } from '../../../src/read-model/rest/runs';
import { texts } from '../fields';
import { defineRoute, OtherAnswer, type ApiContext } from '../route';
import { findRun } from './dag-runs';

const ndjson = 'application/x-ndjson';
const shortestSeconds = 0.1;

export const waitForRunRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait',
    id: 'wait_dag_run_until_finished',
    tag: 'DagRun',
    summary:
      'Waits for the end of a run: a line of JSON with its state at each look, the last one with what the tasks of `result` returned',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string() }),
    query: z.object({
      interval: z.number().gt(0).max(86_400).describe(`Seconds between two looks, at least ${shortestSeconds}`),
      result: texts,
    }),
    response: z.unknown(),
    otherTypes: [ndjson],
    errors: [404],
    handle: async ({ params, query, signal, context }) => {
      const { dag_id: dagId, run_id: runId } = await findRun(params.dag_id, params.dag_run_id, context);
      return new OtherAnswer(ndjson, looks({ dagId, runId, tasks: query.result ?? [] }, query.interval, signal, context));
    },
  }),
];

interface Wanted {
  readonly dagId: string;
  readonly runId: string;
  readonly tasks: readonly string[];
}

async function* looks(wanted: Wanted, interval: number, signal: AbortSignal, { database }: ApiContext): AsyncIterable<string> {
  while (!signal.aborted) {
    const run = await getRun(database.pool, wanted.dagId, wanted.runId);
    if (!run) return; // deleted meanwhile
    if (isRunFinished(run.state)) {
      const results = wanted.tasks.length === 0 ? {} : { results: await readResults(wanted, database.pool) };
      yield `${JSON.stringify({ state: run.state, ...results })}\n`;
      return;
    }
    yield `${JSON.stringify({ state: run.state })}\n`;
    // The client that goes ends the sleep, too.
    await sleep(Math.max(interval, shortestSeconds) * 1000, undefined, { ref: false, signal }).catch(() => undefined);
  }
}

/** Of each task what it returned: of a mapped one the list, null where it returned nothing. */
async function readResults({ dagId, runId, tasks }: Wanted, pool: ApiContext['database']['pool']): Promise<Record<string, unknown>> {
  const found = await getResults(pool, dagId, runId, tasks);
  const resultOf = (task: string): unknown => {
    const mine = found
      .filter(({ task_id: id }) => id === task)
      .map(({ map_index: index, value }) => ({ index, value: JSON.parse(value) as unknown }));
    return mine.some(({ index }) => index >= 0) ? mine.map(({ value }) => value) : (mine[0]?.value ?? null);
  };
  return Object.fromEntries(tasks.map((task) => [task, resultOf(task)]));
}
