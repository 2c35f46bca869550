/** Runs the tries and callbacks of a test in this process, and remembers what they did. */
import type { Instant } from '../../core/time';
import type { RunState } from '../../core/states';
import type { AttemptOutcome, BundleCode, Outcome } from '../../core/workload';
import { instanceName } from '../../core/workload';
import type { JsonValue } from '../../core/json';
import type { DAG } from '../../dag/dag';
import type { TriggerClasses } from '../../dag/trigger';
import type { AnyParams } from '../../dag/types';
import type { ExecutionApi } from '../../execution-api/execution-api';
import type { ClaimedAttempt, RunPk } from '../../ledger/ledger';
import type { MemoryLedger } from '../../ledger/memory/memory-ledger';
import type { LogLine } from '../../logs/log-store';
import { AttemptLog } from '../../runner/attempt-log';
import type { AnyTask, LoadedFile } from '../../runner/find-task';
import { runCallback } from '../../runner/run-callback';
import { runTask } from '../../runner/run-task';
import { Stopper, TaskStopped } from '../../runner/stop';
import { toRunTask } from '../../scheduler/to-run-task';
import { toCallbackWork } from '../callback-work';
import { whileMocked, type MockBehaviour } from './mocks';
import { TestRun, type TestCallback, type TestTask } from './test-run';

export interface TestRunnerDeps {
  readonly dag: DAG<AnyParams>;
  readonly files: BundleCode['files'];
  readonly mocks: ReadonlyMap<string, MockBehaviour>;
  readonly triggers: TriggerClasses;
  readonly clock: { now(): Instant };
  readonly api: ExecutionApi;
  readonly filePath: string;
}

type Thrown = TestTask['error'];

/** Nobody keeps track of what a task's own processes are: the test sees to them. */
const HOST = { registerProcessGroup: () => () => undefined, writeLine: () => undefined };

export class TestRunner {
  private readonly order: string[] = [];
  private readonly lines = new Map<string, LogLine[]>();
  private readonly errors = new Map<string, Thrown>();
  private readonly called: TestCallback[] = [];
  private owed = 0;
  private readonly load: () => Promise<LoadedFile>;

  constructor(private readonly deps: TestRunnerDeps) {
    const { dag, files, triggers } = deps;
    this.load = async () => ({ dags: [dag as DAG], files, triggers });
  }

  /** `takesMs`: on the clock of the test. A try that takes longer than its executionTimeout is stopped by it, after its code has run. */
  async run(claimed: ClaimedAttempt, maxXcomBytes: number): Promise<{ outcome: AttemptOutcome; takesMs: number }> {
    const work = toRunTask(claimed, { pathOf: () => '' }, { dagsFolder: '', maxXcomBytes });
    const name = instanceName(claimed);
    if (claimed.piece === 0) this.order.push(claimed.tryNumber === 1 ? name : `${name}#${claimed.tryNumber}`);
    const { api, clock, mocks } = this.deps;
    const log = this.logOf(name);
    const stopper = new Stopper();
    const takesMs = mocks.get(claimed.taskId)?.takesMs ?? 0;
    const isLate = work.executionTimeoutMs !== null && takesMs > work.executionTimeoutMs;
    if (isLate) stopper.stop(new TaskStopped('timeout', work.executionTimeoutMs));
    const task = this.deps.dag.nodes.get(claimed.taskId) as unknown as AnyTask;
    const deps = { api, load: this.load, log, stopper, host: HOST, now: () => clock.now() };
    const outcome = await whileMocked(task, mocks.get(claimed.taskId), () => runTask(work, deps));
    log.end();
    this.errors.set(name, errorOf(outcome));
    const report: AttemptOutcome = { attemptId: claimed.attemptId, outcome, cpuMs: null, peakKb: null };
    return { outcome: report, takesMs: isLate ? work.executionTimeoutMs : takesMs };
  }

  /** Those that are owed since the last call. */
  async callBack(ledger: MemoryLedger): Promise<void> {
    const { api, filePath } = this.deps;
    const code = { bundleHash: '', filePath, dagsFolder: null, executionTimeoutMs: null };
    for (const owed of ledger.callbacks().slice(this.owed)) {
      this.owed++;
      const { run, task, event } = owed;
      const work = toCallbackWork(owed, code);
      const outcome = await runCallback(work, {
        api,
        load: this.load,
        log: this.logOf(`${task?.id ?? run.new.dagId} ${event}`),
        stopper: new Stopper(),
      });
      this.called.push({
        event,
        task: task && instanceName({ taskId: task.id, mapIndex: task.mapIndex }),
        error: errorOf(outcome)?.message ?? null,
      });
    }
  }

  result(ledger: MemoryLedger, pk: RunPk, state: RunState, begin: Instant): TestRun {
    const date = (at: Instant | null) => (at === null ? null : new Date(at));
    const tasks = ledger.tasksOf(pk).map((task): TestTask => {
      const name = instanceName({ taskId: task.id, mapIndex: task.mapIndex });
      const output = ledger.getXCom(pk, task.id, 'return_value', task.mapIndex);
      return {
        id: task.id,
        mapIndex: task.mapIndex,
        state: task.state,
        reason: task.reason,
        tryNumber: task.tryNumber,
        startDate: date(task.startDate),
        endDate: date(task.endDate),
        output: output === null ? undefined : (JSON.parse(output) as JsonValue),
        log: this.lines.get(name) ?? [],
        error: this.errors.get(name) ?? (task.error === null ? null : { name: 'Error', message: task.error }),
      };
    });
    return new TestRun(state, tasks, this.order, this.called, new Date(begin), date(ledger.run(pk)!.endDate));
  }

  private logOf(name: string): AttemptLog {
    const lines = this.lines.get(name) ?? [];
    this.lines.set(name, lines);
    return new AttemptLog({ write: (line) => lines.push(line), close: () => undefined }, () => this.deps.clock.now());
  }
}

function errorOf(outcome: Outcome): Thrown {
  return outcome.kind === 'failed' ? { name: outcome.error.name, message: outcome.error.message } : null;
}
