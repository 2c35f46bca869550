/** `tasks render`: the template options of one task as a run would have them, in this process, without running it. */
import { randomUUID } from 'node:crypto';
import { checkConf } from '../commands/check-conf';
import { runIdOf } from '../commands/run-ids';
import type { Config } from '../config/config';
import { ThenceError } from '../core/errors';
import type { JsonObject, JsonValue } from '../core/json';
import { mapLengths } from '../core/map-lengths';
import type { Instant } from '../core/time';
import type { RunTask } from '../core/workload';
import { compileDag, type CompiledDag } from '../dag-spec/compiled-dag';
import { createMemoryExecutionApi } from '../execution-api/memory-execution-api';
import type { LogLine } from '../logs/log-store';
import { AttemptLog } from '../runner/attempt-log';
import { attemptScope } from '../runner/attempt-scope';
import { installCapture } from '../runner/capture';
import { renderTask } from '../runner/run-task';
import { Stopper } from '../runner/stop';
import { secretsOfConfig } from '../secrets/secrets';
import { evaluateBundle, triggersOf } from '../user-code/evaluate-bundle';
import type { FoundDag } from './find-dag-file';
import { onlyTask } from './single-task';
import { intervalOf } from './with-schedule';

export interface RenderOptions {
  readonly taskId: string;
  /** Default: now. */
  readonly logicalDate?: Instant;
  readonly conf: JsonObject;
  /** Of a mapped task: which instance. Default: the first. */
  readonly mapIndex?: number;
  /** By task id, what other tasks returned: of a mapped one the list. Those that are not named returned nothing. */
  readonly outputs: JsonObject;
  /** What the file prints while it is loaded. */
  readonly onLine: (line: LogLine) => void;
}

/**
 * As the pages show it: secrets are masked, long texts cut. `{}`: the task has no template options.
 * @throws ThenceError NOT_FOUND, INVALID_VALUE (conf, map index, outputs, mapped over what another task gives); else what is wrong with a template
 */
export async function renderAlone(found: FoundDag, config: Config, options: RenderOptions): Promise<JsonObject> {
  const alone = onlyTask(found, options.taskId);
  const dag = compileDag('alone', found.spec);
  const stored = new Map(Object.entries(options.outputs).map(([task, output]) => [task, storedOf(dag, task, output)]));
  const workload = await workloadOf(alone, dag, config, options);
  const ledger = {
    attempt: () => ({ state: 'running', task: { run: { pk: 0, new: { runId: workload.run.runId } } } }),
    xcomsOf: (_run: number, taskId: string, key: string) => (key === 'return_value' ? (stored.get(taskId) ?? []) : []),
    setXCom: () => true,
  };
  // What is shown may not be taken for what the file prints.
  const log = new AttemptLog({ write: (line) => attemptScope.run('outside', () => options.onLine(line)), close: () => undefined });
  return captured(workload.attemptId, log, () =>
    renderTask(workload, {
      api: createMemoryExecutionApi({ ledger, bundles: [found.bundle], secrets: secretsOfConfig(config) }),
      load: async () => {
        const dags = await evaluateBundle(found.bundle, found);
        return { dags, files: found.bundle.files, triggers: triggersOf(dags) };
      },
      log,
      stopper: new Stopper(),
      host: { registerProcessGroup: () => () => undefined, writeLine: () => undefined },
    }),
  );
}

/** All that user code prints goes to the log, and what it leaves uncaught is thrown here. */
async function captured<T>(attemptId: string, log: AttemptLog, work: () => Promise<T>): Promise<T> {
  let fail!: (error: unknown) => void;
  const uncaught = new Promise<never>((_resolve, reject) => (fail = reject));
  const scope = { attemptId, log, ended: false, children: new Map(), onUncaught: fail };
  const uninstall = installCapture(() => scope);
  try {
    return await Promise.race([attemptScope.run(scope, work), uncaught]);
  } finally {
    uninstall();
    log.end();
  }
}

function storedOf(dag: CompiledDag, taskId: string, output: JsonValue): { mapIndex: number; value: string }[] {
  const task = dag.tasks.get(taskId);
  if (!task) throw new ThenceError('NOT_FOUND', `DAG "${dag.spec.dagId}" has no task "${taskId}" that could have an output`);
  if (!task.expand) return [{ mapIndex: -1, value: JSON.stringify(output) }];
  if (!Array.isArray(output)) throw new ThenceError('INVALID_VALUE', `task "${taskId}" is mapped: its output is given as a list`);
  return output.map((value, mapIndex) => ({ mapIndex, value: JSON.stringify(value) }));
}

async function workloadOf(alone: FoundDag, dag: CompiledDag, config: Config, options: RenderOptions): Promise<RunTask> {
  const { spec, bundle, filePath, dagsFolder } = alone;
  const { taskId, logicalDate = Date.now(), conf } = options;
  const interval = await intervalOf(alone, logicalDate, config);
  const { executionTimeoutMs, isolation, memoryMb } = spec.tasks[0]!;
  return {
    kind: 'run-task',
    attemptId: randomUUID(),
    bundleHash: bundle.hash,
    filePath,
    dagsFolder,
    run: {
      dagId: spec.dagId,
      runId: runIdOf('manual', logicalDate),
      runType: 'manual',
      logicalDate,
      dataIntervalStart: interval.start,
      dataIntervalEnd: interval.end,
      runAfter: logicalDate,
      startDate: null,
      conf: checkConf({ dagId: spec.dagId, version: bundle.hash, spec }, conf),
    },
    taskId,
    ...instanceOf(dag, options),
    tryNumber: 1,
    piece: 0,
    maxTries: 1,
    executionTimeoutMs,
    isolation,
    memoryMb,
    inputs: dag.tasks.get(taskId)!.spec.inputs,
    resume: null,
    tryStartedAt: null,
    logPath: '',
    maxXcomBytes: config.maxXcomBytes,
  };
}

/** `onlyTask` has seen to it that the lengths are all in the file. */
function instanceOf(dag: CompiledDag, { taskId, mapIndex }: RenderOptions): Pick<RunTask, 'mapIndex' | 'mapLengths'> {
  const { expand } = dag.tasks.get(taskId)!;
  if (!expand) {
    if (mapIndex === undefined) return { mapIndex: -1, mapLengths: null };
    throw new ThenceError('INVALID_VALUE', `task "${taskId}" is not mapped: it has no instance ${mapIndex}`);
  }
  const counted = mapLengths(taskId, expand, () => ({ kind: 'other', what: 'not there' }));
  if (!counted.ok) throw new ThenceError('INVALID_VALUE', counted.error);
  const { lengths, length } = counted;
  if ((mapIndex ?? 0) < length) return { mapIndex: mapIndex ?? 0, mapLengths: lengths };
  const there = length === 0 ? 'no instances' : `the instances 0 to ${length - 1}`;
  throw new ThenceError('INVALID_VALUE', `task "${taskId}" has ${there}, and not ${mapIndex ?? 0}`);
}
