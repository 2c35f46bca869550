/** One Postgres cluster on disk: making it, starting and stopping its server, and telling whether it really answers. */
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ThenceError } from '../../core/errors';
import type { Binaries } from './binaries';
import type { RunAs } from './unprivileged-user';

export interface Cluster {
  /** Holds `data` and `postgres.log`; belongs to the user that Postgres runs as. */
  readonly folder: string;
  readonly user: RunAs;
  readonly binaries: Binaries;
  readonly password: string;
  /** Over the defaults of `settings` below. */
  readonly settings: { readonly [name: string]: string };
}

export const superuser = 'thence';
export const mainDatabase = 'thence';

const defaultSettings = {
  listen_addresses: "'127.0.0.1'",
  unix_socket_directories: "''", // a path of over 107 bytes is refused, and homes lie deep
  max_connections: '200',
  shared_buffers: '256MB',
  effective_cache_size: '1GB',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  random_page_cost: '1.1',
  jit: 'off', // our statements are short: compiling them costs more than they do
  max_parallel_workers_per_gather: '0', // and parallel ones need shared memory that containers keep small
  synchronous_commit: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '128MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  autovacuum_naptime: '10s',
  autovacuum_vacuum_cost_limit: '2000',
  client_connection_check_interval: "'5s'",
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  log_checkpoints: 'off',
  log_timezone: "'UTC'",
  timezone: "'UTC'",
} as const;

export const urlOf = (cluster: Cluster, port: number, database = mainDatabase) =>
  `postgres://${superuser}:${cluster.password}@127.0.0.1:${port}/${database}`;

const dataOf = (cluster: Cluster) => path.join(cluster.folder, 'data');
const logOf = (cluster: Cluster) => path.join(cluster.folder, 'postgres.log');

/** initdb into a folder beside, moved into place when complete: a crash in the middle leaves no half cluster. */
export async function initialize(cluster: Cluster): Promise<void> {
  const data = dataOf(cluster);
  if (existsSync(path.join(data, 'PG_VERSION'))) return checkVersion(cluster);
  own(cluster.folder, cluster.user);
  for (const left of readdirSync(cluster.folder))
    if (left.startsWith('.making-')) rmSync(path.join(cluster.folder, left), { recursive: true, force: true });
  const making = path.join(cluster.folder, `.making-${process.pid}`);
  own(making, cluster.user);
  const passwordFile = path.join(making, 'password');
  writeFileSync(passwordFile, cluster.password, { mode: 0o600 });
  chown(passwordFile, cluster.user);
  const made = path.join(making, 'data');
  await run(cluster, cluster.binaries.initdb, [
    '-D',
    made,
    '-U',
    superuser,
    `--pwfile=${passwordFile}`,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-instructions',
  ]);
  // At the end of the file: people may add their own lines below it.
  appendFileSync(
    path.join(made, 'postgresql.conf'),
    "\n# written anew by thence at each start; your own settings go below this line\ninclude_if_exists 'thence.conf'\n",
  );
  renameSync(made, data);
  rmSync(making, { recursive: true, force: true });
}

function checkVersion(cluster: Cluster): void {
  const major = Number(readFileSync(path.join(dataOf(cluster), 'PG_VERSION'), 'utf8'));
  if (major === cluster.binaries.major) return;
  throw new ThenceError(
    'CONFIG',
    `the embedded database in ${cluster.folder} was made by Postgres ${major}, but Postgres ${cluster.binaries.major} is installed (${cluster.binaries.postgres}), and cannot read it. ` +
      `Install the thence that made it, or copy its data to a new database and set THENCE_DATABASE_URL.`,
  );
}

/** The port at which this cluster's server answers now, or null. Believes only a connection: a pid file may be left over, a pid a zombie's. */
export async function runningPort(cluster: Cluster): Promise<number | null> {
  const port = Number(pidFile(cluster)?.[3]);
  return port > 0 && (await answers(cluster, port)) ? port : null;
}

