/**
 * Deferral, on the side of the task: `context.defer` says what to wait for and ends the piece by a signal that is thrown through the task;
 * a later piece of the same try goes on in the method that was named.
 */
import { didYouMean } from '../core/did-you-mean';
import { durationToMs } from '../core/duration';
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import { WAIT_KINDS, firstCheckOf, intervalOf, waitSubject } from '../core/waits';
import type { BuiltInWait } from '../core/waits';
import type { ResumeInfo, WaitSpec } from '../core/workload';
import type { BaseOperator } from '../dag/base-operator';
import type { DeferOptions, TaskContext } from '../dag/context';
import { show } from '../dag/option-checks';
import { DeferralTimeout, TriggerFailed, isTrigger, kindOf } from '../dag/trigger';
import type { Trigger, TriggerClass, TriggerClasses } from '../dag/trigger';
import { toJsonText } from './json-value';

type AnyTask = BaseOperator<unknown, object, string>;
type Method = (context: TaskContext, event: unknown) => unknown;

/** What `context.defer` throws. Code that catches it has to throw it again. */
class DeferSignal extends Error {
  override readonly name = 'DeferSignal';
  constructor(readonly wait: WaitSpec) {
    super('the task waits; what catches this has to throw it again');
  }
}

/** The deferral of one piece. */
export class Deferral {
  private wait: WaitSpec | null = null;

  constructor(
    private readonly task: AnyTask,
    private readonly triggers: TriggerClasses,
    private readonly now: () => number = Date.now,
  ) {}

  readonly defer = (trigger: Trigger | BuiltInWait, options: DeferOptions): never => {
    const { resume, timeout } = checkOptions(options, this.task);
    methodOf(this.task, resume);
    const timeoutAt =
      timeout === undefined ? null : this.now() + durationToMs(timeout, `\`timeout\` of the deferral of task "${this.task.id}"`);
    const what = isTrigger(trigger) ? this.custom(trigger) : builtIn(trigger, this.task);
    this.wait = { ...what, timeoutAt, resume };
    throw new DeferSignal(this.wait);
  };

  /** The task returned. @throws when it had deferred itself: its signal was caught, and what it meant is unclear */
  checkReturned(): void {
    if (this.wait === null) return;
    throw new ThenceError(
      'INVALID_VALUE',
      `task "${this.task.id}" called context.defer and then returned: defer throws a signal that ends the task here, and something in the task caught it. Throw it again (\`catch (error) { …; throw error; }\`), or call defer outside of the try`,
    );
  }

  private custom(trigger: Trigger): Omit<WaitSpec, 'timeoutAt' | 'resume'> {
    const kind = kindOf(trigger.constructor as unknown as TriggerClass);
    const found = this.triggers.find(kind);
    if (found !== trigger.constructor)
      throw new ThenceError(
        'DAG_FILE',
        `the file makes two Trigger classes of the kind "${kind}" (${found.name} and ${trigger.constructor.name}): a waiting task finds its trigger by it, so give each its own`,
      );
    return { kind: 'custom', trigger: kind, args: trigger.args as JsonObject, firstCheckAt: null, intervalMs: null };
  }
}

/** What a thrown value waits for; null: it is an error like any other. */
export function waitOf(thrown: unknown): WaitSpec | null {
  return thrown instanceof DeferSignal ? thrown.wait : null;
}

/** For a line of the log. */
export function describeWait(wait: WaitSpec): string {
  const until = wait.timeoutAt === null ? '' : `, until ${new Date(wait.timeoutAt).toISOString()} at the latest`;
  return waitSubject(wait) + until;
}

/** Goes on after a wait. */
export function resumeTask(task: AnyTask, context: TaskContext, { method, event }: ResumeInfo): unknown {
  const go = methodOf(task, method);
  if (event.kind === 'event') return go.call(task, context, event.payload);
  const error =
    event.kind === 'timeout'
      ? new DeferralTimeout(`nothing came of what task "${task.id}" waited for in the time that it had`)
      : new TriggerFailed(`what task "${task.id}" waited for failed: ${event.message}`);
  const handler = (task as { onDeferralError?: unknown }).onDeferralError;
  if (typeof handler === 'function') return (handler as Method).call(task, context, error);
  throw error;
}

