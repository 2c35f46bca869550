/** Runs attempts on an executor against an ExecutionApi in memory, and waits for what comes of them. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { CancelReason, Executor } from '../../executors/executor';
import type { JsonObject } from '../../src/core/json';
import type { AttemptOutcome, RunTask, UserWork } from '../../src/core/workload';
import type { ExecutionApi } from '../../src/execution-api/execution-api';
import type { LogLine } from '../../src/logs/log-store';
import type { Logger } from '../../src/telemetry/logger';
import { eventually } from '../support/eventually';

const fixture = readFileSync(path.join(__dirname, 'fixtures/manners.cjs'), 'utf8');

export interface Harness {
  readonly folder: string;
  readonly outcomes: AttemptOutcome[];
  readonly started: Map<string, { host: string; pid: number | null }>;
  readonly api: TestApi;
  task(taskId: string, overrides?: TaskOverrides): RunTask;
  /** Runs it and waits for its outcome. */
  outcomeOf(task: UserWork): Promise<AttemptOutcome>;
  begin(task: UserWork): void;
  cancel(task: UserWork, why: CancelReason): void;
  ended(task: UserWork): Promise<AttemptOutcome>;
  log(task: UserWork): LogLine[];
  text(task: UserWork): string;
  stop(graceMs?: number): Promise<void>;
}

type TaskOverrides = Partial<Omit<RunTask, 'run'>> & { conf?: JsonObject };

type TestApi = ExecutionApi & { readonly calls: string[]; readonly rendered: JsonObject[] };

export const quietLogger: Logger = {
  debug: () => quietLogger,
  info: () => quietLogger,
  warn: () => quietLogger,
  error: () => quietLogger,
  child: () => quietLogger,
} as unknown as Logger;

/** A first try of a task of `fixtures/manners.cjs`, with its log below the folder. */
export function taskOfManners(folder: string, taskId: string, { conf = {}, ...overrides }: TaskOverrides = {}): RunTask {
  const attemptId = randomUUID();
  const at = Date.parse('2026-01-31T00:00:00Z');
  return {
    kind: 'run-task',
    attemptId,
    bundleHash: 'manners',
    filePath: 'manners.cjs',
    dagsFolder: path.join(__dirname, 'fixtures'),
    run: {
      dagId: 'manners',
      runId: 'r1',
      runType: 'manual',
      logicalDate: at,
      dataIntervalStart: at,
      dataIntervalEnd: at,
      runAfter: at,
      startDate: at,
      conf,
    },
    taskId,
    mapIndex: -1,
    tryNumber: 1,
    piece: 0,
    maxTries: 1,
    executionTimeoutMs: null,
    isolation: 'warm',
    memoryMb: null,
    inputs: {},
    logPath: path.join(folder, `logs/${taskId}-${attemptId}.log`),
    mapLengths: null,
    resume: null,
    tryStartedAt: null,
    maxXcomBytes: 2_000,
    ...overrides,
  };
}

export async function startHarness(make: (home: string) => Executor, parallelism = 4): Promise<Harness> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'thence-executor-'));
  const executor = make(folder);
  const outcomes: AttemptOutcome[] = [];
  const started: Harness['started'] = new Map();
  const api = makeApi();
  await executor.start({
    api,
    logger: quietLogger,
    parallelism,
    onStarted: (id, where) => started.set(id, where),
    onOutcome: (outcome) => outcomes.push(outcome),
    onCapacity: () => {},
  });

  const harness: Harness = {
    folder,
    outcomes,
    started,
    api,
    task: (taskId, overrides) => taskOfManners(folder, taskId, overrides),
    begin: (task) => executor.run([task]),
    cancel: (task, why) => executor.cancel(task.attemptId, why),
    ended: async (task) => {
      const mine = () => outcomes.filter((outcome) => outcome.attemptId === task.attemptId);
      await eventually(() => expect(mine()).toHaveLength(1), 30_000);
      return mine()[0]!;
    },
    outcomeOf: async (task) => {
      await eventually(() => expect(executor.capacity()).toBeGreaterThan(0), 30_000);
      executor.run([task]);
      return harness.ended(task);
    },
    log: (task) =>
      existsSync(task.logPath)
        ? readFileSync(task.logPath, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line) as LogLine)
        : [],
    text: (task) =>
      harness
        .log(task)
        .map((line) => line.message)
        .join('\n'),
    stop: async (graceMs = 0) => {
      await executor.stop(graceMs);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return harness;
}

function makeApi(): TestApi {
  const calls: string[] = [];
  const rendered: JsonObject[] = [];
  const note = (name: string) => calls.push(name);
  return {
    calls,
    rendered,
    getBundle: async (hash) => {
      note('getBundle');
      return { hash, format: 'cjs', code: fixture, files: {} };
    },
    pullXComs: async (_attempt, { taskIds, key }) => {
      note('pullXComs');
      const values: Record<string, string> = { one: '1', two: '[1,2]' };
      return taskIds.filter((id) => id in values).map((taskId) => ({ taskId, key, mapIndex: -1, value: values[taskId]! }));
    },
    pushXCom: async () => void note('pushXCom'),
    setRendered: async (_attempt, fields) => void rendered.push(fields),
    pullMapItem: async (_attempt, { taskId, index }) => JSON.stringify(`${taskId}[${index}]`),
    setMapLabel: async (_attempt, label) => void note(`setMapLabel ${label}`),
    previousSuccess: async () => null,
    triggerRun: async (_attempt, { dagId, runId }) => ({ dagId, runId: runId ?? 'manual__1', became: 'created', isPaused: false }),
    getRunState: async () => null,
    getExternalRuns: async () => [],
    getDagTasks: async () => null,
    getVariable: async (_attempt, key) => (key === 'colour' ? 'blue' : null),
    getConnection: async (_attempt, id) =>
      id === 'db'
        ? {
            id,
            type: 'postgres',
            host: 'h',
            port: 5432,
            login: 'u',
            password: 's3cret/word',
            schema: 'd',
            extra: {},
            uri: 'postgres://u:s3cret%2Fword@h:5432/d',
          }
        : null,
  };
}

export function isRunning(pid: number): boolean {
  try {
    // A killed process that its parent has not waited for yet is a zombie: it runs no more.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    try {
      process.kill(pid, 0);
      return process.platform !== 'linux';
    } catch {
      return false;
    }
  }
}
