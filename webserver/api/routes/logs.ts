import { z } from 'zod';
import type { LogLine, LogRef, LogStore } from '../../../src/logs/log-store';
import { getTaskInstance, tryHasEnded } from '../../../src/read-model/rest/task-instances';
import { ApiError, notFound } from '../api-error';
import { defineRoute, OtherAnswer } from '../route';

const lineSchema = z.object({ timestamp: z.string(), event: z.string(), level: z.string(), logger: z.string() });
const ndjson = 'application/x-ndjson';

export const logRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}',
    id: 'get_log',
    tag: 'Task Instance',
    summary: 'The log of a try. Send the continuation token again for what has come since; there is none when the log is complete',
    params: z.object({ dag_id: z.string(), dag_run_id: z.string(), task_id: z.string(), try_number: z.int().min(0).max(2147483647) }),
    query: z.object({
      map_index: z.int().min(-1).max(2147483647).default(-1),
      full_content: z.boolean().default(false),
      token: z.string().optional(),
    }),
    response: z.object({ content: z.array(lineSchema), continuation_token: z.string().nullable() }),
    otherTypes: [ndjson],
    errors: [400, 404, 406],
    handle: async ({ params, query, accepts, context: { database, logStore } }) => {
      const ref = {
        dagId: params.dag_id,
        runId: params.dag_run_id,
        taskId: params.task_id,
        mapIndex: query.map_index,
        tryNumber: params.try_number,
      };
      const found = await getTaskInstance(database.pool, ref.dagId, ref.runId, ref.taskId, ref.mapIndex);
      if (!found) throw notFound(`The task instance of run "${ref.runId}" of DAG "${ref.dagId}"`, ref.taskId);
      // Asked before the log is read: a try that has ended by now has written all its lines by then.
      const ended = await tryHasEnded(database.pool, found.pk, ref.tryNumber);
      if (ended === null && ref.tryNumber > found.try_number)
        throw notFound(`The try of task "${ref.taskId}" in run "${ref.runId}"`, ref.tryNumber);

      const from = query.token === undefined ? 0 : readToken(query.token);
      if (accepts === ndjson) return new OtherAnswer(ndjson, asText(linesFrom(logStore, ref, from)));
      const { lines, next } = query.full_content ? await all(logStore, ref, from) : await logStore.read(ref, from);
      const isLast = query.full_content || (await logStore.read(ref, next, 1)).lines.length === 0;
      return { content: lines.map(lineResponse), continuation_token: ended !== false && isLast ? null : makeToken(next) };
    },
  }),
];

async function all(store: LogStore, ref: LogRef, from: number): Promise<{ lines: LogLine[]; next: number }> {
  const lines: LogLine[] = [];
  for (let next = from; ;) {
    const page = await store.read(ref, next);
    lines.push(...page.lines);
    if (page.next === next) return { lines, next };
    next = page.next;
  }
}

async function* linesFrom(store: LogStore, ref: LogRef, from: number): AsyncIterable<LogLine> {
  for (let next = from; ;) {
    const page = await store.read(ref, next);
    yield* page.lines;
    if (page.next === next) return;
    next = page.next;
  }
}

async function* asText(lines: AsyncIterable<LogLine>): AsyncIterable<string> {
  for await (const line of lines) yield `${JSON.stringify(lineResponse(line))}\n`;
}

function lineResponse(line: LogLine): z.input<typeof lineSchema> {
  return { timestamp: line.time, event: line.message, level: line.level, logger: line.source };
}

const makeToken = (next: number) => Buffer.from(JSON.stringify({ next })).toString('base64url');

function readToken(token: string): number {
  try {
    const { next } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { next: unknown };
    if (Number.isSafeInteger(next) && (next as number) >= 0) return next as number;
  } catch {
    // said below
  }
  throw new ApiError(400, 'The continuation token is not one that this route gave');
}
