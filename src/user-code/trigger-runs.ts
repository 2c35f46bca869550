/**
 * Runs triggers: each an async generator, as many as there are in one event loop. The first event ends a run; so does a `stop`, which aborts
 * the trigger's signal and calls `return()` on its generator. An exception that nobody caught fails the trigger whose code it came from.
 */
import { inspect } from 'node:util';
import type { JsonValue } from '../core/json';
import type { ResumeInfo } from '../core/workload';
import type { TriggerClasses, TriggerContext } from '../dag/trigger';
import { AttemptLog } from '../runner/attempt-log';
import type { LineSink } from '../runner/attempt-log';
import { attemptScope } from '../runner/attempt-scope';
import type { AttemptScope } from '../runner/attempt-scope';
import { errorInfo, errorText } from '../runner/error-info';
import { toJsonText } from '../runner/json-value';
import { makeTaskLog, secretsFor } from '../runner/secrets-for';
import type { SecretsApi } from '../runner/secrets-for';
import type { EndedTrigger, StartTrigger } from './trigger-host-protocol';

export interface TriggerRunsOptions {
  readonly triggers: TriggerClasses;
  readonly sink: (trigger: StartTrigger) => LineSink;
  readonly api: SecretsApi;
  readonly onEnded: (ended: EndedTrigger) => void;
  /** Code of this slot begins, other than after an `await`. */
  readonly onEnter?: (slot: number) => void;
}

/** `slot` names the trigger in what a watchdog can read. */
export interface TriggerScope extends AttemptScope {
  readonly slot: number;
}

interface Running {
  readonly trigger: StartTrigger;
  readonly scope: TriggerScope;
  readonly abort: AbortController;
  generator: AsyncGenerator<unknown, unknown, void> | null;
}

export class TriggerRuns {
  private readonly running = new Map<string, Running>();
  private lastSlot = 0;

  constructor(private readonly options: TriggerRunsOptions) {}

  get size(): number {
    return this.running.size;
  }

  /** One that runs already, for an older generation, is stopped first. */
  start(trigger: StartTrigger): void {
    this.stop(trigger.wait);
    const log = new AttemptLog(this.options.sink(trigger));
    const scope: TriggerScope = {
      attemptId: trigger.attemptId,
      slot: ++this.lastSlot,
      log,
      ended: false,
      children: new Map(),
      onUncaught: (error) => {
        if (scope.ended) log.write('error', 'thence', `Uncaught: ${errorText(errorInfo(error))}`);
        else this.end(one, this.failed(one, error));
      },
    };
    const one: Running = { trigger, scope, abort: new AbortController(), generator: null };
    this.running.set(trigger.wait, one);
    this.options.onEnter?.(scope.slot);
    void attemptScope.run(scope, () => this.run(one));
  }

  /** Nobody waits for it any more; it says nothing. */
  stop(wait: string): void {
    const one = this.running.get(wait);
    if (one) this.close(one);
  }

  stopAll(): void {
    for (const wait of [...this.running.keys()]) this.stop(wait);
  }

  private async run(one: Running): Promise<void> {
    const { triggers } = this.options;
    const { trigger, args } = one.trigger;
    try {
      const generator = triggers.make(trigger, args).run(this.contextOf(one));
      if (typeof (generator as { next?: unknown } | undefined)?.next !== 'function')
        throw new Error(`its run is no generator: write it as \`async *run() { … yield new TriggerEvent(payload); }\``);
      one.generator = generator;
      const { value, done } = await generator.next();
      this.end(one, done === true ? this.failed(one, new Error('it ended without an event')) : this.eventOf(one, value));
    } catch (error) {
      this.end(one, this.failed(one, error));
    }
  }

  private eventOf(one: Running, value: unknown): ResumeInfo['event'] {
    if (typeof value !== 'object' || value === null || !('payload' in value))
      throw new Error(`it yielded ${inspect(value, { depth: 0 })}, which is no TriggerEvent: yield new TriggerEvent(payload)`);
    const { trigger, maxPayloadBytes } = one.trigger;
    const text = toJsonText(value.payload, `The payload of the event of trigger "${trigger}"`, maxPayloadBytes);
    return { kind: 'event', payload: text === null ? null : (JSON.parse(text) as JsonValue) };
  }

  private failed({ scope, trigger }: Running, error: unknown): ResumeInfo['event'] {
    const info = errorInfo(error);
    if (!scope.ended) scope.log.write('error', 'thence', `The trigger "${trigger.trigger}" failed: ${errorText(info)}`);
    return { kind: 'failed', message: scope.log.mask(info.message) };
  }

  private end(one: Running, event: ResumeInfo['event']): void {
    if (one.scope.ended) return;
    this.close(one);
    this.options.onEnded({ wait: one.trigger.wait, generation: one.trigger.generation, event });
  }

  private close(one: Running): void {
    this.running.delete(one.trigger.wait);
    one.scope.ended = true;
    one.scope.log.end();
    this.options.onEnter?.(one.scope.slot);
    attemptScope.run(one.scope, () => {
      one.abort.abort(new Error('nobody waits for this trigger any more'));
      // Its `finally` blocks. Behind what the generator awaits at present: the signal is there to end that.
      void one.generator?.return(undefined).catch(() => undefined);
    });
  }

  private contextOf({ trigger, scope, abort }: Running): TriggerContext {
    return { signal: abort.signal, log: makeTaskLog(scope.log), ...secretsFor(trigger.attemptId, this.options.api, scope.log) };
  }
}
