/** Executor `local`: each attempt in a process of a warm pool, one at a time, killable as a group. */
import os from 'node:os';
import path from 'node:path';
import type { UserWork } from '../../src/core/workload';
import { sweepGroups } from '../../src/user-code/process-groups';
import type { CancelReason, Executor, ExecutorContext } from '../executor';
import { startHeartbeat } from '../heartbeat-file';
import { ProcessPool } from './process-pool';

export interface LocalExecutorOptions {
  /** thence's home: `run/` in it names process groups that must not outlive us. */
  readonly home: string;
  /** Between asking an attempt to stop and killing it. */
  readonly killGraceMs: number;
  /** Of the scheduler's session. When the scheduler freezes, attempts end before it does. Without it they go on. */
  readonly leaseMs?: number;
  /** @default THENCE_PARALLELISM */
  readonly maxProcesses?: number;
  /** A process is replaced after that many attempts. @default 500 */
  readonly attemptsPerProcess?: number;
  /** An idle process goes after that time; two stay. @default 60 s */
  readonly idleMs?: number;
}

export class LocalExecutor implements Executor {
  readonly name = 'local';
  private pool: ProcessPool | null = null;
  private size = 0;
  private beating: ReturnType<typeof startHeartbeat> | null = null;

  constructor(private readonly options: LocalExecutorOptions) {}

  private get runDir(): string {
    return path.join(this.options.home, 'run');
  }

  async start(context: ExecutorContext): Promise<void> {
    const { runDir } = this;
    this.sweep();
    if (this.options.leaseMs !== undefined) this.beating = startHeartbeat(runDir, this.options.leaseMs);
    this.size = Math.min(context.parallelism, this.options.maxProcesses ?? context.parallelism);
    const host = os.hostname();
    this.pool = new ProcessPool({
      api: context.api,
      logger: context.logger,
      runDir,
      heartbeat: this.beating?.heartbeat ?? null,
      killGraceMs: this.options.killGraceMs,
      maxProcesses: this.size,
      minProcesses: Math.min(2, this.size),
      attemptsPerProcess: this.options.attemptsPerProcess ?? 500,
      idleMs: this.options.idleMs ?? 60_000,
      onStarted: (attemptId, pid) => context.onStarted(attemptId, { host, pid }),
      onOutcome: (outcome) => context.onOutcome(outcome),
    });
  }

  capacity(): number {
    return Math.max(0, this.size - (this.pool?.runningCount ?? 0));
  }

  run(tasks: readonly UserWork[]): void {
    for (const task of tasks) this.pool!.run(task);
  }

  cancel(attemptId: string, why: CancelReason): void {
    this.pool?.cancel(attemptId, why);
  }

  async stop(graceMs: number): Promise<void> {
    await this.pool?.stop(graceMs);
    this.beating?.stop();
  }

  sweep(): void {
    sweepGroups(this.runDir);
  }

  stats() {
    return { running: this.pool?.runningCount ?? 0, capacity: this.size, workers: this.pool?.processCount ?? 0 };
  }
}
