/**
 * Keeps the database equal to the dags folder: finds the files, loads those that changed, stores what they make.
 *
 * A scan (at each change that the watcher sees, and every few seconds) is quick: it compares what the files look like with what they looked
 * like when they were loaded, and puts those that differ into the queue. The queue works on several at once, so that a file that loads
 * for ever keeps no other one waiting; what it makes is stored file by file. Changed files go before those that are only due again.
 */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config';
import { ThenceError } from '../core/errors';
import { systemClock, type Clock } from '../core/time';
import type { Database } from '../db/database';
import { ServiceRunner } from '../service/service-runner';
import type { Wakeup } from '../service/wakeup';
import type { Logger } from '../telemetry/logger';
import { askTimetables } from './ask-timetables';
import { FileQueue } from './file-queue';
import { FileSignatures } from './file-signatures';
import { findFiles, importsDagClass } from './find-files';
import type { ImportError } from './import-error';
import { LeaseLost, ProcessorLease, type Holder } from './lease';
import { loadFile, type LoadedFile, type MadeDag } from './load-file';
import { LoadHosts, LoadHostsStopped } from '../user-code/load-hosts';
import { noDagError, ownDags } from './ownership';
import {
  AskedTooEarly,
  clearError,
  forgetMissingFiles,
  storeError,
  storeFile,
  takeParseRequests,
  type StoreContext,
  type Stored,
} from './store';
import { DagsFolderWatcher } from './watcher';

export interface DagProcessorOptions {
  readonly database: Database;
  readonly config: Config;
  readonly logger: Logger;
  /** Called after something was stored. */
  readonly wakeup?: Wakeup;
  readonly clock?: Clock;
}

export interface ProcessSummary {
  /** Files in the dags folder. */
  readonly files: number;
  /** Files that were looked at because they were new, had changed, or were due again. */
  readonly evaluated: number;
  /** DAGs that are new, have another version, or are active again. */
  readonly changed: readonly string[];
  readonly deactivated: readonly string[];
  readonly errors: readonly ImportError[];
}

/** What is known about a file that was looked at. */
interface FileState {
  readonly root: string;
  readonly inputs: readonly string[];
  readonly signature: string;
  readonly evaluatedAt: number;
  readonly died: boolean;
  readonly error: ImportError | null;
  readonly dagIds: readonly string[];
  /** DAG ids that belong to another file. */
  readonly refused: readonly string[];
  /** Relative paths of all sources. */
  readonly sources: readonly string[];
  /** Imports DAG, makes none: an error unless another file imports it. */
  readonly lacksDag: ImportError | null;
  readonly output: string;
}

const SCAN_INTERVAL_MS = 5_000;
const AT_ONCE = 8;
const SECOND_LOOK_MS = 200;
/** What failed may have failed for a reason that lies elsewhere (a package not yet installed). */
const RETRY_ERROR_MS = 30_000;

export class DagProcessor {
  private readonly states = new Map<string, FileState>();
  private readonly hosts: LoadHosts;
  private readonly runner: ServiceRunner;
  private readonly clock: Clock;
  private lease: ProcessorLease;
  private isOwner = false;
  private toldHolder: string | null = null;
  private toldProblem: string | null = null;
  private renewing: NodeJS.Timeout | null = null;
  private watcher: DagsFolderWatcher | null = null;
  private watchedRoot: string | null = null;
  /** The real path of the dags folder at the last scan. */
  private root: string | null = null;
  private stopped = false;

  /** DAG files of the last scan, and the same as a text. */
  private files: ReadonlySet<string> = new Set();
  private cleanedFor: string | null = null;
  private readonly queue: FileQueue;
  /** Files that are looked at at the next scan, whether they changed or not. */
  private readonly requested = new Set<string>();
  private storing: Promise<unknown> = Promise.resolve();
  private failure: unknown = null;
  private hostsRefreshedAt = performance.now();
  private seen = { evaluated: 0, changed: new Set<string>(), deactivated: new Set<string>() };

  constructor(private readonly options: DagProcessorOptions) {
    const { config, database, logger, clock = systemClock } = options;
    this.clock = clock;
    this.hosts = new LoadHosts(config, { keepWarm: true });
    this.queue = new FileQueue(
      AT_ONCE,
      (file) => this.work(file),
      () => this.runner.wake(),
    );
    this.lease = this.newLease(database, config);
    const service = { name: 'dag-processor', intervalMs: SCAN_INTERVAL_MS, runOnce: () => this.pass() };
    this.runner = new ServiceRunner(service, { logger });
  }

