/**
 * A warm pool of task processes: grown when tasks wait, with at most as many starting at once as there are cores; recycled after
 * some attempts, or when an attempt left something over; shrunk after idling.
 */
import os from 'node:os';
import type { AttemptOutcome, UserWork } from '../../src/core/workload';
import type { ExecutionApi } from '../../src/execution-api/execution-api';
import { isMachinery } from '../../src/runner/stop';
import type { Logger } from '../../src/telemetry/logger';
import type { StopReason } from '../../src/user-code/task-host-protocol';
import type { Heartbeat } from '../heartbeat-file';
import { stoppedEnd } from './describe-end';
import { TaskProcess } from './task-process';
import type { TaskProcessState } from './task-process';

export interface ProcessPoolOptions {
  readonly api: ExecutionApi;
  readonly logger: Logger;
  readonly runDir: string;
  readonly heartbeat: Heartbeat | null;
  readonly killGraceMs: number;
  readonly maxProcesses: number;
  /** Kept when idle. */
  readonly minProcesses: number;
  readonly attemptsPerProcess: number;
  readonly idleMs: number;
  onStarted(attemptId: string, pid: number | null): void;
  onOutcome(outcome: AttemptOutcome): void;
}

const startingAtOnce = Math.max(2, os.availableParallelism());

export class ProcessPool {
  /** The warm ones. */
  private readonly processes = new Set<TaskProcess>();
  /** Of one attempt each: `isolation: 'fresh'` or a memory limit. */
  private readonly single = new Set<TaskProcess>();
  private readonly waiting: UserWork[] = [];
  /** By attempt; null while it waits for a process. */
  private readonly running = new Map<string, TaskProcess | null>();
  private readonly shrinking: NodeJS.Timeout;
  private startFailures = 0;
  private retryStart: NodeJS.Timeout | null = null;
  private stopping = false;
  private onIdle: () => void = () => {};

  constructor(private readonly options: ProcessPoolOptions) {
    this.shrinking = setInterval(() => this.shrink(), Math.min(options.idleMs, 10_000)).unref();
    this.grow();
  }

  get runningCount(): number {
    return this.running.size;
  }
  get processCount(): number {
    return this.processes.size + this.single.size;
  }

  run(task: UserWork): void {
    this.running.set(task.attemptId, null);
    if (task.isolation === 'fresh' || task.memoryMb !== null) return this.runAlone(task);
    this.waiting.push(task);
    this.distribute();
  }

  cancel(attemptId: string, why: StopReason, graceMs?: number): void {
    const process = this.running.get(attemptId);
    if (process === undefined) return;
    if (process?.attemptId === attemptId) return process.cancel(why, graceMs);
    // It has not begun.
    const at = this.waiting.findIndex((task) => task.attemptId === attemptId);
    if (at >= 0) this.waiting.splice(at, 1);
    if (process) void process.end();
    const end = stoppedEnd(why, null, 'It had not begun.');
    this.finish({
      attemptId,
      outcome: isMachinery(why) && end.kind === 'lost' ? { kind: 'not-started', message: end.message } : end,
      cpuMs: null,
      peakKb: null,
    });
  }

  /** Waits for what runs, stops the rest, ends all processes. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    clearInterval(this.shrinking);
    clearTimeout(this.retryStart ?? undefined);
    await this.untilIdle(graceMs);
    const lastGraceMs = Math.min(this.options.killGraceMs, 1_000);
    for (const attemptId of [...this.running.keys()]) this.cancel(attemptId, 'shutdown', lastGraceMs);
    await this.untilIdle(lastGraceMs + 2_000);
    await Promise.all([...this.processes, ...this.single].map((process) => process.end()));
  }

  private async untilIdle(timeoutMs: number): Promise<void> {
    if (this.running.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.onIdle = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  private distribute(): void {
    if (this.waiting.length === 0) return;
    for (const process of this.processes) {
      if (process.state !== 'idle') continue;
      this.give(process, this.waiting.shift()!);
      if (this.waiting.length === 0) return;
    }
    this.grow();
  }

  private give(process: TaskProcess, task: UserWork): void {
    this.running.set(task.attemptId, process);
    process.run(task);
    this.options.onStarted(task.attemptId, process.pid);
  }

  /** A process per waiting task, within the limits. A settling one is as good as gone: it keeps no task from having a new one. */
  private grow(): void {
    if (this.retryStart || (this.stopping && this.waiting.length === 0)) return;
    const count = (state: TaskProcessState) => [...this.processes].filter((process) => process.state === state).length;
    const starting = count('starting');
    const present = this.processes.size - count('settling') - count('ending');
    const wanted = Math.max(this.waiting.length - starting, this.options.minProcesses - present);
    const allowed = Math.min(wanted, this.options.maxProcesses - present, startingAtOnce - starting);
    for (let made = 0; made < allowed; made += 1) this.processes.add(this.startProcess(null, (process) => this.onChange(process)));
  }

  private startProcess(memoryMb: number | null, onChange: (process: TaskProcess) => void): TaskProcess {
    const { api, runDir, killGraceMs, heartbeat } = this.options;
    return new TaskProcess({ api, runDir, killGraceMs, heartbeat, memoryMb, onOutcome: (outcome) => this.finish(outcome), onChange });
  }

  private onChange(process: TaskProcess): void {
    if (process.state === 'idle') {
      this.startFailures = 0;
      if (process.used >= this.options.attemptsPerProcess) void process.end();
    }
    if (process.state === 'gone') {
      this.processes.delete(process);
      if (process.used === 0 && !this.stopping) this.onStartFailure(process);
    }
    this.distribute();
    if (!this.stopping) this.grow();
  }

  /** It ended before it took a task: not to be tried again in a tight loop. */
  private onStartFailure(process: TaskProcess): void {
    if (Date.now() - process.idleSince > 5_000) return; // it had been there for a while
    this.startFailures += 1;
    const waitMs = Math.min(30_000, 250 * 2 ** this.startFailures);
    this.options.logger.error(
      `a task process ended while it was starting; the next is started in ${waitMs / 1000} s. ${process.stderrTail.trim()}`,
    );
    this.retryStart ??= setTimeout(() => {
      this.retryStart = null;
      this.grow();
    }, waitMs);
  }

  private runAlone(task: UserWork): void {
    const process = this.startProcess(task.memoryMb, (changed) => {
      if (changed.state === 'gone') this.single.delete(changed);
      if (this.running.get(task.attemptId) !== changed) void changed.end();
      else if (changed.state === 'idle' && changed.used === 0) this.give(changed, task);
      else if (changed.state === 'gone') {
        const message = `its task process could not start: ${changed.stderrTail.trim() || 'no reason given'}`;
        this.finish({ attemptId: task.attemptId, outcome: { kind: 'not-started', message }, cpuMs: null, peakKb: null });
      }
    });
    this.single.add(process);
    this.running.set(task.attemptId, process);
  }

  private finish(outcome: AttemptOutcome): void {
    if (!this.running.delete(outcome.attemptId)) return;
    this.options.onOutcome(outcome);
    if (this.running.size === 0) this.onIdle();
  }

  private shrink(): void {
    const old = Date.now() - this.options.idleMs;
    const idle = [...this.processes].filter((process) => process.state === 'idle');
    for (const process of idle.slice(this.options.minProcesses)) if (process.idleSince < old) void process.end();
  }
}
