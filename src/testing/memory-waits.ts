/**
 * The triggerer of `dags test`: what the tasks of a memory ledger are deferred for, looked at and run in this process. The looks and the
 * triggers are those of the real one; sessions, claims and hosts are not needed.
 */
import type { ExecutionApi } from '../execution-api/execution-api';
import type { MemoryLedger } from '../ledger/memory/memory-ledger';
import type { MemoryWait } from '../ledger/memory/memory-rows';
import type { LogLine } from '../logs/log-store';
import { instanceName } from '../core/workload';
import type { ResumeInfo } from '../core/workload';
import { lookAtWaits } from '../triggerer/look';
import type { Look, RunsSource } from '../triggerer/look';
import { attemptScope } from '../runner/attempt-scope';
import { evaluateBundle, triggersOf } from '../user-code/evaluate-bundle';
import { TriggerRuns } from '../user-code/trigger-runs';
import type { FoundDag } from './find-dag-file';

export interface MemoryWaitsOptions {
  readonly ledger: MemoryLedger;
  readonly found: Pick<FoundDag, 'bundle' | 'filePath' | 'dagsFolder'>;
  readonly api: ExecutionApi;
  readonly maxPayloadBytes: number;
  /** A line of a trigger. */
  readonly onLine: (taskId: string, line: LogLine) => void;
  /** Waits have ended: the engine should look. */
  readonly onFired: () => void;
}

interface Known {
  readonly wait: MemoryWait;
  readonly timers: Set<NodeJS.Timeout>;
  intervalMs: number;
}

const POLL_MS = 1_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class MemoryWaits {
  private readonly known = new Map<string, Known>();
  private runs: Promise<TriggerRuns> | null = null;
  private stopped = false;

  constructor(private readonly options: MemoryWaitsOptions) {}

  /** After each hop: begins with new waits, and lets go of those that are there no more. */
  look(): void {
    const waits = this.options.ledger.waits();
    const ids = new Set(waits.map(({ id }) => id));
    for (const known of [...this.known.values()]) if (!ids.has(known.wait.id)) this.forget(known);
    for (const wait of waits) if (!this.known.has(wait.id) && !this.stopped) this.begin(wait);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const known of [...this.known.values()]) this.forget(known);
    const runs = await this.runs?.catch(() => null);
    runs?.stopAll();
  }

  private begin(wait: MemoryWait): void {
    const { spec } = wait;
    const known: Known = { wait, timers: new Set(), intervalMs: spec.intervalMs ?? POLL_MS };
    this.known.set(wait.id, known);
    if (spec.timeoutAt !== null) this.at(known, spec.timeoutAt, () => void this.fire(known, { kind: 'timeout' }));
    if (spec.kind === 'custom') void this.trigger(known);
    else this.at(known, spec.firstCheckAt ?? Date.now(), () => void this.check(known));
  }

  private async trigger(known: Known): Promise<void> {
    const { id, generation, spec, task } = known.wait;
    try {
      const runs = await (this.runs ??= this.openRuns());
      if (this.known.get(id) !== known) return;
      const { maxPayloadBytes } = this.options;
      // Not of the task in whose end this happens to be called.
      attemptScope.exit(() =>
        runs.start({
          wait: id,
          generation,
          trigger: spec.trigger!,
          args: spec.args,
          attemptId: task.attempt!,
          logPath: instanceName({ taskId: task.id, mapIndex: task.mapIndex }),
          maxPayloadBytes,
        }),
      );
    } catch (error) {
      await this.fire(known, { kind: 'failed', message: (error as Error).message });
    }
  }

  /** The file once more, as in the triggerer: nothing that its tasks have left in its variables is seen. */
  private async openRuns(): Promise<TriggerRuns> {
    const { found, api, onLine } = this.options;
    const dags = await attemptScope.exit(() => evaluateBundle(found.bundle, found));
    return new TriggerRuns({
      triggers: triggersOf(dags),
      api,
      sink: ({ logPath: taskId }) => ({ write: (line) => attemptScope.run('outside', () => onLine(taskId, line)), close: () => undefined }),
      onEnded: ({ wait, event }) => {
        const known = this.known.get(wait);
        if (known) void this.fire(known, event);
      },
    });
  }

  private async check(known: Known): Promise<void> {
    const { spec, task } = known.wait;
    let event: ResumeInfo['event'] | null = null;
    const look: Look = { kind: spec.kind as Look['kind'], args: spec.args };
    const { api } = this.options;
    const secrets = { getConnection: (id: string) => api.getConnection(task.attempt!, id) };
    await lookAtWaits([look], { runs: runsOf(api, task.attempt!), secrets, concurrency: 1 }, (_look, seen) => (event = seen));
    if (this.known.get(known.wait.id) !== known) return;
    if (event !== null) return this.fire(known, event);
    this.at(known, Date.now() + known.intervalMs, () => void this.check(known));
    const most = spec.args['backoffToMs'];
    if (typeof most === 'number') known.intervalMs = Math.max(known.intervalMs, Math.min(known.intervalMs * 2, most));
  }

  private async fire(known: Known, event: ResumeInfo['event']): Promise<void> {
    const { id, generation } = known.wait;
    this.forget(known);
    await this.options.ledger.fireWaits([{ wait: id, generation, event }]);
    this.options.onFired();
  }

  private forget(known: Known): void {
    this.known.delete(known.wait.id);
    for (const timer of known.timers) clearTimeout(timer);
    void this.runs?.then((runs) => runs.stop(known.wait.id)).catch(() => undefined);
  }

  private at(known: Known, instant: number, act: () => void): void {
    const ms = instant - Date.now();
    const timer = setTimeout(
      () => {
        known.timers.delete(timer);
        if (ms > LONGEST_TIMER_MS) this.at(known, instant, act);
        else act();
      },
      Math.min(LONGEST_TIMER_MS, Math.max(0, ms)),
    );
    known.timers.add(timer);
  }
}

const runsOf = (api: ExecutionApi, attemptId: string): RunsSource => ({
  externalRuns: async (queries) => Promise.all(queries.map(async (query) => [...(await api.getExternalRuns(attemptId, query))])),
  runStates: async (runs) => Promise.all(runs.map((run) => api.getRunState(attemptId, run))),
});
