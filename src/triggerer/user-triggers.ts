/**
 * The waits of users' Trigger classes. This process takes those that belong to nobody (or to the dead) up to its capacity, and runs them in
 * hosts, one for each bundle. A trigger in whose code a host stood still is started again in a host of its own, where it holds up no other;
 * the third time it fails.
 */
import type { ExecutionApi } from '../execution-api/execution-api';
import type { SessionId } from '../ledger/ledger';
import type { LogStore } from '../logs/log-store';
import type { Service } from '../service/service';
import type { Logger } from '../telemetry/logger';
import type { EndedTrigger, StartTrigger } from '../user-code/trigger-host-protocol';
import type { FireEvents } from './fire-events';
import { TriggerHost } from './trigger-host';
import type { HostEnd } from './trigger-host';
import type { OwnedWait, Place, WaitStore } from './wait-store';

export interface UserTriggersDeps {
  readonly store: WaitStore;
  readonly fire: Pick<FireEvents, 'add'>;
  readonly session: () => SessionId;
  readonly place: Place;
  readonly api: ExecutionApi;
  readonly logs: Pick<LogStore, 'pathOf'>;
  readonly dagsFolder: string | null;
  readonly maxPayloadBytes: number;
  /** Triggers at once. */
  readonly capacity: number;
  /** How long the event loop of a host may stand still. */
  readonly patienceMs: number;
  readonly logger: Logger;
}

interface Owned {
  readonly wait: OwnedWait;
  readonly start: StartTrigger;
  /** The host that runs it; null: it waits to be started again. */
  host: string | null;
  /** How often a host stood still in its code. */
  strikes: number;
}

const MOST_STRIKES = 3;
const FIRST_BACKOFF_MS = 500;
const CALM_MS = 60_000;
const IDLE_HOST_MS = 10_000;
const RECOUNT_MS = 30_000;

export class UserTriggers implements Service {
  readonly name = 'user-triggers';
  readonly intervalMs = 1_000;
  private readonly owned = new Map<string, Owned>();
  /** Over, and not known to be stored yet. */
  private readonly ending = new Set<string>();
  private readonly hosts = new Map<string, TriggerHost>();
  /** By bundle: how often a host of it ended for a reason that no single trigger can be blamed for. */
  private readonly troubles = new Map<string, { times: number; at: number }>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private countedAt = 0;
  private warnedFull = false;
  private stopping = false;

  constructor(private readonly deps: UserTriggersDeps) {}

  stats() {
    return { running: this.owned.size, capacity: this.deps.capacity, hosts: this.hosts.size };
  }

  async runOnce(): Promise<void> {
    const { store, session, place, capacity } = this.deps;
    const own = session();
    const dead = (await store.deadOwners(place)).filter((id) => id !== own);
    const taken = await store.take(own, dead, capacity - this.owned.size, this.owned.size);
    // The session was lost in between: they belong to somebody else by now.
    if (own !== session() || this.stopping) return;
    this.begin(taken);
    await this.compare(own);
    this.endIdleHosts();
    this.warnWhenFull(taken.length);
  }

  /** The session was lost: others run these from now on. */
  dropAll(): void {
    for (const { start, host } of this.owned.values()) if (host !== null) this.hosts.get(host)?.stopWaits([start.wait]);
    this.owned.clear();
  }

  /** Ends all triggers and their hosts. The waits are still this session's. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all([...this.hosts.values()].map((host) => host.stop()));
    this.hosts.clear();
    this.owned.clear();
  }

  private begin(taken: readonly OwnedWait[]): void {
    const groups = new Map<string, Owned[]>();
    for (const wait of taken) {
      const one: Owned = { wait, start: this.toStart(wait), host: null, strikes: 0 };
      this.owned.set(wait.id, one);
      groups.set(wait.bundle_hash, [...(groups.get(wait.bundle_hash) ?? []), one]);
    }
    for (const group of groups.values()) this.run(group);
  }

  /** All of one bundle. */
  private run(group: readonly Owned[]): void {
    const calm = group.filter(({ strikes }) => strikes === 0);
    if (calm.length > 0) this.runIn(calm[0]!.wait.bundle_hash, calm);
    for (const suspect of group) if (suspect.strikes > 0) this.runIn(`${suspect.wait.bundle_hash} ${suspect.wait.id}`, [suspect]);
  }

  private runIn(key: string, group: readonly Owned[]): void {
    for (const one of group) one.host = key;
    let host = this.hosts.get(key);
    if (!host) this.hosts.set(key, (host = this.open(key, group[0]!.wait)));
    host.start(group.map(({ start }) => start));
  }

  private open(key: string, { bundle_hash: hash, file_path: filePath }: OwnedWait): TriggerHost {
    const { api, dagsFolder, patienceMs, logger } = this.deps;
    const host: TriggerHost = new TriggerHost({
      bundle: () => api.getBundle(hash),
      filePath,
      dagsFolder,
      api,
      patienceMs,
      logger,
      onEnded: (ended) => this.ended(ended),
      onGone: (end, left) => {
        if (this.hosts.get(key) === host) this.hosts.delete(key);
        this.hostGone(end, hash, filePath, left);
      },
    });
    return host;
  }

