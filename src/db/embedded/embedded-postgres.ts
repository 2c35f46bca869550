/**
 * The Postgres that comes with thence, for a home without THENCE_DATABASE_URL.
 *
 * Authority: `<home>/postgres.json` says where the cluster lies and at which port it was last; `<home>/postgres-password` (0600) holds
 * its password; Postgres's own postmaster.pid says whether a server runs. Every start and stop is made under the lock
 * `<home>/postgres.lock`, so that of two processes that start on one home the second joins the first.
 * The server is nobody's child: it outlives a kill -9 of thence and is joined by the next start. Each user of it keeps one idle
 * connection open, which is how the last one to stop knows that it is the last.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
import type { Logger } from '../../telemetry/logger';
import { findBinaries } from './binaries';
import { connect, initialize, runningPort, start, mainDatabase, stop, urlOf, type Cluster } from './cluster';
import { createDatabase } from './create-database';
import { withFileLock } from './home-lock';
import { placeElsewhere } from './place-elsewhere';
import { canEnter, unprivilegedUser, type RunAs } from './unprivileged-user';

export interface EmbeddedPostgres {
  /** Of the database `thence`, which exists. */
  readonly url: string;
  /** Stops the server if nobody else is connected to it. Close your own connections first. Returns whether it was stopped. */
  stop(): Promise<boolean>;
  /** Forgets it and leaves it running. */
  leave(): Promise<void>;
}

interface Pointer {
  /** Relative to the home, or absolute when the home cannot be reached by the user that Postgres runs as. */
  readonly cluster: string;
  readonly port: number | null;
}

/** pg has these; its types do not. */
interface Refable {
  ref(): void;
  unref(): void;
}

interface Options {
  /** postgresql.conf settings over the defaults in cluster.ts. They take effect when this call starts the server. */
  readonly settings?: Cluster['settings'];
}

/** Starts the home's Postgres, or joins it when it runs. Makes the home and the cluster when they are not there yet (about 2 s). */
export async function ensureEmbeddedPostgres(home: string, logger?: Logger, options: Options = {}): Promise<EmbeddedPostgres> {
  mkdirSync(home, { recursive: true });
  const realHome = realpathSync(home);
  return withFileLock(lockOf(realHome), async () => {
    const cluster = openCluster(realHome, options.settings ?? {}, logger);
    await initialize(cluster);
    let port = await runningPort(cluster);
    if (port === null) {
      port = await start(cluster, readPointer(realHome)?.port ?? null);
      logger?.info('the embedded Postgres is running', { port, folder: cluster.folder });
    } else logger?.debug('joined the embedded Postgres that was running already', { port, folder: cluster.folder });
    writePointer(realHome, cluster.folder, port);
    return join(realHome, cluster, port, logger);
  });
}

/** Joins the home's Postgres if it runs; null if it does not, or if the home has none. */
export async function joinEmbeddedPostgres(home: string, logger?: Logger): Promise<EmbeddedPostgres | null> {
  if (!existsSync(path.join(home, pointerName))) return null;
  const realHome = realpathSync(home);
  return withFileLock(lockOf(realHome), async () => {
    const cluster = openCluster(realHome, {}, logger);
    const port = await runningPort(cluster);
    return port === null ? null : join(realHome, cluster, port, logger);
  });
}

const pointerName = 'postgres.json';
const lockOf = (home: string) => path.join(home, 'postgres.lock');

async function join(home: string, cluster: Cluster, port: number, logger?: Logger): Promise<EmbeddedPostgres> {
  const url = await createDatabase(urlOf(cluster, port, 'postgres'), mainDatabase);
  const keeper = await connect(url, 'thence-keeper');
  (keeper as unknown as Refable).unref(); // does not keep the process alive
  return {
    url,
    stop: () => withFileLock(lockOf(home), () => stopIfLast(cluster, keeper, logger)),
    leave: () => keeper.end(),
  };
}

async function stopIfLast(cluster: Cluster, keeper: pg.Client, logger?: Logger): Promise<boolean> {
  try {
    (keeper as unknown as Refable).ref();
    const { rows } = await keeper.query<{ others: number }>(
      "SELECT count(*)::int AS others FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    await keeper.end();
    if (rows[0]!.others > 0) {
      logger?.debug('left the embedded Postgres running: others are connected', { connections: rows[0]!.others });
      return false;
    }
  } catch {
    return false; // it is gone already, or another has restarted it since and owns it
  }
  await stop(cluster);
  return true;
}

function openCluster(home: string, settings: Cluster['settings'], logger?: Logger): Cluster {
  const user = unprivilegedUser();
  const pointer = readPointer(home);
  const folder = pointer ? path.resolve(home, pointer.cluster) : placeFor(home, user, logger);
  // Before anything is made there, so that a crash on the way leaves nothing that nobody points to.
  if (!pointer) writePointer(home, folder, null);
  return { folder, user, binaries: findBinaries(user), password: readPassword(home), settings };
}

function placeFor(home: string, user: RunAs, logger?: Logger): string {
  if (canEnter(home, user)) return path.join(home, 'postgres');
  const folder = placeElsewhere(home, logger);
  logger?.info('the home cannot be reached by the user that Postgres runs as; its data goes elsewhere', { home, folder });
  return folder;
}

function readPassword(home: string): string {
  const file = path.join(home, 'postgres-password');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const password = randomBytes(24).toString('hex');
  writeAtomically(file, `${password}\n`);
  return password;
}

function readPointer(home: string): Pointer | null {
  const file = path.join(home, pointerName);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Pointer) : null;
}

function writePointer(home: string, folder: string, port: number | null): void {
  const relative = path.relative(home, folder);
  const pointer: Pointer = { cluster: relative.startsWith('..') ? folder : relative, port };
  writeAtomically(path.join(home, pointerName), `${JSON.stringify(pointer)}\n`);
}

function writeAtomically(file: string, text: string): void {
  const making = `${file}.${process.pid}`;
  writeFileSync(making, text, { mode: 0o600 });
  renameSync(making, file);
}
