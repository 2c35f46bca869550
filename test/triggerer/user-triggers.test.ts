import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseConnection } from '../../src/secrets/parse-connection';
import { thisHost } from '../../src/service/session-keeper';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertSession } from '../support/factories';
import { deferTasks, eventsOf, home, insertTriggers, logOf, startTriggerer } from './support';
import type { RunningTriggerer } from './support';

const db = useTestDatabase();
const running: RunningTriggerer[] = [];

beforeEach(() => db.reset());
afterEach(async () => {
  for (const triggerer of running.splice(0)) await triggerer.stop();
});

async function start(options: Parameters<typeof startTriggerer>[1] = {}): Promise<RunningTriggerer> {
  const triggerer = await startTriggerer(db, options);
  running.push(triggerer);
  return triggerer;
}

const ended = (run: number, withinMs = 15_000) =>
  eventually(async () => {
    const events = await eventsOf(db.pool, run);
    expect(events.every((event) => event !== null)).toBe(true);
    return events;
  }, withinMs);

const journal = (name: string) => path.join(home, name);
const linesOf = (name: string) => (existsSync(journal(name)) ? readFileSync(journal(name), 'utf8').trim().split('\n') : []);

/** Yields when a file is there; says in a journal that it began, and that it was let go. */
const gate = `import { appendFileSync, existsSync } from 'node:fs';
  class Gate extends Trigger {
    static kind = 'gate';
    async *run({ signal }) {
      appendFileSync(this.args.journal, 'begin ' + this.args.n + '\\n');
      try {
        while (!signal.aborted) {
          if (existsSync(this.args.open)) yield new TriggerEvent({ n: this.args.n });
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      } finally {
        appendFileSync(this.args.journal, 'end ' + this.args.n + '\\n');
      }
    }
  }`;
const gates = (count: number, name: string) =>
  Array.from({ length: count }, (_, n) => ({ trigger: 'gate', args: { n, journal: journal(name), open: journal(`${name}.open`) } }));

it('a trigger of a DAG file yields the event with which its task goes on; what it prints is in the log of the try', async () => {
  await insertTriggers(
    db.pool,
    `class Tick extends Trigger {
      static kind = 'tick';
      async *run({ log, variables, connections }) {
        console.log('printed by', this.args.n);
        log.warn(await variables.get('greeting'), (await connections.get('db')).password);
        await null;
        yield new TriggerEvent({ n: this.args.n, env: Object.keys(process.env).filter((name) => /THENCE|PG/.test(name)) });
      }
    }`,
  );
  await start({ connections: { db: parseConnection('db', 'postgres://u:pass-word@h/d', 'the test') } });
  const run = await deferTasks(db.pool, [{ args: { n: 0 } }, { args: { n: 1 } }]);
  expect(await ended(run)).toEqual([0, 1].map((n) => ({ kind: 'event', payload: { n, env: [] } })));
  expect(logOf(1)).toMatchObject([
    { source: 'task', message: 'printed by 1' },
    { level: 'warn', message: 'hello ***' },
  ]);
});

const faults: readonly (readonly [kind: string, body: string, message: RegExp])[] = [
  ['throws', `throw new Error('no such queue')`, /no such queue/],
  ['ends-without-an-event', `await null`, /ended without an event/],
  ['yields-something-else', `yield 3`, /it yielded 3, which is no TriggerEvent/],
  ['yields-what-is-not-json', `yield new TriggerEvent({ at: () => 1 })`, /payload of the event of trigger "yields-what-is-not-json" cannot be stored as JSON: `at`/], // prettier-ignore
  ['fails-where-nobody-catches-it', `setTimeout(() => { throw new Error('behind its back'); }, 5); await new Promise(() => {})`, /behind its back/], // prettier-ignore
  ['rejects-where-nobody-awaits-it', `Promise.reject(new Error('unawaited')); await new Promise(() => {})`, /unawaited/],
  ['calls-process-exit', `process.exit(0)`, /called process.exit\(0\)/],
];

