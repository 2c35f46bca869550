import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { DagProcessor } from '../../src/dag-processor/dag-processor';
import type { FileQueue } from '../../src/dag-processor/file-queue';
import type { Config } from '../../src/config/config';
import type { Logger } from '../../src/telemetry/logger';
import { testConfig } from '../support/config';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { fillFolder, makeFolder } from './make-folder';

const db = useTestDatabase();
const open: DagProcessor[] = [];
beforeEach(() => db.reset());
afterEach(async () => {
  for (const processor of open.splice(0)) await processor.stop();
});

const silent: Logger = { debug: jest.fn(), info: jest.fn(), warn: jest.fn(), error: jest.fn(), child: () => silent as never };

function processorOf(dagsFolder: string, overrides: Partial<Config> = {}, wakeup = () => undefined): DagProcessor {
  const config = testConfig({ dagsFolder, leaseMs: 5_000, ...overrides });
  const processor = new DagProcessor({ database: db.database, config, logger: silent, wakeup });
  open.push(processor);
  return processor;
}

interface DagRow {
  readonly dag_id: string;
  readonly file_path: string;
  readonly is_active: boolean;
  readonly number: number;
  readonly warnings: string[];
  readonly next_run_after: Date | null;
}

async function dags(): Promise<DagRow[]> {
  const { rows } = await db.pool.query<DagRow>(
    `SELECT d.dag_id, d.file_path, d.is_active, v.number, d.warnings, d.next_run_after
     FROM dag d JOIN dag_version v ON v.id = d.current_version ORDER BY d.dag_id`,
  );
  return rows;
}

async function importErrors(): Promise<
  { file_path: string; message: string; line: number | null; col: number | null; frame: string | null }[]
> {
  return (await db.pool.query('SELECT file_path, message, line, col, frame FROM import_error ORDER BY file_path')).rows;
}

const countOf = async (table: string) => (await db.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]!.n;

const dagFile = (id: string, more = '') =>
  `import { DAG } from 'thence';\nnew DAG('${id}', { schedule: null }).task('t', () => ${more || 1});\n`;

test('a file becomes rows: its DAGs, their version, its bundle with the sources', async () => {
  const root = makeFolder({
    'sales/etl.ts': `import { DAG } from 'thence';\nimport q from './q.sql';
new DAG('etl', { schedule: '0 6 * * *', startDate: '2026-01-01', timezone: 'Europe/Zurich', tags: ['b', 'a'], owner: 'ann', description: q, maxActiveRuns: 3, catchup: true }).task('t', () => 1);
new DAG('awake', { pausedUponCreation: false }).task('t', () => 1);`,
    'sales/q.sql': 'select 1',
  });
  const summary = await processorOf(root).runOnce();
  expect(summary).toMatchObject({ files: 1, evaluated: 1, changed: ['etl', 'awake'], deactivated: [], errors: [] });
  const { rows } = await db.pool.query('SELECT * FROM dag ORDER BY dag_id DESC');
  expect(rows[0]).toMatchObject({
    dag_id: 'etl',
    file_path: 'sales/etl.ts',
    is_active: true,
    is_paused: true,
    description: 'select 1',
    owner: 'ann',
    tags: ['a', 'b'],
    timezone: 'Europe/Zurich',
    timetable_summary: '0 6 * * *',
    max_active_runs: 3,
    next_logical_date: new Date('2026-01-01T05:00:00Z'),
    next_run_after: new Date('2026-01-02T05:00:00Z'),
  });
  expect(rows[1]).toMatchObject({ dag_id: 'awake', is_paused: false, next_run_after: null });
  const bundles = await db.pool.query('SELECT format, sources FROM bundle');
  expect(bundles.rows).toMatchObject([{ format: 'cjs', sources: { 'sales/q.sql': 'select 1' } }]);
});

