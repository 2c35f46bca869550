import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { compiledEntry } from '../../src/config/package-root';
import { hydrate } from '../../src/db/embedded/binaries';
import { createDatabase } from '../../src/db/embedded/create-database';
import { ensureEmbeddedPostgres, joinEmbeddedPostgres, type EmbeddedPostgres } from '../../src/db/embedded/embedded-postgres';
import { withFileLock } from '../../src/db/embedded/home-lock';

let folder: string;
let home: string;
const open: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'thence-embedded-'));
  chmodSync(folder, 0o755);
  home = path.join(folder, 'home');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const postgres of open.splice(0)) await postgres.leave().catch(() => undefined);
});
afterAll(async () => {
  for (const each of [home, path.join(folder, 'private/other')]) await (await joinEmbeddedPostgres(each))?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ensure(at = home): Promise<EmbeddedPostgres> {
  const postgres = await ensureEmbeddedPostgres(at);
  open.push(postgres);
  return postgres;
}

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

const postmaster = () => Number(readFileSync(path.join(home, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);

/** Another process that holds the home's Postgres. */
function hold(): { child: ChildProcess; next(): Promise<Record<string, unknown>> } {
  const child = spawn(
    process.execPath,
    [path.join(__dirname, 'fixtures/hold-postgres.js'), compiledEntry('src/db/embedded/embedded-postgres'), home],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => JSON.parse((await lines.next()).value as string) as Record<string, unknown> };
}

it('makes a cluster at the first start, with a password that only its owner can read', async () => {
  const { url } = await ensure();
  expect(await query(url, 'SELECT current_database() AS name')).toEqual([{ name: 'thence' }]);
  expect(statSync(path.join(home, 'postgres-password')).mode & 0o777).toBe(0o600);
  expect(url).toContain(readFileSync(path.join(home, 'postgres-password'), 'utf8').trim());
  await expect(query(url.replace(/:[0-9a-f]{48}@/, ':wrong@'), 'SELECT 1')).rejects.toThrow('password authentication failed');
  await query(url, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)');
});

it('joins the one that runs, and only the last to leave stops it', async () => {
  const [first, second] = [await ensure(), await ensure()];
  expect(second.url).toBe(first.url);
  expect(await first.stop()).toBe(false);
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
  expect(await second.stop()).toBe(true);
  expect(await joinEmbeddedPostgres(home)).toBeNull();
});

it('starts once when two processes start it at the same moment', async () => {
  const [one, two] = [hold(), hold()];
  const [first, second] = await Promise.all([one.next(), two.next()]);
  expect(first).toEqual({ url: expect.any(String) });
  expect(second).toEqual(first);
  one.child.stdin!.end();
  expect(await one.next()).toEqual({ stopped: false });
  two.child.stdin!.end();
  expect(await two.next()).toEqual({ stopped: true });
});

it('outlives a process that is killed, and is joined by the next', async () => {
  const before = hold();
  const { url } = await before.next();
  const pid = postmaster();
  before.child.kill('SIGKILL');
  const { url: after } = await ensure();
  expect([after, postmaster()]).toEqual([url, pid]);
});

it('comes back with its data, at its old port, after it was killed itself', async () => {
  const { url } = await ensure();
  process.kill(postmaster(), 'SIGKILL');
  const again = await ensure();
  expect(await query(again.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
  expect(again.url).toBe(url);
});

it('starts although a pid file names a process that is something else', async () => {
  await (await ensure()).stop();
  // As after a restart of a container, where pids begin anew.
  writeFileSync(
    path.join(home, 'postgres/data/postmaster.pid'),
    `${process.ppid}\n${path.join(home, 'postgres/data')}\n1\n1\n\n127.0.0.1\n0 0\nready\n`,
  );
  const { url } = await ensure();
  expect(await query(url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
});

it('takes another port when its own is taken', async () => {
  const { url } = await ensure();
  expect(await open.pop()!.stop()).toBe(true);
  const thief = net.createServer();
  await new Promise<void>((resolve) => thief.listen(Number(new URL(url).port), '127.0.0.1', resolve));
  try {
    const moved = await ensure();
    expect(moved.url).not.toBe(url);
    expect(await query(moved.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
  } finally {
    await new Promise((resolve) => thief.close(resolve));
  }
});

it('says which Postgres made the data when another one is installed', async () => {
  await (await ensure()).stop();
  const file = path.join(home, 'postgres/data/PG_VERSION');
  const version = readFileSync(file, 'utf8');
  writeFileSync(file, '12\n');
  try {
    await expect(ensure()).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/was made by Postgres 12, but Postgres 18 is installed/),
    });
  } finally {
    writeFileSync(file, version);
  }
});

it('makes a further database once, whoever asks for it', async () => {
  const { url } = await ensure();
  const urls = await Promise.all([1, 2, 3].map(() => createDatabase(url, 'examples')));
  expect(new Set(urls).size).toBe(1);
  expect(await query(urls[0]!, 'SELECT current_database() AS name')).toEqual([{ name: 'examples' }]);
});

const asRoot = process.getuid?.() === 0 ? it : it.skip;
asRoot('puts its data elsewhere when the home is out of reach for the user that Postgres runs as', async () => {
  mkdirSync(path.join(folder, 'private'), { mode: 0o700 });
  const secret = path.join(folder, 'private/home');
  const { url } = await ensure(secret);
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  const { cluster } = JSON.parse(readFileSync(path.join(secret, 'postgres.json'), 'utf8')) as { cluster: string };
  expect(path.isAbsolute(cluster)).toBe(true);
  expect(existsSync(path.join(cluster, 'data/PG_VERSION'))).toBe(true);
  expect(await open.pop()?.stop()).toBe(true);

  // A temporary home takes its data with it, as soon as another one needs a place.
  rmSync(secret, { recursive: true });
  await ensure(path.join(folder, 'private/other'));
  expect(existsSync(cluster)).toBe(false);
  expect(await open.pop()?.stop()).toBe(true);
});

it('makes the symlinks that npm did not make', () => {
  const root = path.join(folder, 'package');
  mkdirSync(path.join(root, 'native/lib'), { recursive: true });
  writeFileSync(path.join(root, 'native/lib/libx.so.1.2'), 'library');
  writeFileSync(
    path.join(root, 'native/pg-symlinks.json'),
    JSON.stringify([{ source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so' }]),
  );
  hydrate(root);
  hydrate(root);
  expect(lstatSync(path.join(root, 'native/lib/libx.so')).isSymbolicLink()).toBe(true);
  expect(readFileSync(path.join(root, 'native/lib/libx.so'), 'utf8')).toBe('library');
});

describe('the lock of a home', () => {
  const lock = () => path.join(folder, 'a.lock');

  it('lets one in at a time', async () => {
    let inside = 0;
    const most: number[] = [];
    await Promise.all(
      Array.from({ length: 5 }, () =>
        withFileLock(lock(), async () => {
          most.push(++inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
        }),
      ),
    );
    expect(most).toEqual([1, 1, 1, 1, 1]);
    expect(readdirSync(folder).filter((name) => name.startsWith('a.lock'))).toEqual([]);
  });

  it('is taken from a process that died with it', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.once('exit', resolve));
    writeFileSync(lock(), JSON.stringify({ pid: child.pid, host: os.hostname() }));
    expect(await withFileLock(lock(), async () => 'in')).toBe('in');
  });

  it('says who holds it when that takes too long', async () => {
    await withFileLock(lock(), async () => {
      await expect(withFileLock(lock(), async () => 'in', 50)).rejects.toThrow(`another process (pid ${process.pid} on ${os.hostname()})`);
    });
  });
});
