/**
 * One DagRun in this process: the engine of the scheduler on the memory ledger, tasks one at a time in the foreground, so that a
 * breakpoint in task code is hit. Needs no database, no home and no other process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ForegroundExecutor } from '../../executors/foreground/foreground-executor';
import { checkConf } from '../commands/check-conf';
import { runIdOf } from '../commands/run-ids';
import type { Config } from '../config/config';
import { packageVersion } from '../config/package-root';
import { isRunFinished } from '../core/states';
import type { RunState, TaskReason, TaskState } from '../core/states';
import type { JsonObject, JsonValue } from '../core/json';
import type { DataInterval, Instant } from '../core/time';
import type { DagSpec } from '../dag-spec/spec';
import { Engine } from '../engine/engine';
import { createMemoryExecutionApi } from '../execution-api/memory-execution-api';
import { MemoryLedger } from '../ledger/memory/memory-ledger';
import type { MemoryTask } from '../ledger/memory/memory-rows';
import type { LogLine } from '../logs/log-store';
import { subjectOf } from '../core/workload';
import { describeWait } from '../runner/defer';
import { toRunTask } from '../scheduler/to-run-task';
import { secretsOfConfig } from '../secrets/secrets';
import { silentLogger } from '../telemetry/create-logger';
import type { FoundDag } from './find-dag-file';
import { MemoryCallbacks } from './memory-callbacks';
import { MemoryWaits } from './memory-waits';
import { intervalOf } from './with-schedule';

export interface InMemoryOptions {
  /** Default: now. */
  readonly logicalDate?: Instant;
  readonly conf?: JsonObject;
  /** Failed tasks are tried again at once. */
  readonly skipRetryDelays?: boolean;
  /** Each line of a task's log as it comes; of a mapped one `id[map index]`. */
  readonly onLine?: (task: string, line: LogLine) => void;
  /** Each change of a task's state, and each new try. */
  readonly onState?: (task: InMemoryTask) => void;
  /** Stops the run: what runs is asked to end, then killed with it. */
  readonly signal?: AbortSignal;
}

export interface InMemoryTask {
  readonly taskId: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly tryNumber: number;
  readonly startDate: Instant | null;
  readonly endDate: Instant | null;
  /** Of a task that waits for its next try. */
  readonly dueAt: Instant | null;
  /** What a deferred task waits for, in words. */
  readonly waitsFor: string | null;
  /** Why it could not be expanded. */
  readonly error: string | null;
  /** What the task returned; undefined when it returned nothing. */
  readonly output: JsonValue | undefined;
}

export interface InMemoryRun {
  readonly runId: string;
  readonly logicalDate: Instant;
  readonly interval: DataInterval;
  /** `running` when it was stopped. */
  readonly state: RunState;
  /** In topological order. */
  readonly tasks: readonly InMemoryTask[];
  readonly durationMs: number;
}

const LANE = 'default';
const FOREVER_MS = 1e15;
const STOP_GRACE_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @throws ThenceError (INVALID_VALUE) when conf does not fit the DAG's params */
export async function runDagInMemory(found: FoundDag, config: Config, options: InMemoryOptions = {}): Promise<InMemoryRun> {
  const { conf = {}, signal } = options;
  const spec = prepareSpec(found.spec, options);
  const checked = checkConf({ dagId: spec.dagId, version: found.bundle.hash, spec }, conf);

  const ledger = new MemoryLedger({
    pools: Object.fromEntries(spec.tasks.map((task) => [task.pool, -1])),
    maxLostTries: config.maxLostTries,
  });
  ledger.addDag({ spec, bundleHash: found.bundle.hash, filePath: found.filePath });
  const logicalDate = options.logicalDate ?? Date.now();
  const interval = await intervalOf(found, logicalDate, config);
  const runId = runIdOf('manual', logicalDate);
  const newRun = { dagId: spec.dagId, runId, runType: 'manual', logicalDate, interval, runAfter: Date.now(), conf: checked } as const;
  const [created] = await ledger.createRuns([{ ...newRun, triggeredBy: 'test', triggeringUser: null, note: null, backfill: null }]);
  const { run } = created!;

  const startedAt = performance.now();
  const state = await execute({ found, config, options, ledger, run, signal });
  const tasks = ledger.tasksOf(run).map((task) => snapshot(ledger, task));
  return { runId, logicalDate, interval, state, tasks, durationMs: performance.now() - startedAt };
}

/** Nothing but this run's own tasks can hold it up: pools have no limit, every executor is the foreground. */
function prepareSpec(spec: DagSpec, { skipRetryDelays = false }: InMemoryOptions): DagSpec {
  const delays = skipRetryDelays ? { retryDelaysMs: [0], retryExponentialBackoff: false } : {};
  const runDelay = skipRetryDelays && spec.runRetries !== undefined ? { runRetryDelayMs: 0 } : {};
  return { ...spec, ...runDelay, tasks: spec.tasks.map((task) => ({ ...task, executor: null, ...delays })) };
}