it('a trigger that fails in any way fails its own wait alone, with a sentence', async () => {
  await insertTriggers(
    db.pool,
    `${faults.map(([kind, body], n) => `class Fault${n} extends Trigger { static kind = '${kind}'; async *run() { ${body} } }`).join('\n')}
    class Good extends Trigger { static kind = 'good'; async *run() { await new Promise((resolve) => setTimeout(resolve, 300)); yield new TriggerEvent(1); } }`,
  );
  await start();
  const run = await deferTasks(db.pool, [...faults.map(([trigger]) => ({ trigger })), { trigger: 'good' }, { trigger: 'goood' }]);
  const failed = (message: RegExp) => ({ kind: 'failed', message: expect.stringMatching(message) as string });
  expect(await ended(run)).toEqual([
    ...faults.map(([, , message]) => failed(message)),
    { kind: 'event', payload: 1 },
    failed(/no Trigger class of the kind "goood".*did you mean.*good/),
  ]);
});

it('a trigger that a package brings along is found by its kind', async () => {
  const folder = path.join(home, 'node_modules', 'triggers');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'index.js'),
    `const { Trigger, TriggerEvent } = require('thence');
    exports.Packaged = class extends Trigger { static kind = 'packaged'; async *run() { yield new TriggerEvent('from a package'); } };`,
  );
  await insertTriggers(db.pool, `const { Packaged } = require('triggers');`);
  await start();
  const run = await deferTasks(db.pool, [{ trigger: 'packaged' }]);
  expect(await ended(run)).toEqual([{ kind: 'event', payload: 'from a package' }]);
});

it('a file that cannot be loaded any more fails its waits with its reason', async () => {
  await insertTriggers(db.pool, `if (process.env.TASK_ATTEMPT_ID === undefined) throw new Error('only in tasks');`);
  await start();
  const run = await deferTasks(db.pool, [{}]);
  expect(await ended(run)).toEqual([{ kind: 'failed', message: expect.stringMatching(/d\.ts could not be loaded to run its trigger: only in tasks/) as string }]); // prettier-ignore
});

it('a timeout ends the wait; a wait that is taken away (a clear, a mark) has its trigger let go', async () => {
  await insertTriggers(db.pool, gate);
  const triggerer = await start();
  const [late, cleared] = gates(2, 'let-go');
  const run = await deferTasks(db.pool, [late!, cleared!]);
  await eventually(() => expect(linesOf('let-go').toSorted()).toEqual(['begin 0', 'begin 1']));
  await db.pool.query(`UPDATE wait SET timeout_at = clock_timestamp() + interval '200 ms' WHERE (args->>'n')::int = 0`);
  await db.pool.query('DELETE FROM wait WHERE ti = (SELECT pk FROM task_instance WHERE run = $1 AND map_index = 1)', [run]);
  triggerer.wake();
  await eventually(() => expect(linesOf('let-go')).toContain('end 1'));
  await eventually(async () => expect(await eventsOf(db.pool, run)).toEqual([{ kind: 'timeout' }, null]));
  await eventually(() => expect(linesOf('let-go')).toContain('end 0'));
});

