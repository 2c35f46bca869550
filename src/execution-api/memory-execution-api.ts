/** The ExecutionApi of `dags test`: no database, XComs in the memory ledger, code handed in. */
import { ThenceError } from '../core/errors';
import type { BundleCode } from '../core/workload';
import type { SecretsBackend } from '../secrets/secrets';
import { AttemptGone } from './execution-api';
import type { ExecutionApi } from './execution-api';
import { elementsOf, noSuchItem } from './map-items';

/** What it needs of `MemoryLedger`. */
export interface XComStore {
  attempt(
    id: string,
  ): { readonly state: string; readonly task: { readonly run: { readonly pk: number; readonly new: { readonly runId: string } } } } | null;
  /** Of all instances of a task that have one, in the order of their map index (-1: not mapped). */
  xcomsOf(run: number, taskId: string, key: string): readonly { readonly mapIndex: number; readonly value: string }[];
  /** False: the attempt has ended. */
  setXCom(attemptId: string, key: string, value: string): boolean;
}

export interface MemoryExecutionApiOptions {
  readonly ledger: XComStore;
  readonly bundles: readonly BundleCode[];
  readonly secrets: SecretsBackend;
}

export function createMemoryExecutionApi({ ledger, bundles, secrets }: MemoryExecutionApiOptions): ExecutionApi {
  return {
    async getBundle(hash) {
      const bundle = bundles.find((one) => one.hash === hash);
      if (!bundle) throw new ThenceError('NOT_FOUND', `there is no code with the hash ${hash}`);
      return bundle;
    },
    async pullXComs(attemptId, { taskIds, key, mapIndexes, runId }) {
      const attempt = ledger.attempt(attemptId);
      if (!attempt || attempt.state === 'ended') throw new AttemptGone(attemptId);
      const { run } = attempt.task;
      if (runId !== undefined && runId !== run.new.runId) return [];
      return taskIds.flatMap((taskId) =>
        ledger
          .xcomsOf(run.pk, taskId, key)
          .filter(({ mapIndex }) => mapIndexes?.includes(mapIndex) ?? true)
          .map((entry) => ({ taskId, key, ...entry })),
      );
    },
    async pullMapItem(attemptId, item) {
      const attempt = ledger.attempt(attemptId);
      if (!attempt || attempt.state === 'ended') throw new AttemptGone(attemptId);
      const outputs = ledger.xcomsOf(attempt.task.run.pk, item.taskId, 'return_value');
      const isMapped = outputs.some(({ mapIndex }) => mapIndex >= 0);
      const elements = isMapped ? outputs.map(({ value }) => value) : elementsOf(outputs[0]?.value ?? 'null');
      const element = elements?.[item.index];
      if (element === undefined) throw noSuchItem(item);
      return element;
    },
    setMapLabel: async () => undefined,
    async pushXCom(attemptId, key, value) {
      if (!ledger.setXCom(attemptId, key, value)) throw new AttemptGone(attemptId);
    },
    setRendered: async () => undefined,
    previousSuccess: async () => null, // there is only this run
    getVariable: async (_attemptId, key) => secrets.getVariable(key),
    triggerRun: async (_attemptId, { dagId }) => {
      throw new ThenceError(
        'CONFLICT',
        `a run of DAG "${dagId}" cannot be triggered here: this is a test of one DAG, in memory, which has no other runs`,
      );
    },
    getRunState: async () => null,
    getExternalRuns: async (_attemptId, { logicalDates, runIds }) =>
      [...logicalDates, ...runIds].map(() => ({ state: null, tasks: {}, groupTasks: [] })),
    getDagTasks: async () => null,
    getConnection: async (_attemptId, id) => secrets.getConnection(id),
  };
}