test('a file that does not change is not loaded again, and loading it again makes no new version', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl') });
  const processor = processorOf(root);
  await processor.runOnce();
  expect(await processor.runOnce()).toMatchObject({ evaluated: 0, changed: [] });
  await processor.stop();
  expect(await processorOf(root).runOnce()).toMatchObject({ evaluated: 1, changed: [] });
  expect(await countOf('dag_version')).toBe(1);
});

test('a file that somebody asks for is loaded again, once, though it did not change', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl'), 'other.ts': dagFile('other') });
  const processor = processorOf(root);
  await processor.runOnce();
  const parsedAt = async () => (await db.pool.query("SELECT last_parsed_at FROM dag WHERE dag_id = 'etl'")).rows[0].last_parsed_at;
  const before = await parsedAt();
  await db.pool.query("INSERT INTO parse_request (file_path) VALUES ('etl.ts'), ('gone.ts')");
  expect(await processor.runOnce()).toMatchObject({ evaluated: 1, changed: [] });
  expect((await parsedAt()).getTime()).toBeGreaterThan(before.getTime());
  expect([await countOf('parse_request'), await countOf('dag_version')]).toEqual([0, 2]);
  expect(await processor.runOnce()).toMatchObject({ evaluated: 0 });
});

test('a file that is asked for while it is loaded is loaded once more', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl').replace('new DAG', 'await new Promise((done) => setTimeout(done, 500));\nnew DAG') });
  const processor = processorOf(root);
  const parses = async () => (await db.pool.query('SELECT last_parsed_at FROM dag')).rows[0]?.last_parsed_at?.getTime() ?? 0;
  processor.start();
  await eventually(() => expect((processor as unknown as { queue: FileQueue }).queue.isWorkingOn('etl.ts')).toBe(true));
  await db.pool.query("INSERT INTO parse_request (file_path) VALUES ('etl.ts')");
  (processor as unknown as { runner: { wake(): void } }).runner.wake();
  await eventually(async () => expect(await countOf('parse_request')).toBe(0));
  await eventually(async () => expect(await parses()).toBeGreaterThan(0));
  const first = await parses();
  await eventually(async () => expect(await parses()).toBeGreaterThan(first));
});

test('A, then B, then A again: A is current again and there are two versions', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl', '"a"') });
  const processor = processorOf(root);
  await processor.runOnce();
  writeFileSync(path.join(root, 'etl.ts'), dagFile('etl', '"b"'));
  expect(await processor.runOnce()).toMatchObject({ changed: ['etl'] });
  expect(await dags()).toMatchObject([{ number: 2 }]);
  writeFileSync(path.join(root, 'etl.ts'), dagFile('etl', '"a"'));
  expect(await processor.runOnce()).toMatchObject({ changed: ['etl'] });
  expect(await dags()).toMatchObject([{ number: 1 }]);
  expect(await countOf('dag_version')).toBe(2);
});

test('a person who paused a DAG finds it paused after it changed', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl') });
  const processor = processorOf(root, { dagsPausedAtCreation: false });
  await processor.runOnce();
  await db.pool.query('UPDATE dag SET is_paused = true');
  writeFileSync(path.join(root, 'etl.ts'), dagFile('etl', '2'));
  await processor.runOnce();
  expect((await db.pool.query('SELECT is_paused FROM dag')).rows).toEqual([{ is_paused: true }]);
});

test('a file that fails stores its error; the last good version stays, and mending it removes the error', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl') });
  const processor = processorOf(root);
  await processor.runOnce();
  writeFileSync(path.join(root, 'etl.ts'), `import { DAG } from 'thence';\nnew DAG('etl', {{ schedule: null });\n`);
  const summary = await processor.runOnce();
  expect(summary.errors).toMatchObject([{ filePath: 'etl.ts', line: 2, column: 17 }]);
  expect(await importErrors()).toMatchObject([
    { file_path: 'etl.ts', line: 2, col: 17, frame: expect.stringContaining('> 2 |') as string },
  ]);
  expect(await dags()).toMatchObject([{ dag_id: 'etl', is_active: true, number: 1 }]);
  writeFileSync(path.join(root, 'etl.ts'), dagFile('etl', '2'));
  await processor.runOnce();
  expect(await importErrors()).toEqual([]);
  expect(await dags()).toMatchObject([{ number: 2 }]);
});