it('two triggerers share the waits; when one goes, the other takes over its part, and every event comes once', async () => {
  await insertTriggers(db.pool, gate);
  const [a] = [await start(), await start()];
  const run = await deferTasks(db.pool, gates(20, 'shared'));
  const owners = async () => (await db.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM wait WHERE session IS NOT NULL GROUP BY session ORDER BY 1`)).rows; // prettier-ignore
  await eventually(async () => expect((await owners()).reduce((sum, { n }) => sum + n, 0)).toBe(20));
  expect((await owners()).length).toBe(2);
  await eventually(() => expect(linesOf('shared')).toHaveLength(20));
  running.splice(running.indexOf(a), 1);
  await a.stop();
  await eventually(async () => expect(await owners()).toEqual([{ n: 20 }]));
  await db.pool.query(`SELECT pg_notify('thence', '')`);
  await start();
  writeFileSync(journal('shared.open'), '');
  expect(await ended(run)).toEqual(Array.from({ length: 20 }, (_, n) => ({ kind: 'event', payload: { n } })));
});

it('no more than its capacity run at once, and the rest gets its turn', async () => {
  await insertTriggers(db.pool, gate);
  const triggerer = await start({ capacity: 3 });
  const run = await deferTasks(db.pool, gates(5, 'full'));
  const begun = () => linesOf('full').filter((line) => line.startsWith('begin'));
  await eventually(() => expect(begun()).toHaveLength(3));
  expect((await db.pool.query('SELECT FROM wait WHERE session IS NOT NULL')).rowCount).toBe(3);
  await db.pool.query('UPDATE wait SET timeout_at = clock_timestamp() WHERE session IS NOT NULL');
  triggerer.wake();
  await eventually(() => expect(begun()).toHaveLength(5));
  expect((await eventsOf(db.pool, run)).filter((event) => event !== null)).toEqual(Array(3).fill({ kind: 'timeout' }));
});

it('what a dead triggerer had is taken over at once, with a higher generation', async () => {
  await insertTriggers(db.pool, gate);
  const { host, bootId } = thisHost;
  const gone = await insertSession(db.pool, { kind: 'triggerer', host, bootId, pid: 2 ** 22 + 1 });
  const run = await deferTasks(db.pool, gates(2, 'dead'));
  await db.pool.query('UPDATE wait SET session = $1, generation = 7', [gone]);
  await start();
  await eventually(() => expect(linesOf('dead').toSorted()).toEqual(['begin 0', 'begin 1']));
  expect((await db.pool.query('SELECT DISTINCT generation, session <> $1 AS taken FROM wait', [gone])).rows).toEqual([{ generation: 8, taken: true }]); // prettier-ignore
  expect(await eventsOf(db.pool, run)).toEqual([null, null]);
});

it('a session that was declared lost lets its triggers go, and begins anew under another', async () => {
  await insertTriggers(db.pool, gate);
  await start({ leaseMs: 900 });
  await deferTasks(db.pool, gates(1, 'lost'));
  await eventually(() => expect(linesOf('lost')).toEqual(['begin 0']));
  await db.pool.query(`UPDATE session SET state = 'lost', ended_at = clock_timestamp() WHERE kind = 'triggerer'`);
  await eventually(() => expect(linesOf('lost')).toEqual(['begin 0', 'end 0', 'begin 0']));
  expect((await db.pool.query('SELECT generation FROM wait')).rows).toEqual([{ generation: 2 }]);
});

it('a trigger that holds up the event loop is found, started apart, and fails the third time; the others go on', async () => {
  await insertTriggers(
    db.pool,
    `${gate}
    class Busy extends Trigger {
      static kind = 'busy';
      async *run() {
        await new Promise((resolve) => setTimeout(resolve, 50));
        for (;;);
      }
    }`,
  );
  await start({ patienceMs: 1_000 });
  const run = await deferTasks(db.pool, [...gates(3, 'busy'), { trigger: 'busy' }]);
  await eventually(async () => expect((await eventsOf(db.pool, run))[3]).toEqual({ kind: 'failed', message: expect.stringMatching(/"busy" held up its process for more than 1 s, 3 times/) as string }), 45_000); // prettier-ignore
  // Hit by the first kill alone.
  expect(linesOf('busy').filter((line) => line.startsWith('begin'))).toHaveLength(6);
  writeFileSync(journal('busy.open'), '');
  expect((await ended(run)).slice(0, 3)).toEqual([0, 1, 2].map((n) => ({ kind: 'event', payload: { n } })));
}, 90_000);
