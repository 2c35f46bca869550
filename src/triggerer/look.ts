/**
 * Looks at built-in waits: whether each has come true. The states of runs and tasks are one question for all waits; requests, files and
 * SQL go out side by side, so many at once. Nothing is thrown: what cannot be looked at fails its wait.
 */
import type { Pool } from 'pg';
import { findPaths } from '../connections/find-paths';
import { sendHttp } from '../connections/http-request';
import { isYes } from '../connections/is-yes';
import { sqlDriverOf } from '../connections/sql-driver';
import { ThenceError } from '../core/errors';
import { judgeExternal } from '../core/external-task';
import type { JsonObject, JsonValue } from '../core/json';
import type { RunState } from '../core/states';
import type { WaitArgs, WaitKind, WaitPayloads } from '../core/waits';
import type { ResumeInfo } from '../core/workload';
import { isOutage } from '../db/outage';
import { selectExternalRuns, selectRunStates } from '../execution-api/external-runs';
import type { SecretsBackend } from '../secrets/secrets';

/** null: not yet. */
export type Seen = ResumeInfo['event'] | null;

/** What is looked at: a row of `wait`, or what `dags test` keeps of one. */
export interface Look {
  readonly kind: WaitKind;
  readonly args: JsonObject;
}

/** How runs and tasks of other DAGs are asked for: SQL, or nothing but this run in `dags test`. */
export interface RunsSource {
  externalRuns(queries: readonly WaitArgs['external-task'][]): ReturnType<typeof selectExternalRuns>;
  runStates(runs: readonly WaitArgs['dag-run'][]): Promise<readonly (RunState | null)[]>;
}

export interface LookDeps {
  readonly runs: RunsSource;
  readonly secrets: Pick<SecretsBackend, 'getConnection'>;
  /** Requests, files and statements at once. */
  readonly concurrency: number;
  readonly signal?: AbortSignal;
}

const MAX_BODY_BYTES = 256 * 1024;
const MAX_PATHS = 1_000;

export const runsInDatabase = (pool: Pool): RunsSource => ({
  externalRuns: (queries) => selectExternalRuns(pool, queries),
  runStates: (runs) => selectRunStates(pool, runs),
});

/** In the order of `waits`. `onSeen` is told of each as soon as it is known. */
export async function lookAtWaits<W extends Look>(
  waits: readonly W[],
  deps: LookDeps,
  onSeen: (wait: W, seen: Seen) => void,
): Promise<void> {
  const of = (...kinds: WaitKind[]) => waits.filter(({ kind }) => kinds.includes(kind));
  // It is looked at when it is due, and not before.
  for (const wait of of('time')) onSeen(wait, event<'time'>({ at: argsOf(wait, 'time').at }));
  await Promise.all([
    together(of('external-task'), onSeen, async (asked) => {
      const args = asked.map((wait) => argsOf(wait, 'external-task'));
      const runs = await deps.runs.externalRuns(args);
      return args.map((each, at) => {
        const outcome = judgeExternal(each, runs[at]!);
        return outcome === 'waiting' ? null : event<'external-task'>({ outcome });
      });
    }),
    together(of('dag-run'), onSeen, async (asked) => {
      const args = asked.map((wait) => argsOf(wait, 'dag-run'));
      const states = await deps.runs.runStates(args);
      return args.map((each, at) => lookAtRun(each, states[at] ?? null));
    }),
    sideBySide(of('http', 'file', 'sql'), deps.concurrency, async (wait) => onSeen(wait, await guarded(() => lookAtOne(wait, deps)))),
  ]);
}

function lookAtRun({ dagId, runId, allowed, failed }: WaitArgs['dag-run'], state: RunState | null): Seen {
  if (state === null) return { kind: 'failed', message: `the run "${runId}" of DAG "${dagId}" is not there (any more)` };
  if (failed.includes(state)) return event<'dag-run'>({ state, outcome: 'failed' });
  return allowed.includes(state) ? event<'dag-run'>({ state, outcome: 'allowed' }) : null;
}

async function lookAtOne(wait: Look, deps: LookDeps): Promise<Seen> {
  switch (wait.kind) {
    case 'http':
      return lookAtHttp(argsOf(wait, 'http'), deps);
    case 'file': {
      const paths = await findPaths(argsOf(wait, 'file').path, MAX_PATHS);
      return paths.length > 0 ? event<'file'>({ paths }) : null;
    }
    case 'sql':
      return lookAtSql(argsOf(wait, 'sql'), deps);
    default:
      throw new Error(`a wait of the kind ${wait.kind} is not looked at by itself`);
  }
}

/** A server that does not answer, or not in time, is "not yet". */
async function lookAtHttp({ request, notYet }: WaitArgs['http'], { secrets, signal }: LookDeps): Promise<Seen> {
  const connection = request.connection === null ? null : await connectionOf(request.connection, secrets);
  try {
    const { status, headers, text } = await sendHttp(request, connection, { signal, maxBytes: 32 * 1024 * 1024, keepAlive: true });
    if (notYet.includes(status)) return null;
    return event<'http'>({ status, headers, body: text.length > MAX_BODY_BYTES ? text.slice(0, MAX_BODY_BYTES) : text });
  } catch (error) {
    if (error instanceof ThenceError) throw error;
    return null;
  }
}

async function lookAtSql({ connection: id, sql, parameters }: WaitArgs['sql'], { secrets, signal }: LookDeps): Promise<Seen> {
  const connection = await connectionOf(id, secrets);
  const { rows, fields } = await sqlDriverOf(connection).query(connection, sql, parameters, { signal });
  const value = rows[0] && fields[0] ? rows[0][fields[0].name] : null;
  return isYes(value) ? event<'sql'>({ value: asJson(value) }) : null;
}

async function connectionOf(id: string, secrets: LookDeps['secrets']) {
  const connection = await secrets.getConnection(id);
  if (connection) return connection;
  throw new ThenceError('NOT_FOUND', `there is no connection "${id}"`);
}

/** One question for all; its failure is everybody's, unless the database is away. */
async function together<W extends Look>(
  waits: readonly W[],
  onSeen: (wait: W, seen: Seen) => void,
  ask: (waits: readonly W[]) => Promise<readonly Seen[]>,
): Promise<void> {
  if (waits.length === 0) return;
  const seen = await ask(waits);
  waits.forEach((wait, at) => onSeen(wait, seen[at] ?? null));
}

async function sideBySide<W>(waits: readonly W[], atOnce: number, look: (wait: W) => Promise<void>): Promise<void> {
  const left = [...waits];
  const worker = async () => {
    for (let wait = left.shift(); wait !== undefined; wait = left.shift()) await look(wait);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, waits.length) }, worker));
}

/** A database that is away, ours or the one that is asked, is "not yet". */
async function guarded(look: () => Promise<Seen>): Promise<Seen> {
  try {
    return await look();
  } catch (error) {
    if (isOutage(error) || (error as Error).name === 'AbortError') return null;
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

const argsOf = <Kind extends WaitKind>(wait: Look, _kind: Kind) => wait.args as unknown as WaitArgs[Kind];
const event = <Kind extends WaitKind>(payload: WaitPayloads[Kind]): Seen => ({ kind: 'event', payload: payload as unknown as JsonValue });

/** A Date of a driver as text, a bigint as text. */
function asJson(value: unknown): JsonValue {
  const text = JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? each.toString() : each)) as string | undefined;
  return text === undefined ? String(value) : (JSON.parse(text) as JsonValue);
}