  /** Watches, scans and stores until `stop`. While another DAG processor is at work it waits for it to end. */
  start(): void {
    this.renewing ??= setInterval(() => void this.renew(), this.options.config.leaseMs / 3);
    this.runner.start();
  }

  /** Loads under way are broken off; what was stored stays. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.renewing !== null) clearInterval(this.renewing);
    this.queue.clear();
    this.hosts.stop();
    await this.runner.stop();
    await this.watcher?.close();
    await this.queue.idle();
    // Without a database the session ends by itself.
    await this.lease.release().catch(() => undefined);
  }

  /**
   * One scan of everything, to its end: when it resolves, the database says what the folder says.
   * @throws ThenceError (CONFLICT) while another DAG processor is at work; what the database says when it is away
   */
  async runOnce(): Promise<ProcessSummary> {
    const holder = await this.own();
    if (holder !== null) throw new ThenceError('CONFLICT', describeHolder(holder));
    this.seen = { evaluated: 0, changed: new Set(), deactivated: new Set() };
    await this.scan();
    await this.queue.idle();
    if (this.failure !== null) throw this.takeFailure();
    await this.judgeFilesWithoutDags();
    const { evaluated, changed, deactivated } = this.seen;
    const errors = [...this.states.values()].flatMap((state) => state.error ?? []);
    return { files: this.files.size, evaluated, changed: [...changed], deactivated: [...deactivated], errors };
  }

  /** What the runner calls: does not wait for the queue. */
  private async pass(): Promise<void> {
    const holder = await this.own();
    if (holder !== null) {
      const told = describeHolder(holder);
      if (this.toldHolder !== told) this.options.logger.info(`${told}; this one waits`);
      this.toldHolder = told;
      return;
    }
    try {
      await this.scan();
      this.toldProblem = null;
    } catch (error) {
      // There is no dags folder: said once. The DAGs that are stored stay as they are.
      if (!(error instanceof ThenceError)) throw error;
      if (this.toldProblem !== error.message) this.options.logger.error(error.message);
      this.toldProblem = error.message;
      return;
    }
    if (this.queue.isIdle) await this.judgeFilesWithoutDags();
    if (this.failure !== null) throw this.takeFailure();
  }

  private async own(): Promise<Holder | null> {
    if (this.isOwner) return null;
    const holder = await this.lease.acquire();
    this.isOwner = holder === null;
    return holder;
  }

  private async renew(): Promise<void> {
    if (!this.isOwner) return;
    try {
      await this.lease.renew();
    } catch (error) {
      if (error instanceof LeaseLost) this.onLeaseLost();
      else this.options.logger.warn(`the DAG processor's lease could not be renewed: ${messageOf(error)}`);
    }
  }

  /** What this process knows may be out of date: it begins anew when it owns the folder again. */
  private onLeaseLost(): void {
    if (!this.isOwner || this.stopped) return;
    this.options.logger.warn('the session of this DAG processor was declared lost; it registers again and looks at all files anew');
    this.isOwner = false;
    this.states.clear();
    this.queue.clear();
    this.cleanedFor = null;
    this.lease = this.newLease(this.options.database, this.options.config);
    this.runner.wake();
  }

  private newLease(database: Database, { dagsFolder, leaseMs }: Config): ProcessorLease {
    return new ProcessorLease(database.pool, { dagsFolder, leaseMs });
  }

  private takeFailure(): unknown {
    const { failure } = this;
    this.failure = null;
    return failure;
  }

  // ---- the scan

  private async scan(): Promise<void> {
    const root = await this.resolveRoot();
    this.root = root;
    this.watch(root);
    let files = await findFiles(root);
    this.files = new Set(files);
    await this.takeRequests();
    await this.enqueueDue(root);

    const isGone = ([file, { dagIds }]: [string, FileState]) => !this.files.has(file) && dagIds.length > 0;
    if ([...this.states].some(isGone)) {
      // Some editors delete a file and write it again.
      await sleep(SECOND_LOOK_MS);
      files = await findFiles(root);
      this.files = new Set(files);
      await this.enqueueDue(root);
    }
    await this.forgetMissing(files);
  }

