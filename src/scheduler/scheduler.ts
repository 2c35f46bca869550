/**
 * A scheduler process: its session, its executors, the engine, and the services around them. Any number may run on one database; they
 * share the work through its locks and fences and know nothing of each other.
 *
 * What wakes what: an outcome wakes the engine in process; the end of a run wakes those that waited for room; a commit of another
 * process wakes everything by NOTIFY. Each of them also looks by itself every second, so a lost wake-up costs a second and no more.
 */
import type { Executor } from '../../executors/executor';
import type { Config } from '../config/config';
import type { Clock, Instant } from '../core/time';
import { systemClock } from '../core/time';
import type { Database } from '../db/database';
import { Engine } from '../engine/engine';
import type { ExecutionApi } from '../execution-api/execution-api';
import type { ClaimedAttempt, EndedRun, HopResult, Ledger, RunPk, SessionId } from '../ledger/ledger';
import type { LogStore } from '../logs/log-store';
import { CronService } from '../service/cron-service';
import type { Service } from '../service/service';
import { ServiceRunner } from '../service/service-runner';
import { SessionKeeper } from '../service/session-keeper';
import type { WakeSource } from '../service/wakeup';
import type { ScheduleOracle } from '../timetables/schedule-oracle';
import type { Logger } from '../telemetry/logger';
import { CreateDueRuns } from './create-due-runs';
import { DeleteOldRuns } from './delete-old-runs';
import { ExpandTasks } from './expand-tasks';
import { Lanes } from './lanes';
import { ReapSessions } from './reap-sessions';
import { ReconcileRuns } from './reconcile-runs';
import { RetryRuns } from './retry-runs';
import { RunBackfills } from './run-backfills';
import { RunCallbacks } from './run-callbacks';
import { RunMetrics } from './run-metrics';
import { StartQueuedRuns } from './start-queued-runs';
import { TellListeners } from './tell-listeners';
import type { ListenerSink } from './tell-listeners';
import { TimeOutRuns } from './time-out-runs';
import { WatchDeadlines } from './watch-deadlines';

export interface SchedulerDeps {
  readonly database: Database;
  readonly ledger: Ledger;
  /** By lane: 'default', and the name of each further one. Not started yet. */
  readonly executors: ReadonlyMap<string, Executor>;
  /** What task code may ask of the engine. */
  readonly api: ExecutionApi;
  readonly logs: LogStore;
  readonly config: Pick<Config, 'dagsFolder' | 'maxXcomBytes' | 'parallelism' | 'leaseMs' | 'killGraceMs' | 'retentionMs'>;
  /** thence's own, for the session. */
  readonly version: string;
  readonly logger: Logger;
  /** To and from other processes. Started and stopped by its owner. */
  readonly wakeup: WakeSource;
  readonly clock?: Clock;
  /** Whom to ask when DAGs run. Stopped with the scheduler. Left out: those with timetables of their own are not scheduled. */
  readonly schedules?: ScheduleOracle;
  /** Told what happens. Stopped with the scheduler. */
  readonly listeners?: readonly ListenerSink[];
}

const EVERY_MINUTE = '* * * * *';
const EVERY_HOUR = '17 * * * *';
/** For what listeners have not been told yet when the scheduler stops. */
const LISTENERS_GRACE_MS = 2_000;

export class Scheduler {
  private readonly keeper: SessionKeeper;
  private readonly engine: Engine;
  private readonly lanes: Lanes;
  private readonly metrics: RunMetrics;
  private readonly telling: TellListeners;
  private stopListening: () => void = () => undefined;

  private readonly createDueRuns: CreateDueRuns;
  private readonly runBackfills: RunBackfills;
  private readonly creating: ServiceRunner;
  private readonly backfilling: ServiceRunner;
  private readonly starting: ServiceRunner;
  private readonly expanding: ServiceRunner;
  private readonly timingOut: ServiceRunner;
  private readonly retrying: ServiceRunner;
  private readonly callingBack: ServiceRunner;
  private readonly watching: ServiceRunner;
  private readonly reaping: ServiceRunner;
  private readonly housekeeping: readonly CronService[];
  private dueTimer: NodeJS.Timeout | null = null;

