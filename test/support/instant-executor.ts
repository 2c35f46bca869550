import type { Executor, ExecutorContext } from '../../executors/executor';
import type { Outcome, RunCallback, RunTask, UserWork } from '../../src/core/workload';

const success: Outcome = { kind: 'success', returnValue: null, branch: null };

/** An executor without processes: what a task comes to is what `decide` says, at the next turn of the event loop (null: never). */
export class InstantExecutor implements Executor {
  readonly name = 'instant';
  /** Every try that was handed over, in order. */
  readonly ran: RunTask[] = [];
  readonly calledBack: RunCallback[] = [];
  readonly cancelled: string[] = [];
  mostAtOnce = 0;
  private readonly live = new Set<string>();
  private context: ExecutorContext | null = null;

  constructor(
    private readonly slots = 16,
    private readonly decide: (task: RunTask) => Outcome | null | Promise<Outcome | null> = () => success,
    private readonly decideCallback: (callback: RunCallback) => Outcome | null = () => success,
  ) {}

  async start(context: ExecutorContext): Promise<void> {
    this.context = context;
  }

  capacity(): number {
    return this.slots - this.live.size;
  }

  run(tasks: readonly UserWork[]): void {
    for (const task of tasks) {
      if (task.kind === 'run-task') this.ran.push(task);
      else this.calledBack.push(task);
      this.live.add(task.attemptId);
      this.mostAtOnce = Math.max(this.mostAtOnce, this.live.size);
      this.context?.onStarted(task.attemptId, { host: 'here', pid: null });
      setImmediate(() => {
        void Promise.resolve(task.kind === 'run-task' ? this.decide(task) : this.decideCallback(task)).then(
          (outcome) => outcome && this.end(task.attemptId, outcome),
        );
      });
    }
  }

  end(attemptId: string, outcome: Outcome = success): void {
    if (!this.live.delete(attemptId)) return;
    this.context?.onOutcome({ attemptId, outcome, cpuMs: null, peakKb: null });
  }

  cancel(attemptId: string): void {
    this.cancelled.push(attemptId);
    this.end(attemptId, { kind: 'lost', message: 'cancelled' });
  }

  async stop(): Promise<void> {
    for (const attemptId of [...this.live]) this.end(attemptId, { kind: 'lost', message: 'stopped' });
  }

  stats() {
    return { running: this.live.size, capacity: this.slots, workers: 0 };
  }
}