test('an error in a helper does not lend its line to the DAG file', async () => {
  const root = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nimport { x } from './lib/x';\nnew DAG('etl').task('t', () => x);`,
    'lib/x.ts': `\n\n\nexport const x = (() => { throw new Error('no table'); })();`,
  });
  await processorOf(root).runOnce();
  expect(await importErrors()).toMatchObject([
    {
      file_path: 'etl.ts',
      message: expect.stringMatching(/^no table \(lib\/x\.ts:4:\d+\)$/) as string,
      line: null,
      col: null,
      frame: expect.stringMatching(/^lib\/x\.ts:4:\d+\n/) as string,
    },
  ]);
});

test('editing a helper, or a file that was read while loading, loads the DAG files that depend on it', async () => {
  const root = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nimport { name } from './lib/name';\nnew DAG(name).task('t', () => 1);`,
    'yaml.ts': `import { DAG } from 'thence';\nimport { readFileSync, existsSync } from 'node:fs';\nnew DAG(readFileSync(__dirname + '/id.txt', 'utf8')).task('t', () => existsSync);`,
    'other.ts': dagFile('other'),
    'lib/name.ts': `export const name = 'one';`,
    'id.txt': 'read_one',
  });
  const processor = processorOf(root);
  await processor.runOnce();
  writeFileSync(path.join(root, 'lib/name.ts'), `export const name = 'two';`);
  writeFileSync(path.join(root, 'id.txt'), 'read_two');
  expect(await processor.runOnce()).toMatchObject({
    changed: expect.arrayContaining(['two', 'read_two']),
    deactivated: expect.arrayContaining(['one', 'read_one']),
  });
  expect((await dags()).filter((dag) => dag.is_active).map((dag) => dag.dag_id)).toEqual(['other', 'read_two', 'two']);
});

test('a deleted file deactivates its DAGs and takes its error along; coming back activates them', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl'), 'bad.ts': 'import { DAG } from "thence"; throw new Error("no");' });
  const processor = processorOf(root);
  await processor.runOnce();
  rmSync(path.join(root, 'etl.ts'));
  rmSync(path.join(root, 'bad.ts'));
  expect(await processor.runOnce()).toMatchObject({ deactivated: ['etl'], errors: [] });
  expect(await dags()).toMatchObject([{ is_active: false }]);
  expect(await importErrors()).toEqual([]);
  fillFolder(root, { 'etl.ts': dagFile('etl') });
  expect(await processor.runOnce()).toMatchObject({ changed: ['etl'] });
  expect(await dags()).toMatchObject([{ is_active: true, number: 1 }]);
});

test('files deleted while no processor ran are noticed at the start', async () => {
  const root = makeFolder({ 'etl.ts': dagFile('etl'), 'stays.ts': dagFile('stays') });
  const first = processorOf(root);
  await first.runOnce();
  await first.stop();
  rmSync(path.join(root, 'etl.ts'));
  expect(await processorOf(root).runOnce()).toMatchObject({ deactivated: ['etl'] });
});

test('a renamed file keeps its DAG, without an error in between', async () => {
  const root = makeFolder({ 'a.ts': dagFile('etl') });
  const processor = processorOf(root);
  await processor.runOnce();
  renameSync(path.join(root, 'a.ts'), path.join(root, 'b.ts'));
  expect(await processor.runOnce()).toMatchObject({ errors: [], deactivated: [] });
  expect(await dags()).toMatchObject([{ dag_id: 'etl', file_path: 'b.ts', is_active: true }]);
});