  constructor(private readonly deps: SchedulerDeps) {
    const { database, ledger, executors, api, logs, config, version, logger, wakeup, clock = systemClock } = deps;
    this.metrics = new RunMetrics(database);
    this.telling = new TellListeners(database, deps.listeners ?? [], logger);
    this.lanes = new Lanes({
      executors,
      api,
      logs,
      config,
      logger,
      onStarted: (started) => this.engine.attemptStarted(started),
      onOutcome: (outcome) => this.engine.attemptFinished(outcome),
      onCapacity: () => this.engine.wakeUp(),
      onCallbackRoom: () => this.callingBack.wake(),
    });
    this.keeper = new SessionKeeper({
      ledger,
      logger,
      info: { kind: 'scheduler', version, lanes: [...executors.keys()], capacity: config.parallelism, leaseMs: config.leaseMs },
      details: () => this.metrics.toDetails(this.lanes),
      onLost: () => this.lanes.cancelAll('lease-lost'),
    });
    const session = (): SessionId => this.keeper.id;
    this.engine = new Engine({
      ledger,
      session,
      capacity: () => this.lanes.capacity(),
      limit: () => this.lanes.free(),
      dispatch: (claimed) => this.dispatch(claimed),
      cancel: (attemptId, why) => this.lanes.cancel(attemptId, why),
      logger: logger.child({ service: 'engine' }),
      wakePeers: () => wakeup.notify(),
      // Triggerers look at once.
      onDeferred: () => wakeup.notify(),
      onHop: (result, tookMs) => this.afterHop(result, tookMs),
      clock,
    });

    const run = (service: Service) => new ServiceRunner(service, { logger });
    this.createDueRuns = new CreateDueRuns({
      database,
      ledger,
      clock,
      onCreated: () => this.starting.wake(),
      wakeAt: (at) => this.createAt(at, clock),
      schedules: deps.schedules,
    });
    this.runBackfills = new RunBackfills({ database, ledger, onQueued: () => this.starting.wake() });
    this.creating = run(this.createDueRuns);
    this.backfilling = run(this.runBackfills);
    this.starting = run(new StartQueuedRuns({ ledger, onStarted: (runs) => this.afterStart(runs) }));
    this.expanding = run(new ExpandTasks({ ledger, onExpanded: (runs) => this.engine.wakeUp(runs) }));
    this.timingOut = run(new TimeOutRuns({ ledger, onTimedOut: (runs) => this.afterTimeOut(runs) }));
    this.retrying = run(new RetryRuns({ ledger, onQueued: () => this.starting.wake() }));
    this.watching = run(new WatchDeadlines({ database, onMissed: () => this.callingBack.wake() }));
    this.callingBack = run(new RunCallbacks({ database, session, lanes: this.lanes, logs, config, logger }));
    this.reaping = run(
      new ReapSessions({
        ledger,
        session,
        leaseMs: config.leaseMs,
        logger,
        sweep: () => this.lanes.sweep(),
        onLost: (lost) => this.afterReaping(lost),
      }),
    );
    this.housekeeping = [
      new CronService(EVERY_MINUTE, new ReconcileRuns({ database, ledger, onWoken: () => this.engine.wakeUp() }), logger),
      new CronService(EVERY_HOUR, new DeleteOldRuns({ database, logs, clock, logger, retentionMs: config.retentionMs }), logger),
    ];
  }

  /** Resolves when it works. Rejects when the database cannot be reached or an executor does not start. */
  async start(): Promise<void> {
    await this.keeper.start();
    // Kills what a killed predecessor on this host left running; only then are its attempts handed out again.
    await this.lanes.start();
    this.reaping.start();
    this.engine.start();
    for (const service of [...this.services, ...this.housekeeping]) service.start();
    this.stopListening = this.deps.wakeup.onWake(() => this.wake());
  }

  private get services(): readonly ServiceRunner[] {
    return [this.creating, this.backfilling, this.starting, this.expanding, this.timingOut, this.retrying, this.callingBack, this.watching];
  }

  /** Something may be there to be done. */
  wake(): void {
    this.engine.wakeUp();
    for (const service of this.services) service.wake();
  }

  /** Claims nothing more, gives running tries `killGraceMs` to end, kills the rest, records what came of them. */
  async stop(): Promise<void> {
    if (this.dueTimer) clearTimeout(this.dueTimer);
    this.engine.drain();
    this.deps.schedules?.stop();
    await Promise.all([...this.services, this.reaping, ...this.housekeeping].map((part) => part.stop()));
    await this.createDueRuns.settled();
    await this.lanes.stop(this.deps.config.killGraceMs);
    await this.engine.stop();
    await this.telling.stop(LISTENERS_GRACE_MS);
    await this.keeper.stop();
    // Others take over what was left.
    this.deps.wakeup.notify();
  }

  private dispatch(claimed: readonly ClaimedAttempt[]): void {
    this.metrics.claimed(claimed);
    this.lanes.run(claimed);
  }

  private afterStart(runs: readonly RunPk[]): void {
    this.telling.runsStarted(runs);
    this.engine.wakeUp(runs);
  }

  private afterHop(result: HopResult, tookMs: number): void {
    this.metrics.hop(result, tookMs);
    this.telling.hop(result);
    if (result.expanding) this.expanding.wake();
    if (result.callbacks) this.callingBack.wake();
    if (result.deferred) this.deps.wakeup.notify();
    if (result.makesRoom) for (const service of [this.starting, this.retrying]) service.wake();
    this.afterEnds(result.ended);
  }

  private afterTimeOut(ended: readonly EndedRun[]): void {
    this.metrics.runsEnded(ended);
    this.telling.runsEnded(ended);
    // What they were running has to be stopped, here or elsewhere.
    this.engine.wakeUp();
    this.deps.wakeup.notify();
    this.retrying.wake();
    this.callingBack.wake();
    this.afterEnds(ended);
  }

  private afterEnds(ended: readonly EndedRun[]): void {
    if (ended.length === 0) return;
    this.starting.wake();
    if (ended.some(({ dagId }) => this.createDueRuns.waitsFor(dagId))) this.creating.wake();
    if (ended.some(({ dagId }) => this.runBackfills.waitsFor(dagId))) this.backfilling.wake();
  }

  private afterReaping(lost: number): void {
    this.metrics.scheduler.orphansCleared.inc(lost);
    this.engine.wakeUp();
    this.deps.wakeup.notify();
  }

  private createAt(at: Instant, clock: Clock): void {
    if (this.dueTimer) clearTimeout(this.dueTimer);
    this.dueTimer = setTimeout(() => this.creating.wake(), Math.max(0, at - clock.now()) + 1);
  }
}
