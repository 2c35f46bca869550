import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { useTestDatabase } from '../support/database';
import { insertBackfill, insertDag, insertRun, insertTaskInstance } from '../support/factories';
import { runCli } from '../support/run-cli';

// Each command is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

const text = readFileSync(path.join(packageRoot, 'docs/again.md'), 'utf8');
const db = useTestDatabase();

test('the commands in docs/again.md work as they are written', async () => {
  const timetable = { kind: 'cron-data-interval', expression: '@daily', timezone: 'UTC' } as const;
  await insertDag(db.pool, { dagId: 'etl', timetable, tasks: ['extract', 'load', 'ship'], edges: [['extract', 'load']] });
  const run = await insertRun(db.pool, { dagId: 'etl', runId: 'manual__1', state: 'failed', logicalDate: '2026-01-05' });
  for (const taskId of ['extract', 'load']) await insertTaskInstance(db.pool, { run, taskId, state: 'failed' });
  await insertTaskInstance(db.pool, { run, taskId: 'ship', mapIndex: 3, state: 'failed' });
  const range = { dagId: 'etl', fromDate: '2026-01-01', toDate: '2026-01-02' };
  for (const completedAt of ['2026-02-01', '2026-02-01', null]) await insertBackfill(db.pool, { ...range, completedAt });

  const written = [...text.matchAll(/^npx thence ([^#\n]+)/gm)].map((match) => wordsOf(match[1]!.trim()));
  expect(written.length).toBeGreaterThanOrEqual(10);
  const cwd = mkdtempSync(path.join(os.tmpdir(), 'thence-again-'));
  try {
    const call = async (args: string[]) => {
      // What asks, or waits for a scheduler, only says what it would do.
      const asks = ['clear', 'create'].includes(args[1]!) || (args[0] === 'tasks' && args[1] === 'mark');
      const listing = asks ? [...new Set([...args, '--dry-run'])] : args[1] === 'run' ? [...args, '--detach'] : args;
      const { exitCode, stderr } = await runCli(listing, { cwd, env: { THENCE_HOME: cwd, THENCE_DATABASE_URL: db.url } });
      expect([args.join(' '), exitCode, stderr.includes('dry run')]).toEqual([args.join(' '), 0, listing.includes('--dry-run')]);
    };
    const isChange = ([group, verb]: string[]) =>
      verb === 'run' || (['pause', 'cancel', 'mark', 'note'].includes(verb!) && group !== 'tasks');
    await Promise.all(written.filter((args) => !isChange(args)).map(call));
    for (const args of written.filter(isChange)) await call(args);
  } finally {
    rmSync(cwd, { recursive: true });
  }
});

const wordsOf = (line: string): string[] => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
