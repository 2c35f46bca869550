/**
 * What a task waits for without holding a process: `context.defer(new X({ … }), { resume: 'method' })`. The task ends; its Trigger is made
 * again from `kind` and `args` in the triggerer, where thousands of them share one event loop; the first event that it yields lets the task
 * go on. A trigger may be started more than once (a triggerer died), so what it does besides waiting has to bear being repeated.
 */
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { JsonObject, JsonValue } from '../core/json';
import { toJsonText } from '../runner/json-value';
import { BRAND, isBranded, type Brand } from './brand';
import type { Connections, TaskLog, Variables } from './context';
import type { Jsonify } from './jsonify';
import { show } from './option-checks';

/** What has come: `payload` (JSON) is given to the method that goes on. */
export class TriggerEvent<out Payload = JsonValue> {
  constructor(readonly payload: Payload) {}
}

export interface TriggerContext {
  /** Aborted when nobody waits any more: the wait timed out, its task was cleared or marked, the triggerer stops. */
  readonly signal: AbortSignal;
  /** The log of the waiting try; so is `console`. */
  readonly log: TaskLog;
  readonly variables: Variables;
  readonly connections: Connections;
}

/**
 * Subclass it at the top level of a DAG file or of what it imports, with a `static kind` that no other trigger of the file has.
 *
 * @example
 * class QueueMessage extends Trigger<{ queue: string }> {
 *   static kind = 'queue-message';
 *   async *run({ signal }: TriggerContext) {
 *     for await (const message of listen(this.args.queue, { signal })) yield new TriggerEvent(message);
 *   }
 * }
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a trigger that does not say what its args are may read them
export abstract class Trigger<Args extends object = any> {
  get [BRAND](): Brand {
    return 'trigger';
  }
  /** What it was made with, after JSON. Frozen. */
  readonly args: Readonly<Jsonify<Args>>;

  /** @throws when the class has no kind of its own, or `args` is not a JSON object */
  constructor(...[args]: Record<string, never> extends Args ? [args?: Args] : [args: Args]) {
    kindOf(new.target);
    if (args !== undefined && (typeof args !== 'object' || args === null || Array.isArray(args)))
      throw new ThenceError('INVALID_VALUE', `${new.target.name} takes its arguments as one object; it was given ${show(args)}`);
    const text = toJsonText(args ?? {}, `What ${new.target.name} is made with`, MAX_ARGS_BYTES)!;
    this.args = deepFreeze(JSON.parse(text) as Readonly<Jsonify<Args>>);
  }

  /** Waits, and yields what came. Only the first event counts; ending without one, or throwing, fails the wait. */
  abstract run(context: TriggerContext): AsyncGenerator<TriggerEvent<unknown>, unknown, void>;
}

const MAX_ARGS_BYTES = 256 * 1024;

/** Thrown in the task that goes on when nothing came in time. */
export class DeferralTimeout extends Error {
  override readonly name = 'DeferralTimeout';
}

/** Thrown in the task that goes on when its trigger threw or ended without an event. */
export class TriggerFailed extends Error {
  override readonly name = 'TriggerFailed';
}

export type TriggerClass = abstract new (...args: never) => Trigger;
type ConcreteTrigger = new (args: JsonObject) => Trigger;

export const isTrigger = (value: unknown): value is Trigger => isBranded(value, 'trigger');

function isTriggerClass(value: unknown): value is TriggerClass {
  // What a class hands on to its instances is asked, so that a second copy of thence counts too.
  return typeof value === 'function' && isBranded((value as { prototype?: unknown }).prototype, 'trigger');
}

/** @throws DAG_FILE when the class itself has none: an inherited one would be two classes with one kind */
export function kindOf(triggerClass: TriggerClass): string {
  const kind: unknown = Object.hasOwn(triggerClass, 'kind') ? (triggerClass as { kind?: unknown }).kind : undefined;
  if (typeof kind === 'string' && kind !== '' && kind.length <= 200) return kind;
  throw new ThenceError(
    'DAG_FILE',
    `the Trigger class ${triggerClass.name} ${kind === undefined ? 'has no `static kind` of its own' : `has the kind ${show(kind)}`}: give it a name of 1 to 200 characters that no other trigger of the file has, such as \`static kind = 'file-arrived'\``,
  );
}

/** The Trigger classes of one evaluated bundle. */
export class TriggerClasses {
  private readonly named = new Set<TriggerClass>();
  private readonly packages = new Set<object>();
  private sealed = false;

  /** Anything that the bundle gives a name to: its classes are picked out. */
  note(value: unknown): void {
    if (!this.sealed && isTriggerClass(value)) this.named.add(value);
  }

  /** What the bundle got from a package: looked through when a kind is found nowhere else. */
  notePackage(exported: unknown): void {
    if ((typeof exported === 'object' && exported !== null) || typeof exported === 'function') this.packages.add(exported);
  }

  /** The bundle has loaded. A class that a function makes later would not be there in the triggerer, where nobody calls the function. */
  seal(): void {
    this.sealed = true;
  }

  /** @throws DAG_FILE when two classes share a kind */
  check(): void {
    const seen = new Map<string, TriggerClass>();
    for (const one of this.named) {
      if (!Object.hasOwn(one, 'kind')) continue; // a base of others
      const kind = kindOf(one);
      const other = seen.get(kind);
      if (other)
        throw new ThenceError(
          'DAG_FILE',
          `the Trigger classes ${other.name} and ${one.name} both have the kind "${kind}": a waiting task finds its trigger by it, so give each its own`,
        );
      seen.set(kind, one);
    }
  }

  /** @throws NOT_FOUND when there is no class of that kind */
  make(kind: string, args: JsonObject): Trigger {
    return new (this.find(kind) as unknown as ConcreteTrigger)(args);
  }

  find(kind: string): TriggerClass {
    const isIt = (one: TriggerClass) => Object.hasOwn(one, 'kind') && (one as { kind?: unknown }).kind === kind;
    const found = [...this.named].find(isIt) ?? this.exported().find(isIt);
    if (found) return found;
    const kinds = [...this.named].flatMap((one) => (Object.hasOwn(one, 'kind') ? kindOf(one) : []));
    throw new ThenceError(
      'NOT_FOUND',
      `the file makes no Trigger class of the kind "${kind}"${didYouMean(kind, kinds) || (kinds.length > 0 ? ` (it makes ${kinds.map((one) => `"${one}"`).join(', ')})` : '')}: ` +
        `define it at the top level of the DAG file or of a file that it imports, or export it from the package that has it; a class inside a function is not found`,
    );
  }

  private exported(): TriggerClass[] {
    return [...this.packages].flatMap((exported) => {
      const names = Object.keys(exported);
      return names.flatMap((name) => {
        try {
          const value = (exported as Record<string, unknown>)[name];
          return isTriggerClass(value) ? value : [];
        } catch {
          return []; // an export that is made when it is read, and cannot be
        }
      });
    });
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