  /** Symbolic links are followed at each scan: some tools publish a folder by pointing its link elsewhere. */
  private async resolveRoot(): Promise<string> {
    const { dagsFolder } = this.options.config;
    return realpath(dagsFolder).catch(() => dagsFolder);
  }

  private watch(root: string): void {
    if (this.watchedRoot === root || this.renewing === null) return;
    void this.watcher?.close();
    this.watchedRoot = root;
    this.watcher = new DagsFolderWatcher(root, () => this.runner.wake(), this.options.logger);
    for (const { inputs } of this.states.values()) this.watcher.add(inputs);
  }

  private async enqueueDue(root: string): Promise<void> {
    const signatures = new FileSignatures();
    this.queue.touch();
    const changed: string[] = [];
    const again: string[] = [];
    const look = async (file: string) => {
      const state = this.states.get(file);
      if (this.requested.has(file) || state === undefined || state.root !== root || state.signature !== (await signatures.of(state.inputs)))
        return changed;
      return this.isDueAgain(state) ? again : null;
    };
    const files = [...this.files].filter((file) => !this.queue.isWorkingOn(file));
    const lists = await Promise.all(files.map(look));
    for (const [index, file] of files.entries()) lists[index]?.push(file);
    if (again.length > 0) this.refreshHosts();
    this.queue.add(changed, 'front');
    this.queue.add(again, 'back');
    for (const file of changed) this.requested.delete(file);
  }

  /** What is being worked on at that moment is looked at once more when that is done. */
  private async takeRequests(): Promise<void> {
    const requested = await takeParseRequests({ pool: this.options.database.pool, lease: this.lease });
    for (const file of requested) if (this.files.has(file)) this.requested.add(file);
    if (requested.length > 0) this.hosts.refresh();
  }

  private isDueAgain({ evaluatedAt, error, lacksDag, died }: FileState): boolean {
    const { dagRefreshIntervalMs } = this.options.config;
    const afterMs = error !== null && lacksDag === null && !died ? Math.min(RETRY_ERROR_MS, dagRefreshIntervalMs) : dagRefreshIntervalMs;
    return performance.now() - evaluatedAt >= afterMs;
  }

  /** Once for each round of refreshing, not for each file in it. */
  private refreshHosts(): void {
    if (performance.now() - this.hostsRefreshedAt < this.options.config.dagRefreshIntervalMs) return;
    this.hostsRefreshedAt = performance.now();
    this.hosts.refresh();
  }

  private async forgetMissing(files: readonly string[]): Promise<void> {
    const present = files.join('\n');
    if (this.cleanedFor === present) return;
    const gone = await this.oneAtATime(() => forgetMissingFiles(this.storeContext(), files));
    this.cleanedFor = present;
    for (const file of this.states.keys()) if (!this.files.has(file)) this.states.delete(file);
    this.onStored({ changed: [], deactivated: gone });
  }

  // ---- the queue