  private ended({ wait, generation, event }: EndedTrigger): void {
    if (this.owned.get(wait)?.wait.generation !== generation) return;
    this.owned.delete(wait);
    this.ending.add(wait);
    void this.deps.fire.add([{ wait, generation, event }]).finally(() => this.ending.delete(wait));
  }

  private fail(one: Owned, message: string): void {
    this.ended({ wait: one.wait.id, generation: one.wait.generation, event: { kind: 'failed', message } });
  }

  private hostGone(end: HostEnd, hash: string, filePath: string, left: readonly StartTrigger[]): void {
    const { logger, patienceMs } = this.deps;
    const patience = `${patienceMs / 1000} s`;
    const waiting = left.flatMap(({ wait, generation }) => {
      const one = this.owned.get(wait);
      return one?.wait.generation === generation ? [one] : [];
    });
    for (const one of waiting) one.host = null;
    if (end.why === 'load-failed') {
      for (const one of waiting) this.fail(one, `the DAG file ${filePath} could not be loaded to run its trigger: ${end.message}`);
      return;
    }
    if (end.why === 'unavailable') return this.again(waiting, FIRST_BACKOFF_MS);

    const culprit = end.culprit === null ? undefined : waiting.find(({ wait }) => wait.id === end.culprit);
    const what =
      end.why === 'blocked'
        ? `stood still for ${patience} (its code is busy, or waits without letting others run) and was killed`
        : `ended ${end.how}`;
    logger.warn(
      `the triggers of ${filePath}: their process ${what}${culprit ? `, in the trigger "${culprit.wait.trigger}" of task ${culprit.wait.dag_id}.${culprit.wait.task_id}` : ''}; ${waiting.length} start again`,
    );
    if (culprit) {
      culprit.strikes++;
      if (culprit.strikes >= MOST_STRIKES)
        this.fail(
          culprit,
          `the trigger "${culprit.wait.trigger}" held up its process for more than ${patience}, ${MOST_STRIKES} times: a trigger has to wait with \`await\`, and do its work in short pieces`,
        );
      return this.again(waiting, FIRST_BACKOFF_MS * 2 ** (culprit.strikes - 1));
    }
    const times = this.countTrouble(hash);
    if (times < MOST_STRIKES) return this.again(waiting, FIRST_BACKOFF_MS * 2 ** (times - 1));
    this.troubles.delete(hash);
    for (const one of waiting)
      this.fail(one, `the process of the triggers of ${filePath} ${what}, ${MOST_STRIKES} times, and it cannot be told by which of them`);
  }

  private countTrouble(hash: string): number {
    const now = performance.now();
    const before = this.troubles.get(hash);
    const times = before && now - before.at < CALM_MS ? before.times + 1 : 1;
    this.troubles.set(hash, { times, at: now });
    return times;
  }

  /** In a new host, after a pause; those that still wait then. */
  private again(group: readonly Owned[], pauseMs: number): void {
    if (this.stopping) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      const still = group.filter((one) => this.owned.get(one.wait.id) === one);
      if (still.length > 0) this.run(still);
    }, pauseMs);
    this.timers.add(timer);
  }

  /** What a clear, a mark, a timeout or another triggerer took away is stopped. Their number tells whether there is any. */
  private async compare(own: SessionId): Promise<void> {
    const { store, session } = this.deps;
    const now = performance.now();
    const before = this.owned.size;
    const counted = await store.countOwned(own);
    if (counted === before && this.owned.size === before && now - this.countedAt < RECOUNT_MS) return;
    this.countedAt = now;
    const candidates = [...this.owned.values()];
    const rows = await store.owned(own);
    if (own !== session()) return;
    for (const one of candidates) {
      if (this.owned.get(one.wait.id) !== one || rows.get(one.wait.id) === one.wait.generation) continue;
      this.owned.delete(one.wait.id);
      if (one.host !== null) this.hosts.get(one.host)?.stopWaits([one.wait.id]);
    }
    // Taken by a statement whose answer was lost.
    const unknown = [...rows.keys()].filter((id) => !this.owned.has(id) && !this.ending.has(id));
    if (unknown.length > 0) await store.giveBack(own, unknown);
  }

  private endIdleHosts(): void {
    for (const [key, host] of this.hosts) {
      if (host.emptySince === null || performance.now() - host.emptySince < IDLE_HOST_MS) continue;
      this.hosts.delete(key);
      void host.stop();
    }
  }

  private warnWhenFull(taken: number): void {
    const { capacity, logger } = this.deps;
    const isFull = this.owned.size >= capacity && taken > 0;
    if (isFull && !this.warnedFull)
      logger.warn(`this triggerer runs ${capacity} triggers and takes no more (--capacity); further ones wait for another triggerer`);
    this.warnedFull = this.owned.size >= capacity;
  }

  private toStart({ id, generation, trigger, args, attempt, dag_id, run_id, task_id, map_index, try_number }: OwnedWait): StartTrigger {
    const { logs, maxPayloadBytes } = this.deps;
    const logPath = logs.pathOf({ dagId: dag_id, runId: run_id, taskId: task_id, mapIndex: map_index, tryNumber: try_number });
    return { wait: id, generation, trigger, args, attemptId: attempt, logPath, maxPayloadBytes };
  }
}
