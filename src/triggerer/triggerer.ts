/**
 * A triggerer process: its session, the waits that it looks at itself, and the users' triggers that it runs in hosts. Any number may work on
 * one database.
 *
 * What wakes what: NOTIFY, when a scheduler has committed new waits or a person has taken some away; a timer on the earliest look or timeout;
 * and both parts look by themselves every second.
 */
import type { Config } from '../config/config';
import type { Database } from '../db/database';
import type { ExecutionApi } from '../execution-api/execution-api';
import type { Ledger, SessionId } from '../ledger/ledger';
import type { LogStore } from '../logs/log-store';
import type { SecretsBackend } from '../secrets/secrets';
import { ServiceRunner } from '../service/service-runner';
import { SessionKeeper, thisHost } from '../service/session-keeper';
import type { WakeSource } from '../service/wakeup';
import type { Logger } from '../telemetry/logger';
import { createTriggererMetrics } from '../telemetry/metrics';
import { BuiltInWaits } from './built-in-waits';
import { FireEvents } from './fire-events';
import { runsInDatabase } from './look';
import { UserTriggers } from './user-triggers';
import { WaitStore } from './wait-store';

export interface TriggererDeps {
  readonly database: Database;
  readonly ledger: Ledger;
  /** What triggers may ask of the engine. */
  readonly api: ExecutionApi;
  readonly secrets: Pick<SecretsBackend, 'getConnection'>;
  readonly logs: Pick<LogStore, 'pathOf'>;
  readonly config: Pick<Config, 'dagsFolder' | 'leaseMs' | 'maxXcomBytes' | 'triggererCapacity'>;
  /** thence's own, for the session. */
  readonly version: string;
  readonly logger: Logger;
  /** To and from other processes. Started and stopped by its owner. */
  readonly wakeup: WakeSource;
  /** How long the event loop of users' triggers may stand still before its process is killed. @default 5 s */
  readonly patienceMs?: number;
}

/** Requests, files and statements at once. */
const LOOKS_AT_ONCE = 32;
const DEFAULT_PATIENCE_MS = 5_000;
/** Between two looks because of announcements. */
const WAKE_MS = 100;
const LONGEST_TIMER_MS = 60_000;

export class Triggerer {
  private readonly store: WaitStore;
  private readonly keeper: SessionKeeper;
  private readonly fire: FireEvents;
  private readonly builtIn: BuiltInWaits;
  private readonly user: UserTriggers;
  private readonly looking: ServiceRunner;
  private readonly owning: ServiceRunner;
  private readonly metrics = createTriggererMetrics();
  private timer: { readonly at: number; readonly handle: NodeJS.Timeout } | null = null;
  private waking: NodeJS.Timeout | null = null;
  private wakeAgain = false;
  private stopListening: () => void = () => undefined;

  constructor(private readonly deps: TriggererDeps) {
    const { database, ledger, api, secrets, logs, config, version, logger, wakeup } = deps;
    const capacity = config.triggererCapacity;
    this.store = new WaitStore(database.pool);
    this.fire = new FireEvents({
      ledger,
      logger,
      onFired: () => wakeup.notify(),
      onCount: (fired) => this.metrics.ended.inc(fired),
    });
    this.keeper = new SessionKeeper({
      ledger,
      logger,
      info: { kind: 'triggerer', version, lanes: [], capacity, leaseMs: config.leaseMs },
      details: () => this.details(),
      onLost: () => this.user.dropAll(),
    });
    const session = (): SessionId => this.keeper.id;
    const shared = { store: this.store, fire: this.fire, session, place: thisHost };
    this.builtIn = new BuiltInWaits({
      ...shared,
      look: { runs: runsInDatabase(database.pool), secrets, concurrency: LOOKS_AT_ONCE },
      onNext: (ms) => this.lookWithin(ms),
    });
    this.user = new UserTriggers({
      ...shared,
      api,
      logs,
      dagsFolder: config.dagsFolder,
      maxPayloadBytes: config.maxXcomBytes,
      capacity,
      patienceMs: deps.patienceMs ?? DEFAULT_PATIENCE_MS,
      logger,
    });
    this.looking = new ServiceRunner(this.builtIn, { logger });
    this.owning = new ServiceRunner(this.user, { logger });
  }

  async start(): Promise<void> {
    await this.keeper.start();
    this.looking.start();
    this.owning.start();
    this.stopListening = this.deps.wakeup.onWake(() => this.wakeSoon());
  }

  /** Ends its triggers, stores what has come, and leaves its waits to others. */
  async stop(): Promise<void> {
    this.stopListening();
    if (this.timer) clearTimeout(this.timer.handle);
    if (this.waking) clearTimeout(this.waking);
    await Promise.all([this.looking.stop(), this.owning.stop()]);
    await this.builtIn.settled();
    await this.user.stop();
    await this.fire.stop();
    await this.store
      .release(this.keeper.id)
      .catch((error: unknown) => this.deps.logger.warn('could not release the waits; others take them over', { error }));
    await this.keeper.stop();
    this.deps.wakeup.notify();
  }

  /** Schedulers announce whatever they do: of many in a row, the first counts at once and all others together. */
  private wakeSoon(): void {
    if (this.waking) return void (this.wakeAgain = true);
    this.looking.wake();
    this.owning.wake();
    this.waking = setTimeout(() => {
      this.waking = null;
      if (this.wakeAgain) this.wakeSoon();
    }, WAKE_MS);
    this.wakeAgain = false;
  }

  /** Sets the timer unless an earlier one stands. */
  private lookWithin(ms: number): void {
    const at = performance.now() + Math.min(ms, LONGEST_TIMER_MS);
    if (this.timer && this.timer.at <= at) return;
    if (this.timer) clearTimeout(this.timer.handle);
    const handle = setTimeout(
      () => {
        this.timer = null;
        this.looking.wake();
      },
      Math.ceil(Math.min(ms, LONGEST_TIMER_MS)),
    );
    this.timer = { at, handle };
  }

  private async details() {
    const { running, capacity, hosts } = this.user.stats();
    this.metrics.heartbeat.inc();
    this.metrics.running.set(running);
    this.metrics.capacityLeft.set(Math.max(0, capacity - running));
    return { ...(await this.metrics.toDetails()), triggers: running, hosts };
  }
}