  private async work(file: string): Promise<void> {
    try {
      await this.evaluate(this.root!, file);
    } catch (error) {
      if (error instanceof LeaseLost) this.onLeaseLost();
      // A file that went away meanwhile is the next scan's business.
      else if (!(error instanceof LoadHostsStopped) && (error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.failure = error;
        this.requested.add(file);
      }
    }
  }

  private async evaluate(root: string, file: string): Promise<void> {
    const before = this.states.get(file);
    const startedAt = performance.timeOrigin + performance.now();
    let loaded = await loadFile(root, file, this.hosts);
    if ((before?.dagIds.length ?? 0) > 0 && loaded.dags === null && loaded.error === null) {
      // Emptied: half written, perhaps.
      await sleep(SECOND_LOOK_MS);
      loaded = await loadFile(root, file, this.hosts);
    }
    const own = ownDags(loaded, (path) => this.files.has(path));
    const lacksDag = this.lacksDag(loaded, own.length);
    // Until all files are judged again it is as wrong as it was: its error would go and come back.
    if (before?.lacksDag && lacksDag !== null) loaded = { ...loaded, error: before.error };
    const signature = await this.signatureOf(loaded.inputs, startedAt);
    // A file that is gone by now may have been forgotten already, and must not come back.
    const stored = await this.store(root, loaded, own);
    if (this.stopped || stored === null) return;

    const state: FileState = {
      root,
      inputs: loaded.inputs,
      signature,
      evaluatedAt: performance.now(),
      died: loaded.died,
      error: stored.error,
      dagIds: own.map(({ spec }) => spec.dagId),
      refused: stored.refused,
      sources: Object.keys(loaded.sources),
      lacksDag,
      output: loaded.output,
    };
    this.states.set(file, state);
    this.watcher?.add(loaded.inputs);
    this.seen.evaluated += 1;
    this.report(file, before, state);
    this.onStored(stored);
  }

  private async store(root: string, loaded: LoadedFile, own: readonly MadeDag[]): Promise<Stored | null> {
    const { pool } = this.options.database;
    for (;;) {
      const asked = await askTimetables({ pool, hosts: this.hosts, root, now: this.clock.now() }, loaded, own);
      try {
        return await this.oneAtATime(async () =>
          this.files.has(loaded.filePath) ? storeFile({ ...this.storeContext(), asked }, loaded, own) : null,
        );
      } catch (error) {
        if (!(error instanceof AskedTooEarly)) throw error;
      }
    }
  }

  /** What was written while it was read is looked at once more: its signature fits nothing. */
  private async signatureOf(inputs: readonly string[], startedAt: number): Promise<string> {
    const { text, newestMs } = await new FileSignatures().describe(inputs);
    return newestMs >= startedAt ? 'changed while it was read' : text;
  }

  private lacksDag({ filePath, dags, sources }: LoadedFile, own: number): ImportError | null {
    const text = sources[filePath];
    return dags !== null && own === 0 && text !== undefined && importsDagClass(text) ? noDagError(filePath) : null;
  }

  /** Transactions one after the other: which of two files was first is decided by what is committed. */
  private oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.storing.then(work);
    this.storing = turn.catch(() => undefined);
    return turn;
  }

  private storeContext(): StoreContext {
    const { database, config } = this.options;
    return { pool: database.pool, lease: this.lease, config, now: this.clock.now(), exists: (file) => this.files.has(file) };
  }

  /** Files that wanted an id that is free now are looked at again at once. */
  private onStored({ changed, deactivated }: Pick<Stored, 'changed' | 'deactivated'>): void {
    for (const dagId of changed) this.seen.changed.add(dagId);
    for (const dagId of deactivated) this.seen.deactivated.add(dagId);
    const wantsOne = ([file, { refused }]: [string, FileState]) =>
      this.files.has(file) && refused.some((dagId) => deactivated.includes(dagId));
    if (deactivated.length > 0)
      this.queue.add(
        [...this.states].filter(wantsOne).map(([file]) => file),
        'front',
      );
    if (changed.length + deactivated.length > 0) this.options.wakeup?.();
  }

  private report(file: string, before: FileState | undefined, { error, dagIds, output }: FileState): void {
    const { logger } = this.options;
    if (output !== '' && output !== before?.output) logger.info(`${file} printed while it loaded:\n${output.trimEnd()}`);
    if (error !== null && error.message !== before?.error?.message) logger.warn(`${file} could not be loaded: ${error.message}`);
    if (error === null && (before === undefined || before.error !== null) && dagIds.length > 0) {
      logger.info(`${file} makes ${dagIds.length === 1 ? 'DAG' : `${dagIds.length} DAGs:`} ${shortList(dagIds)}`);
    }
  }

  /** Only when all files have been looked at is it known which of them are helpers of others. */
  private async judgeFilesWithoutDags(): Promise<void> {
    const imported = new Set([...this.states].flatMap(([file, { sources }]) => sources.filter((source) => source !== file)));
    for (const [file, state] of this.states) {
      const { lacksDag } = state;
      const wanted = lacksDag !== null && !imported.has(file) ? lacksDag : null;
      if (lacksDag === null || (state.error === null) === (wanted === null)) continue;
      await this.oneAtATime(async () =>
        wanted === null ? clearError(this.storeContext(), file) : storeError(this.storeContext(), wanted),
      );
      this.states.set(file, { ...state, error: wanted });
      if (wanted !== null) this.options.logger.warn(wanted.message);
    }
  }
}

function describeHolder({ host, pid, dagsFolder }: Holder): string {
  return `another DAG processor is at work (process ${pid} on ${host}, ${path.resolve(dagsFolder)})`;
}

function shortList(ids: readonly string[]): string {
  return ids.length <= 5 ? ids.join(', ') : `${ids.slice(0, 5).join(', ')} and ${ids.length - 5} more`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