describe('two files that make the same DAG id', () => {
  test('the one stored first stays, the other is an import error; when the first goes, the other takes over at once', async () => {
    const root = makeFolder({ 'b.ts': dagFile('etl') });
    const processor = processorOf(root);
    await processor.runOnce();
    fillFolder(root, { 'a.ts': dagFile('etl', '"other"') + `new DAG('mine').task('t', () => 1);` });
    const { errors } = await processor.runOnce();
    expect(errors).toMatchObject([
      { filePath: 'a.ts', message: expect.stringContaining('DAG id "etl" of a.ts is taken: b.ts made it first') as string },
    ]);
    expect(await dags()).toMatchObject([
      { dag_id: 'etl', file_path: 'b.ts' },
      { dag_id: 'mine', file_path: 'a.ts' },
    ]);

    unlinkSync(path.join(root, 'b.ts'));
    expect(await processor.runOnce()).toMatchObject({ errors: [] });
    expect(await dags()).toMatchObject([{ dag_id: 'etl', file_path: 'a.ts', is_active: true }, { dag_id: 'mine' }]);
    expect(await importErrors()).toEqual([]);
  });

  test('when the first file makes it no longer, the other takes over at once', async () => {
    const root = makeFolder({ 'b.ts': dagFile('etl') });
    const processor = processorOf(root);
    await processor.runOnce();
    fillFolder(root, { 'a.ts': dagFile('etl') });
    await processor.runOnce();
    fillFolder(root, { 'b.ts': dagFile('another') });
    expect(await processor.runOnce()).toMatchObject({ errors: [] });
    expect(await dags()).toMatchObject([
      { dag_id: 'another', file_path: 'b.ts' },
      { dag_id: 'etl', file_path: 'a.ts', is_active: true },
    ]);
  });

  test('a DAG file that imports another one does not take its DAG', async () => {
    const root = makeFolder({
      'base.ts': `import { DAG } from 'thence';\nexport const owner = 'ann';\nnew DAG('base').task('t', () => 1);`,
      'a.ts': `import { DAG } from 'thence';\nimport { owner } from './base';\nnew DAG('a', { owner }).task('t', () => 1);`,
    });
    expect(await processorOf(root).runOnce()).toMatchObject({ errors: [] });
    expect(await dags()).toMatchObject([
      { dag_id: 'a', file_path: 'a.ts' },
      { dag_id: 'base', file_path: 'base.ts' },
    ]);
  });

  test('one file that makes an id twice says so', async () => {
    const root = makeFolder({ 'a.ts': dagFile('etl') + `new DAG('etl');` });
    const { errors } = await processorOf(root).runOnce();
    expect(errors).toMatchObject([{ message: expect.stringContaining('a.ts makes two DAGs with the id "etl"') as string, line: 3 }]);
  });
});

test('a file that imports DAG and makes none is an import error, unless another file imports it', async () => {
  const root = makeFolder({
    'forgot.ts': `import { DAG } from 'thence';\nexport function make() { return new DAG('never'); }`,
    'lib/factory.ts': `import { DAG } from 'thence';\nexport const make = (id: string) => new DAG(id).task('t', () => 1);`,
    'uses.ts': `import { make } from './lib/factory';\nmake('made');`,
    'types.ts': `import type { DAG } from 'thence';\nexport type Mine = DAG;`,
  });
  const processor = processorOf(root);
  const { errors } = await processor.runOnce();
  expect(errors).toMatchObject([{ filePath: 'forgot.ts', message: expect.stringContaining('made no DAG') as string }]);
  expect(await dags()).toMatchObject([{ dag_id: 'made', file_path: 'uses.ts' }]);
  const stored = async () => (await db.pool.query('SELECT id, at FROM import_error')).rows;
  const first = await stored();
  fillFolder(root, { 'forgot.ts': `import { DAG } from 'thence';\nexport function make() { return new DAG('still_never'); }` });
  expect(await processor.runOnce()).toMatchObject({ evaluated: 1, errors: [{ filePath: 'forgot.ts' }] });
  expect(await stored()).toEqual(first); // it did not go away in between
  fillFolder(root, { 'later.ts': `import { make } from './forgot';\nmake().task('t', () => 1);` });
  expect(await processor.runOnce()).toMatchObject({ errors: [] });
  expect(await importErrors()).toEqual([]);
});