interface Execution {
  readonly found: FoundDag;
  readonly config: Config;
  readonly options: InMemoryOptions;
  readonly ledger: MemoryLedger;
  readonly run: number;
  readonly signal: AbortSignal | undefined;
}

async function execute({ found, config, options, ledger, run, signal }: Execution): Promise<RunState> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'thence-run-'));
  const session = await ledger.openSession({
    kind: 'test',
    host: os.hostname(),
    bootId: '',
    pid: process.pid,
    version: packageVersion,
    lanes: [LANE],
    capacity: 1,
    leaseMs: FOREVER_MS,
  });
  const executor = new ForegroundExecutor({
    home: scratch,
    killGraceMs: config.killGraceMs,
    onLine: (line, work) => options.onLine?.(subjectOf(work), line),
  });
  const api = createMemoryExecutionApi({ ledger, bundles: [found.bundle], secrets: secretsOfConfig(config) });
  const waits = new MemoryWaits({
    ledger,
    found,
    api,
    maxPayloadBytes: config.maxXcomBytes,
    onLine: (taskId, line) => options.onLine?.(taskId, line),
    onFired: () => engine.wakeUp(),
  });
  const callbacks = new MemoryCallbacks({ ledger, found, run: (work) => executor.run(work) });
  const announce = announcer(ledger, run, options.onState);
  let ended!: () => void;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const engine: Engine = new Engine({
    ledger,
    session: () => session,
    capacity: () => new Map([[LANE, executor.capacity()]]),
    dispatch: (claimed) =>
      executor.run(
        claimed.map((each) => toRunTask(each, { pathOf: () => '' }, { dagsFolder: found.dagsFolder, maxXcomBytes: config.maxXcomBytes })),
      ),
    cancel: (attemptId, why) => executor.cancel(attemptId, why),
    logger: silentLogger,
    onHop: () => void goOn(),
  });
  let timer: NodeJS.Timeout | undefined;
  /** What services of the scheduler do beside the engine: instances of mapped tasks, waits, callbacks, the run's own timeout and retries. */
  const goOn = async (): Promise<void> => {
    clearTimeout(timer);
    const expanded = await ledger.expandTasks(100);
    const late = await ledger.timeOutRuns(1);
    const again = (await ledger.retryRuns(1)).length > 0 ? await ledger.startQueuedRuns(1) : [];
    waits.look();
    announce();
    callbacks.look();
    const { state, woken, deadlineAt, retryAt } = ledger.run(run)!;
    if (expanded.length + late.length + again.length > 0 || (woken && state === 'running')) engine.wakeUp();
    if (isRunFinished(state) && retryAt === null) return void callbacks.settled().then(ended);
    const next = retryAt ?? deadlineAt;
    if (next !== null) timer = setTimeout(() => void goOn(), Math.min(LONGEST_TIMER_MS, Math.max(1, next - Date.now())));
  };
  signal?.addEventListener('abort', ended, { once: true });
  try {
    await executor.start({
      api,
      logger: silentLogger,
      parallelism: 1,
      onStarted: (attemptId, where) => engine.attemptStarted({ attemptId, ...where }),
      onOutcome: (outcome) => {
        if (!callbacks.ended(outcome)) engine.attemptFinished(outcome);
      },
      onCapacity: () => engine.wakeUp(),
    });
    engine.start();
    engine.wakeUp(await ledger.startQueuedRuns(1));
    if (signal?.aborted !== true) await end;
    return ledger.run(run)!.state;
  } finally {
    signal?.removeEventListener('abort', ended);
    clearTimeout(timer);
    await waits.stop();
    await executor.stop(signal?.aborted === true ? STOP_GRACE_MS : 0);
    await engine.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Tells of each task that is in another state, or at another try, than before. */
function announcer(ledger: MemoryLedger, run: number, onState: InMemoryOptions['onState']): () => void {
  const shown = new Map<string, string>();
  return () => {
    if (!onState) return;
    for (const task of ledger.tasksOf(run)) {
      const now = `${task.state} ${task.tryNumber}`;
      const key = `${task.id} ${task.mapIndex}`;
      if (task.state === null || shown.get(key) === now) continue;
      shown.set(key, now);
      onState(snapshot(ledger, task));
    }
  };
}

function snapshot(ledger: MemoryLedger, task: Readonly<MemoryTask>): InMemoryTask {
  const { id: taskId, mapIndex, state, reason, tryNumber, startDate, endDate, dueAt, wait, error } = task;
  const output = ledger.getXCom(task.run.pk, taskId, 'return_value', mapIndex);
  return {
    taskId,
    mapIndex,
    state,
    reason,
    tryNumber,
    startDate,
    endDate,
    dueAt,
    waitsFor: wait && describeWait(wait.spec),
    error,
    output: output === null ? undefined : (JSON.parse(output) as JsonValue),
  };
}
