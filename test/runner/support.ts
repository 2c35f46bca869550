/** Runs tasks and callbacks of DAGs made in a test through the runner, without a host. */
import { randomUUID } from 'node:crypto';
import { takeMadeDags } from '../../src/dag/registry';
import { serializeDag } from '../../src/dag/serialize';
import type { Outcome, RunCallback, RunTask } from '../../src/core/workload';
import type { ExecutionApi, XComEntry, XComQuery } from '../../src/execution-api/execution-api';
import { elementsOf, noSuchItem } from '../../src/execution-api/map-items';
import type { LogLine } from '../../src/logs/log-store';
import type { SecretsBackend } from '../../src/secrets/secrets';
import { AttemptLog } from '../../src/runner/attempt-log';
import { runCallback } from '../../src/runner/run-callback';
import { runTask } from '../../src/runner/run-task';
import { Stopper } from '../../src/runner/stop';
import { TriggerClasses } from '../../src/dag/trigger';
import type { DAG } from '../../src/dag/dag';

export interface Stage {
  /** Return values: 'task' or 'task[index]' → value. */
  readonly outputs: Record<string, unknown>;
  readonly lines: LogLine[];
  readonly labels: string[];
  readonly rendered: unknown[];
  /** Questions to the engine. */
  readonly queries: (XComQuery | string)[];
  run(taskId: string, overrides?: Partial<RunTask>): Promise<Outcome>;
  /** @returns its value, or throws the message of its failure */
  value(taskId: string, overrides?: Partial<RunTask>): Promise<unknown>;
  callback(overrides: Partial<RunCallback>): Promise<Outcome>;
  text(): string;
}

const noSecrets: SecretsBackend = { getVariable: async (key) => (key === 'colour' ? 'blue' : null), getConnection: async () => null };

/** @param dag one that was made after `openRegistry()` */
export function stage(dag: DAG, outputs: Record<string, unknown> = {}, secrets: SecretsBackend = noSecrets): Stage {
  takeMadeDags();
  const { spec } = serializeDag(dag);
  const lines: LogLine[] = [];
  const labels: string[] = [];
  const rendered: unknown[] = [];
  const queries: (XComQuery | string)[] = [];
  const entries = (): XComEntry[] =>
    Object.entries(outputs).map(([name, value]) => {
      const [, taskId, index] = /^(.*?)(?:\[(\d+)\])?$/.exec(name)!;
      return { taskId: taskId!, mapIndex: index === undefined ? -1 : Number(index), key: 'return_value', value: JSON.stringify(value) };
    });
  const api = {
    pullXComs: async (_id: string, query: XComQuery) => {
      queries.push(query);
      return entries().filter((one) => query.taskIds.includes(one.taskId) && (query.mapIndexes?.includes(one.mapIndex) ?? true));
    },
    pullMapItem: async (_id: string, item: { taskId: string; index: number }) => {
      queries.push(`${item.taskId}[${item.index}]`);
      const found = entries().filter((one) => one.taskId === item.taskId);
      const elements = found.some((one) => one.mapIndex >= 0) ? found.map((one) => one.value) : elementsOf(found[0]?.value ?? 'null');
      if (elements?.[item.index] === undefined) throw noSuchItem(item);
      return elements[item.index]!;
    },
    setMapLabel: async (_id: string, label: string) => void labels.push(label),
    setRendered: async (_id: string, fields: unknown) => void rendered.push(fields),
    getVariable: (_id: string, key: string) => secrets.getVariable(key),
    getConnection: (_id: string, id: string) => secrets.getConnection(id),
    previousSuccess: async () => null,
  } as unknown as ExecutionApi;
  const at = Date.parse('2026-01-31T00:00:00Z');
  const run = {
    dagId: dag.id,
    runId: 'r1',
    runType: 'manual',
    logicalDate: at,
    dataIntervalStart: at,
    dataIntervalEnd: at,
    runAfter: at,
    startDate: at,
    conf: {},
  } as const;
  const load = async () => ({ dags: [dag], files: {}, triggers: new TriggerClasses() });
  const log = () => new AttemptLog({ write: (line) => void lines.push(line), close: () => undefined });
  const place = { bundleHash: 'h', filePath: 'd.ts', dagsFolder: null, logPath: '', isolation: 'warm', memoryMb: null } as const;

  const built: Stage = {
    outputs,
    lines,
    labels,
    rendered,
    queries,
    async run(taskId, overrides = {}) {
      const task = spec.tasks.find(({ id }) => id === taskId)!;
      const workload: RunTask = {
        kind: 'run-task',
        attemptId: randomUUID(),
        ...place,
        run,
        taskId,
        mapIndex: -1,
        tryNumber: 1,
        piece: 0,
        maxTries: 1,
        executionTimeoutMs: null,
        inputs: task.inputs,
        mapLengths: null,
        resume: null,
        tryStartedAt: null,
        maxXcomBytes: 10_000,
        ...overrides,
      };
      const host = { registerProcessGroup: () => () => undefined, writeLine: () => undefined };
      return runTask(workload, { api, load, log: log(), stopper: new Stopper(), host });
    },
    async value(taskId, overrides) {
      const outcome = await built.run(taskId, overrides);
      if (outcome.kind === 'failed') throw new Error(outcome.error.message);
      if (outcome.kind !== 'success') throw new Error(`the task ended as ${outcome.kind}`);
      return outcome.returnValue === null ? undefined : (JSON.parse(outcome.returnValue) as unknown);
    },
    async callback(overrides) {
      const workload: RunCallback = {
        kind: 'run-callback',
        attemptId: randomUUID(),
        ...place,
        run,
        event: 'failure',
        task: null,
        reason: null,
        error: null,
        executionTimeoutMs: null,
        ...overrides,
      };
      return runCallback(workload, { api, load, log: log(), stopper: new Stopper() });
    },
    text: () => lines.map(({ message }) => message).join('\n'),
  };
  return built;
}
