/** The executors of this process, by lane, and which attempt is with which of them. */
import type { CancelReason, Executor } from '../../executors/executor';
import type { Config } from '../config/config';
import type { AttemptOutcome, RunCallback } from '../core/workload';
import type { ExecutionApi } from '../execution-api/execution-api';
import type { AttemptId, ClaimedAttempt, StartedAttempt } from '../ledger/ledger';
import type { LogStore } from '../logs/log-store';
import type { Logger } from '../telemetry/logger';
import { toRunTask } from './to-run-task';

export interface LanesDeps {
  readonly executors: ReadonlyMap<string, Executor>;
  readonly api: ExecutionApi;
  readonly logs: LogStore;
  readonly config: Pick<Config, 'dagsFolder' | 'maxXcomBytes' | 'parallelism'>;
  readonly logger: Logger;
  readonly onStarted: (started: StartedAttempt) => void;
  readonly onOutcome: (outcome: AttemptOutcome) => void;
  readonly onCapacity: () => void;
  /** A slot is free, and a callback waits for one. */
  readonly onCallbackRoom: () => void;
}

const CALLBACK_LANE = 'default';

export class Lanes {
  /** From the hand-over to the outcome; `begun` once its code has. A callback is in nobody's pool, and its end is its owner's business. */
  private readonly live = new Map<
    AttemptId,
    { readonly lane: string; begun: boolean; readonly onOutcome: ((outcome: AttemptOutcome) => void) | null }
  >();
  /** A callback waits for a slot: the next that is free is not for a task. */
  private callbackWaits = false;

  /** The lane that is served first. */
  private first = 0;

  constructor(private readonly deps: LanesDeps) {}

  async start(): Promise<void> {
    const { executors, api, config, logger, onStarted, onOutcome, onCapacity, onCallbackRoom } = this.deps;
    await Promise.all(
      [...executors.values()].map((executor) =>
        executor.start({
          api,
          logger: logger.child({ service: executor.name }),
          parallelism: config.parallelism,
          onStarted: (attemptId, where) => {
            const attempt = this.live.get(attemptId);
            if (attempt) attempt.begun = true;
            if (!attempt?.onOutcome) onStarted({ attemptId, ...where });
          },
          onOutcome: (outcome) => {
            const attempt = this.live.get(outcome.attemptId);
            this.live.delete(outcome.attemptId);
            (attempt?.onOutcome ?? onOutcome)(outcome);
            if (this.callbackWaits) onCallbackRoom();
            // Nobody else tells the engine of this slot.
            if (attempt?.onOutcome) onCapacity();
          },
          onCapacity,
        }),
      ),
    );
  }

  /** Attempts that this process may still take, whatever their lane. */
  free(): number {
    return Math.max(0, this.deps.config.parallelism - this.live.size - (this.callbackWaits ? 1 : 0));
  }

  /** Free slots of each lane, none of which has more than `free`. Which lane comes first changes, so that no lane takes all there is for ever. */
  capacity(): ReadonlyMap<string, number> {
    const lanes = [...this.deps.executors];
    const inTurn = [...lanes.slice(this.first), ...lanes.slice(0, this.first)];
    return new Map(inTurn.map(([lane, executor]) => [lane, Math.min(this.free(), this.capacityOf(lane, executor))]));
  }

  private capacityOf(lane: string, executor: Executor): number {
    return Math.max(0, executor.capacity() - (this.callbackWaits && lane === CALLBACK_LANE ? 1 : 0));
  }

  /** False: no slot is free; the next one is kept for it. Callbacks run where tasks that name no executor do. */
  hasRoomForCallback(): boolean {
    const executor = this.deps.executors.get(CALLBACK_LANE)!;
    const room = executor.capacity() > 0 && this.live.size < this.deps.config.parallelism;
    this.callbackWaits = !room;
    return room;
  }

  runCallback(work: RunCallback, onOutcome: (outcome: AttemptOutcome) => void): void {
    this.live.set(work.attemptId, { lane: CALLBACK_LANE, begun: false, onOutcome });
    this.deps.executors.get(CALLBACK_LANE)!.run([work]);
  }

  run(claimed: readonly ClaimedAttempt[]): void {
    const { executors, logs, config } = this.deps;
    this.first = (this.first + 1) % executors.size;
    for (const [lane, executor] of executors) {
      const attempts = claimed.filter((attempt) => attempt.lane === lane);
      if (attempts.length === 0) continue;
      for (const { attemptId } of attempts) this.live.set(attemptId, { lane, begun: false, onOutcome: null });
      executor.run(attempts.map((attempt) => toRunTask(attempt, logs, config)));
    }
  }

  cancel(attemptId: AttemptId, why: CancelReason): void {
    const attempt = this.live.get(attemptId);
    if (attempt) this.deps.executors.get(attempt.lane)!.cancel(attemptId, why);
  }

  cancelAll(why: CancelReason): void {
    for (const attemptId of this.live.keys()) this.cancel(attemptId, why);
  }

  sweep(): void {
    for (const executor of this.deps.executors.values()) executor.sweep?.();
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all([...this.deps.executors.values()].map((executor) => executor.stop(graceMs)));
  }

  /** For metrics. */
  stats(): { readonly lane: string; readonly open: number; readonly queued: number; readonly running: number }[] {
    const capacity = this.capacity();
    return [...this.deps.executors.keys()].map((lane) => {
      const here = [...this.live.values()].filter((attempt) => attempt.lane === lane);
      const running = here.filter((attempt) => attempt.begun).length;
      return { lane, open: capacity.get(lane)!, queued: here.length - running, running };
    });
  }
}