test('what .thenceignore names is left alone, at every level', async () => {
  const root = makeFolder({
    '.thenceignore': 'drafts/\n*.skip.ts\n',
    'drafts/a.ts': dagFile('a'),
    'b.skip.ts': dagFile('b'),
    'team/.thenceignore': '!b.skip.ts\nsecret.ts',
    'team/b.skip.ts': dagFile('team_b'),
    'team/secret.ts': dagFile('secret'),
    'team/node_modules/x/index.ts': dagFile('package'),
    '.hidden/a.ts': dagFile('hidden'),
    'types.d.ts': dagFile('types'),
    'plain.mjs': dagFile('plain'),
  });
  await processorOf(root).runOnce();
  expect((await dags()).map((dag) => dag.dag_id)).toEqual(['plain', 'team_b']);
});

test("a pool's slots that it does not have are a warning", async () => {
  await db.pool.query(`INSERT INTO pool (name, slots) VALUES ('narrow', 2), ('endless', -1)`);
  const root = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nconst dag = new DAG('etl');\ndag.task('wide', { pool: 'narrow', poolSlots: 3 }, () => 1);\ndag.task('fits', { pool: 'endless', poolSlots: 99 }, () => 1);`,
  });
  await processorOf(root).runOnce();
  const [{ warnings }] = (await dags()) as [DagRow];
  expect(warnings).toEqual(['task "wide" wants 3 slots of the pool "narrow", which has 2: it waits until somebody makes the pool larger']);
});

test('files that a DAG names travel with its code, and one that changes is a new version', async () => {
  const root = makeFolder({
    'team/etl.ts': `import { DAG } from 'thence';\nnew DAG('etl', { files: ['sql/*.sql'], docMd: 'about.md' }).task('t', () => 1);`,
    'team/about.md': '# About',
    'team/sql/a.sql': 'SELECT 1',
  });
  const processor = processorOf(root);
  await processor.runOnce();
  const bundles = () =>
    db.pool.query(`SELECT b.files, v.spec->>'docMd' AS doc FROM dag_version v JOIN bundle b ON b.hash = v.bundle_hash ORDER BY v.number`);
  expect((await bundles()).rows).toEqual([{ files: { 'team/sql/a.sql': 'SELECT 1' }, doc: '# About' }]);
  writeFileSync(path.join(root, 'team/sql/b.sql'), 'SELECT 2');
  await processor.runOnce();
  expect((await bundles()).rows[1]).toEqual({ files: { 'team/sql/a.sql': 'SELECT 1', 'team/sql/b.sql': 'SELECT 2' }, doc: '# About' });
  writeFileSync(path.join(root, 'team/about.md'), '# New');
  await processor.runOnce();
  expect((await bundles()).rows[2]).toMatchObject({ doc: '# New' });
});

test('a pool that does not exist and an executor that is not configured are warnings', async () => {
  const root = makeFolder({
    'etl.ts': `import { DAG } from 'thence';\nnew DAG('etl').task('t', { pool: 'big', executor: 'queue' }, () => 1);`,
  });
  await processorOf(root).runOnce();
  const [{ warnings }] = (await dags()) as [DagRow];
  expect(warnings).toEqual([expect.stringContaining('pool "big"'), expect.stringContaining('executor "queue"')]);
});

test('another schedule has another next run; another task does not touch it', async () => {
  const scheduled = (schedule: string, task: string) =>
    `import { DAG } from 'thence';\nnew DAG('etl', { schedule: '${schedule}', startDate: '2026-01-01', catchup: true }).task('${task}', () => 1);`;
  const root = makeFolder({ 'etl.ts': scheduled('@daily', 'a') });
  const processor = processorOf(root);
  await processor.runOnce();
  await db.pool.query(`UPDATE dag SET next_run_after = '2026-03-01'`);
  fillFolder(root, { 'etl.ts': scheduled('@daily', 'b') });
  await processor.runOnce();
  expect((await dags())[0]!.next_run_after).toEqual(new Date('2026-03-01'));
  fillFolder(root, { 'etl.ts': scheduled('@monthly', 'b') });
  await processor.runOnce();
  expect((await dags())[0]!.next_run_after).toEqual(new Date('2026-02-01'));
});

test('what the database refuses is an import error of that file alone', async () => {
  await db.pool.query(`ALTER TABLE dag ADD CONSTRAINT no_such_dag CHECK (dag_id <> 'refused')`);
  try {
    const root = makeFolder({ 'refused.ts': dagFile('refused'), 'fine.ts': dagFile('fine') });
    const { errors } = await processorOf(root).runOnce();
    expect(errors).toMatchObject([
      { filePath: 'refused.ts', message: expect.stringContaining('The database cannot store what refused.ts makes') as string },
    ]);
    expect((await dags()).map((dag) => dag.dag_id)).toEqual(['fine']);
  } finally {
    await db.pool.query('ALTER TABLE dag DROP CONSTRAINT no_such_dag');
  }
});

test('a folder that is published by switching a symbolic link is read anew', async () => {
  const parent = makeFolder({ 'rev1/etl.ts': dagFile('one'), 'rev2/etl.ts': dagFile('two'), current: { link: 'rev1' } });
  const processor = processorOf(path.join(parent, 'current'));
  await processor.runOnce();
  unlinkSync(path.join(parent, 'current'));
  symlinkSync('rev2', path.join(parent, 'current'));
  expect(await processor.runOnce()).toMatchObject({ changed: ['two'], deactivated: ['one'] });
});

describe('one processor at a time', () => {
  test('a second one is refused by name while the first is at work, and works when it has ended', async () => {
    const root = makeFolder({ 'etl.ts': dagFile('etl') });
    const first = processorOf(root);
    await first.runOnce();
    const second = processorOf(root);
    await expect(second.runOnce()).rejects.toThrow(
      `another DAG processor is at work (process ${process.pid} on ${os.hostname()}, ${root})`,
    );
    await first.stop();
    await expect(second.runOnce()).resolves.toMatchObject({ changed: [] });
  });

  test('a session whose lease has ended, or whose process is dead, is taken over, and can store nothing afterwards', async () => {
    const root = makeFolder({ 'etl.ts': dagFile('etl') });
    const sleeper = processorOf(root);
    await sleeper.runOnce();
    await db.pool.query(`UPDATE session SET lease_until = clock_timestamp() - interval '1 s'`);
    await processorOf(root).runOnce();
    fillFolder(root, { 'etl.ts': dagFile('etl', '"by the sleeper"') });
    await sleeper.runOnce().catch(() => undefined);
    expect(await dags()).toMatchObject([{ number: 1 }]);
    expect(await countOf(`session WHERE state = 'lost'`)).toBe(1);
  });
});

describe('watching', () => {
  test('a saved file is stored by itself, and the schedulers are told', async () => {
    const root = makeFolder({ 'etl.ts': dagFile('etl') });
    const wakeup = jest.fn();
    const processor = processorOf(root, {}, wakeup as never);
    processor.start();
    await eventually(async () => expect(await dags()).toHaveLength(1));
    expect(wakeup).toHaveBeenCalled();
    fillFolder(root, { 'lib/deep/new.ts': dagFile(`new_${randomUUID().slice(0, 4)}`) });
    fillFolder(root, { 'etl.ts': dagFile('etl', '2') });
    await eventually(async () => expect(await dags()).toMatchObject([{ dag_id: 'etl', number: 2 }, { is_active: true }]));
    rmSync(path.join(root, 'etl.ts'));
    await eventually(async () => expect(await dags()).toMatchObject([{ dag_id: 'etl', is_active: false }, {}]));
  });

  test('a file that is saved again while it is loading is loaded again at once', async () => {
    const slow = (more: string) =>
      `import { DAG } from 'thence';\nawait new Promise((done) => setTimeout(done, 1_000));\nnew DAG('etl').task('t', () => ${more});`;
    const root = makeFolder({ 'etl.mts': slow('1') });
    const processor = processorOf(root, { dagRefreshIntervalMs: 3_600_000 });
    processor.start();
    const { queue } = processor as unknown as { queue: FileQueue };
    await eventually(() => queue.isWorkingOn('etl.mts'));
    fillFolder(root, { 'etl.mts': slow('2') });
    await eventually(async () => {
      const { rows } = await db.pool.query(
        `SELECT FROM bundle b JOIN dag_version v ON v.bundle_hash = b.hash JOIN dag d ON d.current_version = v.id WHERE b.sources->>'etl.mts' LIKE '%=> 2);'`,
      );
      expect(rows).toHaveLength(1);
    });
  });

  test('while the database is away nothing is lost, and what was saved meanwhile is stored when it is back', async () => {
    const root = makeFolder({ 'etl.ts': dagFile('etl') });
    const processor = processorOf(root);
    processor.start();
    await eventually(async () => expect(await dags()).toHaveLength(1));
    const name = new URL(db.url).pathname.slice(1);
    const server = new pg.Client(db.url.replace(`/${name}`, '/postgres'));
    await server.connect();
    try {
      await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
      fillFolder(root, { 'etl.ts': dagFile('etl', '2'), 'new.ts': dagFile('new') });
      await eventually(() => expect(silent.warn).toHaveBeenCalledWith(expect.stringContaining('the database does not answer')));
    } finally {
      await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      await server.end();
    }
    await eventually(async () => expect(await dags()).toMatchObject([{ dag_id: 'etl', number: 2 }, { dag_id: 'new' }]), 30_000);
  });

  test('a dags folder that is not there is named once, and changes nothing until it is back', async () => {
    const root = makeFolder({ 'dags/etl.ts': dagFile('etl') });
    const processor = processorOf(path.join(root, 'dags'));
    await processor.runOnce();
    renameSync(path.join(root, 'dags'), path.join(root, 'away'));
    await expect(processor.runOnce()).rejects.toThrow(/The dags folder .* does not exist/);
    expect(await dags()).toMatchObject([{ is_active: true }]);
    renameSync(path.join(root, 'away'), path.join(root, 'dags'));
    expect(await processor.runOnce()).toMatchObject({ deactivated: [], errors: [] });
  });

  test('a file that loads for ever keeps no other file waiting', async () => {
    const root = makeFolder({
      'a.ts': `import { DAG } from 'thence';\nwhile (true);`,
      'b.ts': `import { DAG } from 'thence';\nwhile (true);`,
    });
    const processor = processorOf(root, { dagFileTimeoutMs: 60_000 });
    processor.start();
    fillFolder(root, { 'etl.ts': dagFile('etl') });
    await eventually(async () => expect(await dags()).toHaveLength(1), 30_000);
    expect(await importErrors()).toEqual([]);
  });
});

test('many files: processes are replaced and none of it piles up', async () => {
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`flows/f${n}.ts`, dagFile(`dag_${n}`)]));
  const processor = processorOf(makeFolder(files));
  const summary = await processor.runOnce();
  expect(summary).toMatchObject({ files: 300, evaluated: 300, errors: [] });
  expect(await countOf('dag')).toBe(300);
  const { hosts } = processor as unknown as { hosts: { started: number; largestRssMb: number; all: Set<unknown> } };
  expect(hosts.started).toBeGreaterThan(2);
  expect(hosts.all.size).toBeLessThanOrEqual(2);
  expect(hosts.largestRssMb).toBeLessThan(300);
});