function checkOptions(options: unknown, task: AnyTask): DeferOptions {
  const { resume, timeout, ...others } = (options ?? {}) as DeferOptions;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new ThenceError(
      'INVALID_VALUE',
      `unknown option \`${unknown}\` of context.defer in task "${task.id}"${didYouMean(unknown, ['resume', 'timeout']) || '; allowed are resume and timeout'}`,
    );
  if (typeof resume !== 'string')
    throw new ThenceError('INVALID_VALUE', `context.defer in task "${task.id}" needs \`resume\`, the name of the operator's method that goes on; it was given ${show(resume)}`); // prettier-ignore
  return { resume, timeout };
}

function methodOf(task: AnyTask, name: string): Method {
  const found: unknown = (task as unknown as Record<string, unknown>)[name];
  if (typeof found === 'function') return found as Method;
  throw new ThenceError(
    'INVALID_VALUE',
    `task "${task.id}" cannot go on in \`${name}\`: its operator ${task.constructor.name} has no such method${didYouMean(name, methodsOf(task)) || '.'} To defer, write an operator with that method (class … extends BaseOperator)`,
  );
}

function methodsOf(task: AnyTask): string[] {
  const names = new Set<string>();
  for (
    let at: object | null = Object.getPrototypeOf(task) as object;
    at && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  )
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  return [...names];
}

const MAX_ARGS_BYTES = 256 * 1024;

const isText = (value: unknown) => typeof value === 'string' && value !== '';
const ARGS: { readonly [K in BuiltInWait['kind']]: { readonly [arg: string]: readonly [wanted: string, (value: unknown) => boolean] } } = {
  time: { at: ['milliseconds since 1970', (value) => typeof value === 'number' && Number.isFinite(value)] },
  file: { path: ['an absolute path', (value) => typeof value === 'string' && value.startsWith('/')] },
  http: { request: ['a request with a `url`', (value) => typeof (value as { url?: unknown } | null | undefined)?.url === 'string'] },
  sql: { connection: ['the id of a connection', isText], sql: ['a statement', isText] },
  'external-task': { dagId: ['the id of a DAG', isText] },
  'dag-run': { dagId: ['the id of a DAG', isText], runId: ['the id of a run', isText] },
};

/** Now, and not when the triggerer looks for the first time. */
function checkArgs({ kind, args }: BuiltInWait, task: AnyTask): void {
  for (const [name, [wanted, isRight]] of Object.entries(ARGS[kind])) {
    const value = (args as Readonly<Record<string, unknown>> | undefined)?.[name];
    if (!isRight(value))
      throw new ThenceError(
        'INVALID_VALUE',
        `\`args.${name}\` of the ${kind} wait of task "${task.id}" is ${show(value)}; allowed is ${wanted}`,
      );
  }
}

function builtIn(wait: BuiltInWait, task: AnyTask): Omit<WaitSpec, 'timeoutAt' | 'resume'> {
  const kinds: readonly string[] = WAIT_KINDS;
  if (typeof wait !== 'object' || wait === null || !kinds.includes(wait.kind))
    throw new ThenceError(
      'INVALID_VALUE',
      `context.defer in task "${task.id}" takes a Trigger or a wait of the kinds ${kinds.join(', ')}; it was given ${show(wait)}`,
    );
  checkArgs(wait, task);
  const text = toJsonText(wait.args, `\`args\` of the ${wait.kind} wait of task "${task.id}"`, MAX_ARGS_BYTES) ?? '{}';
  return {
    kind: wait.kind,
    trigger: null,
    args: JSON.parse(text) as JsonObject,
    firstCheckAt: firstCheckOf(wait),
    intervalMs: intervalOf(wait),
  };
}
