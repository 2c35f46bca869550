/**
 * The contract of an executor: it takes claimed attempts and runs them somewhere, and says what became of each, once.
 *
 * Rules, checked by test/executors/conformance.ts for every executor:
 * - An attempt handed to `start` gets exactly one outcome through `onOutcome`, whatever its code does (returns, throws, exits,
 *   crashes natively, loops, eats memory), until `stop` has returned.
 * - `capacity()` never counts a slot whose last attempt has not ended; the scheduler never starts more than it says.
 * - One attempt at a time in a process or thread. What an attempt leaves behind (promises, timers, cwd, env, child processes)
 *   never reaches the next one.
 * - User code has none of thence's secrets in its environment.
 */
import type { AttemptOutcome, UserWork } from '../src/core/workload';
import type { ExecutionApi } from '../src/execution-api/execution-api';
import type { Logger } from '../src/telemetry/logger';

export type CancelReason = 'cleared' | 'marked' | 'run-ended' | 'lease-lost' | 'shutdown';

export interface ExecutorContext {
  readonly api: ExecutionApi;
  readonly logger: Logger;
  /** Most attempts at once (THENCE_PARALLELISM). */
  readonly parallelism: number;
  /** User code began. */
  onStarted(attemptId: string, where: { host: string; pid: number | null }): void;
  onOutcome(outcome: AttemptOutcome): void;
  /** A slot became free for another reason than an outcome (a worker came up). */
  onCapacity(): void;
}

export interface Executor {
  readonly name: string;
  start(context: ExecutorContext): Promise<void>;
  /** Attempts that could begin at this moment without waiting. */
  capacity(): number;
  run(tasks: readonly UserWork[]): void;
  /** Asks an attempt to stop: signal, onKill, grace time, kill. Its outcome still comes. Unknown ids are ignored. */
  cancel(attemptId: string, why: CancelReason): void;
  /** Waits up to `graceMs` for what runs, kills the rest (their outcome is `lost`), frees everything. */
  stop(graceMs: number): Promise<void>;
  /**
   * Kills what executors of dead processes left running on this host. Called before attempts of such a process are handed out again;
   * `start` does the same for what is there by then. Left out: nothing of it outlives its process.
   */
  sweep?(): void;
  /** For metrics and pages. */
  stats(): { readonly running: number; readonly capacity: number; readonly workers: number };
}
