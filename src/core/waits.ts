/**
 * The waits that the triggerer checks by itself, in batches and without user code: what each is made with, and what it gives to the method
 * that goes on. A task begins one with `context.defer({ kind, args }, …)`.
 *
 * A wait is a look from outside that costs no process. Operators of thence look once more themselves when it says yes, with all that only
 * their own code has (a function that checks the answer, states that make them fail): the task decides. So a look may say yes too early (the
 * task defers again, for an interval at least), but must not say it late or never. What cannot be looked at at all (an unknown connection, a
 * wrong statement) fails the wait, with a sentence; a server that is away is waited for.
 */
import type { JsonValue } from './json';
import type { RunState, TaskState } from './states';
import type { Instant } from './time';
import type { WaitSpec } from './workload';

/** What all but `time` may have: looks again less and less often. */
interface Polled {
  /** After each look the interval doubles, up to this. Left out: it stays as it is. */
  readonly backoffToMs?: number;
}

export interface WaitArgs {
  readonly time: { readonly at: Instant };
  /** Over with an answer of any status that is not in `notYet`. Sent by `sendHttp` (src/connections/http-request.ts). */
  readonly http: Polled & { readonly request: HttpRequest; readonly notYet: readonly number[] };
  /** Over when there is such a file or folder, or one that fits the pattern: `findPaths` (src/connections/find-paths.ts). Absolute. */
  readonly file: Polled & { readonly path: string };
  /** Over when the first value of the first row `isYes` (src/connections/is-yes.ts). */
  readonly sql: Polled & { readonly connection: string; readonly sql: string; readonly parameters: readonly JsonValue[] };
  /** Over when `judgeExternal` (external-task.ts) says anything but 'waiting' of what `selectExternalRuns` (src/execution-api) finds. */
  readonly 'external-task': Polled & ExternalQuery & ExternalStates;
  /** Over when the run is in one of the states; a run that is there no more fails the wait. */
  readonly 'dag-run': Polled & {
    readonly dagId: string;
    readonly runId: string;
    readonly allowed: readonly RunState[];
    readonly failed: readonly RunState[];
  };
}

/** What the method that goes on is given. */
export interface WaitPayloads {
  readonly time: { readonly at: Instant };
  readonly http: {
    readonly status: number;
    readonly headers: { readonly [name: string]: string };
    /** At most 256 kB of it. */ readonly body: string;
  };
  readonly file: { /** Sorted; at most 1,000. */ readonly paths: readonly string[] };
  readonly sql: { readonly value: JsonValue };
  readonly 'external-task': { readonly outcome: 'allowed' | 'failed' | 'skipped' };
  readonly 'dag-run': { readonly state: RunState; readonly outcome: 'allowed' | 'failed' };
}

/** One HTTP request, as operators, notifiers and waits send it. */
export interface HttpRequest {
  /** Gives the base of `url`, the credentials and headers; null: `url` is absolute. */
  readonly connection: string | null;
  readonly url: string;
  readonly method: string;
  readonly headers: { readonly [name: string]: string };
  /** Added to the url's own. */
  readonly query: { readonly [name: string]: string | readonly string[] };
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
  /** Whether the server's certificate is looked at. */
  readonly verifyTls: boolean;
}

/** Which runs of a DAG, and what of each. */
export interface ExternalQuery {
  readonly dagId: string;
  /** The runs by logical date and by run id. All of them have to be there. */
  readonly logicalDates: readonly Instant[];
  readonly runIds: readonly string[];
  /** These tasks, or all tasks of the group; both null: the runs themselves. Mapped tasks: all of their instances. */
  readonly taskIds: readonly string[] | null;
  readonly groupId: string | null;
}

/** Of runs or tasks: which states end the waiting, and how. `failed` before `skipped` before `allowed`, when they are mixed. */
export interface ExternalStates {
  readonly allowed: readonly (TaskState & string)[];
  readonly failed: readonly (TaskState & string)[];
  readonly skipped: readonly (TaskState & string)[];
}

export type WaitKind = keyof WaitArgs;

export type BuiltInWait = {
  readonly [Kind in WaitKind]: {
    readonly kind: Kind;
    readonly args: WaitArgs[Kind];
    /** The first look. @default `time`: its moment; others: at once */
    readonly firstCheckAt?: Instant;
    /** Between two looks. @default 5 s for external-task and dag-run, 60 s for http, file and sql */
    readonly intervalMs?: number;
  };
}[WaitKind];

const defaultIntervalMs: { readonly [Kind in WaitKind]: number | null } = {
  time: null,
  http: 60_000,
  file: 60_000,
  sql: 60_000,
  'external-task': 5_000,
  'dag-run': 5_000,
};

export const WAIT_KINDS = Object.keys(defaultIntervalMs) as readonly WaitKind[];

export function firstCheckOf(wait: BuiltInWait): Instant | null {
  return wait.firstCheckAt ?? (wait.kind === 'time' ? wait.args.at : null);
}

export function intervalOf(wait: BuiltInWait): number | null {
  return wait.kind === 'time' ? null : (wait.intervalMs ?? defaultIntervalMs[wait.kind]);
}

/** 'the file "/data/in.csv"': what it waits for, for people; nothing that may be secret. */
export function waitSubject({ kind, trigger, args }: Pick<WaitSpec, 'kind' | 'trigger' | 'args'>): string {
  const of = (name: string) => (typeof args[name] === 'string' ? `"${args[name]}"` : '');
  switch (kind) {
    case 'time':
      return typeof args['at'] === 'number' ? new Date(args['at']).toISOString() : 'a time';
    case 'file':
      return `the file ${of('path')}`;
    case 'http': {
      const { url } = (args['request'] ?? {}) as { url?: string };
      return url ? `an answer of ${url.split('?')[0]}` : 'an answer over HTTP';
    }
    case 'sql':
      return `a row of the connection ${of('connection')}`;
    case 'external-task':
      return `DAG ${of('dagId')}`;
    case 'dag-run':
      return `run ${of('runId')} of DAG ${of('dagId')}`;
    case 'custom':
      return `its trigger "${trigger}"`;
  }
}