/** Starts the server at `preferredPort` if that is free, else at another one; returns the port. */
export async function start(cluster: Cluster, preferredPort: number | null): Promise<number> {
  for (let attempt = 1, wanted = preferredPort; ; attempt++, wanted = null) {
    await clearStalePidFile(cluster);
    const port = wanted !== null && (await isFree(wanted)) ? wanted : await freePort();
    writeSettings(cluster, port);
    try {
      await run(cluster, cluster.binaries.pgCtl, ['-D', dataOf(cluster), '-l', logOf(cluster), '-w', '-t', '60', '-s', 'start']);
      const at = await runningPort(cluster);
      if (at !== null) return at;
      throw new Error('it started, but does not answer');
    } catch (error) {
      // Somebody took the port meanwhile, or the old server has not gone yet: once more, with another port.
      if (attempt === 5) {
        throw new ThenceError(
          'UNAVAILABLE',
          `the embedded Postgres in ${cluster.folder} does not start: ${(error as Error).message.trim()}. Its log ends with:\n${logTail(cluster)}`,
          { cause: error },
        );
      }
      await sleep(attempt * 200);
    }
  }
}

export async function stop(cluster: Cluster): Promise<void> {
  await run(cluster, cluster.binaries.pgCtl, ['-D', dataOf(cluster), '-m', 'fast', '-w', '-t', '30', '-s', 'stop']);
}

export async function connect(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  client.on('error', () => undefined); // the server may go away at any time
  await client.connect();
  return client;
}

async function answers(cluster: Cluster, port: number): Promise<boolean> {
  try {
    const client = await connect(urlOf(cluster, port, 'postgres'), 'thence-probe');
    try {
      // The port may have gone to another server since.
      const { rows } = await client.query<{ data: string }>("SELECT current_setting('data_directory') AS data");
      return rows[0]?.data === dataOf(cluster);
    } finally {
      await client.end();
    }
  } catch (error) {
    // "the database system is starting up" (57P03): it is ours to wait for.
    if ((error as { code?: string }).code !== '57P03') return false;
    await sleep(100);
    return answers(cluster, port);
  }
}

/** pid, data folder, start time, port, socket folder, listen address, shared memory, status */
function pidFile(cluster: Cluster): string[] | null {
  try {
    return readFileSync(path.join(dataOf(cluster), 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return null;
  }
}

/**
 * Postgres refuses to start while the pid in postmaster.pid exists, even as a zombie (in a container whose first process reaps nobody it
 * stays one for ever) or as an unrelated process (pids begin anew with each container). Such a file is removed once no process works in
 * the data folder any more: backends of a killed postmaster end by themselves within moments.
 */
async function clearStalePidFile(cluster: Cluster): Promise<void> {
  const pid = Number(pidFile(cluster)?.[0]);
  if (!(pid > 0) || process.platform !== 'linux') return;
  for (let waited = 0; waited < 100; waited++) {
    if (processesIn(dataOf(cluster)).length === 0) {
      rmSync(path.join(dataOf(cluster), 'postmaster.pid'), { force: true });
      return;
    }
    if (processesIn(dataOf(cluster)).includes(pid)) return; // a living server: Postgres itself says so
    await sleep(100);
  }
}

/** Every process of a Postgres server has its data folder as working directory; a zombie has none. */
function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === folder;
      } catch {
        return false;
      }
    });
}

function writeSettings(cluster: Cluster, port: number): void {
  const settings = { ...defaultSettings, ...cluster.settings, port: String(port) };
  const file = path.join(dataOf(cluster), 'thence.conf');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join(''),
  );
  chown(file, cluster.user);
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

function logTail(cluster: Cluster): string {
  try {
    return readFileSync(logOf(cluster), 'utf8').split('\n').slice(-8).join('\n').trim();
  } catch {
    return '(nothing)';
  }
}

function own(folder: string, user: RunAs): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  chown(folder, user);
}

function chown(file: string, user: RunAs): void {
  if (user.uid !== undefined && user.gid !== undefined) chownSync(file, user.uid, user.gid);
}

/** Runs a Postgres program to its end; what it says on stderr becomes the error. */
async function run(cluster: Cluster, program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, {
    ...cluster.user,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  // 'exit', not 'close': the server that pg_ctl leaves behind may hold on to the pipe.
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
  child.stderr.destroy();
  if (code !== 0) throw new Error(said.trim() || `${path.basename(program)} ended with ${code}`);
}
