/** Attempts to break the protocol on a real Postgres: races, lost connections, late and poisonous reports. */
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { createDecide } from '../../src/engine/decide';
import type { ClaimedAttempt } from '../../src/ledger/ledger';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { insertAttempt, insertDag, insertPool, insertSession } from '../support/factories';
import { failed, Hand, newRun, succeeded } from './conformance';

const db = useTestDatabase();
const opened: PostgresLedger[] = [];
const open = (url = db.url) => {
  const ledger = new PostgresLedger({ url });
  opened.push(ledger);
  return ledger;
};
const hands = (count: number) => Promise.all(Array.from({ length: count }, () => new Hand(open()).open()));
const none = { capacity: new Map<string, number>() };
const report = (attempt: ClaimedAttempt, outcome = succeeded()) => ({ attemptId: attempt.attemptId, outcome, cpuMs: null, peakKb: null });
const count = async (sql: string): Promise<number> => (await db.pool.query(`SELECT count(*)::int AS n FROM ${sql}`)).rows[0].n;

const wires: (() => void)[] = [];

beforeEach(() => db.reset());
afterEach(async () => {
  wires.splice(0).forEach((cut) => cut());
  await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
});

describe('races', () => {
  it('wakes every join whose two parents end at the same moment in two schedulers', async () => {
    const joins = 300;
    await insertDag(db.pool, { dagId: 'd', maxActiveRuns: joins, tasks: ['a', 'b', 'join'], edges: [['a', 'join'], ['b', 'join']] }); // prettier-ignore
    await db.pool.query('UPDATE pool SET slots = -1');
    const [one, two] = (await hands(2)) as [Hand, Hand];
    await one.ledger.createRuns(Array.from({ length: joins }, () => newRun('d')));
    await one.ledger.startQueuedRuns(joins);
    const { claimed } = await one.look({ capacity: new Map([['default', 2 * joins]]) });
    expect(claimed).toHaveLength(2 * joins);

    const a = claimed.filter(({ taskId }) => taskId === 'a');
    const b = new Map(claimed.filter(({ taskId }) => taskId === 'b').map((attempt) => [attempt.run, attempt]));
    for (const attempt of a) await Promise.all([one.end(attempt, succeeded(), none), two.end(b.get(attempt.run)!, succeeded(), none)]);
    expect(await count(`task_instance WHERE task_id = 'join' AND state = 'scheduled' AND admissible`)).toBe(joins);
    expect(await count('run_wake')).toBe(0);
  });

  it('never has more than eight at work in a pool of eight, with four schedulers', async () => {
    await insertPool(db.pool, 'eight', 8);
    const tasks = Array.from({ length: 200 }, (_, i) => ({ id: `t${i}`, pool: 'eight' }));
    await insertDag(db.pool, { dagId: 'd', maxActiveTasks: 500, tasks });
    const four = await hands(4);
    await four[0]!.ledger.createRuns([newRun('d')]);
    await four[0]!.ledger.startQueuedRuns(1);
    await four[0]!.look(none);

    let done = false;
    const seen: number[] = [];
    const watch = async () => {
      while (!done) seen.push(await count(`attempt WHERE pool = 'eight' AND state <> 'ended'`));
    };
    const work = async (hand: Hand) => {
      let mine: ClaimedAttempt[] = [];
      while ((await count(`task_instance WHERE state = 'scheduled'`)) > 0 || mine.length > 0) {
        mine = [...(await hand.hop({ outcomes: mine.map((attempt) => report(attempt)), capacity: new Map([['default', 5]]) })).claimed];
      }
    };
    await Promise.all([watch(), Promise.all(four.map(work)).finally(() => (done = true))]);
    expect(Math.max(...seen)).toBeLessThanOrEqual(8);
    expect(Math.max(...seen)).toBeGreaterThan(1);
    expect(await count(`task_instance WHERE state = 'success'`)).toBe(200);
    expect(await count(`attempt WHERE state <> 'ended'`)).toBe(0);
  });

  it('starts no run too many when four schedulers start runs of one DAG, each knowing of an older one', async () => {
    await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 3 });
    const four = await hands(4);
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        four.map(async (hand, i) => {
          await hand.ledger.createRuns([newRun('d', { runAfter: 1e9 - 4 * round - i })]);
          await hand.ledger.startQueuedRuns(10);
        }),
      );
      expect(await count(`dag_run WHERE state = 'running'`)).toBe(3);
      const running = await db.pool.query(`SELECT pk FROM dag_run WHERE state = 'running'`);
      for (const { pk } of running.rows) await four[0]!.ledger.markRun(pk, 'success');
    }
    expect(await count(`task_instance`)).toBe(30);
  });

  it('loses no wake that is written while the run is locked, before or after the hop has looked', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b', 'c'], edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore
    const [hand] = (await hands(1)) as [Hand];
    const { pk, claimed } = await hand.start('d');

    const writer = await db.pool.connect();
    await writer.query('BEGIN');
    await writer.query('SELECT FROM dag_run WHERE pk = $1 FOR NO KEY UPDATE', [pk]);
    const hopping = hand.hop({ runs: [pk] });
    await eventually(async () => (await count(`pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)) > 0);
    await writer.query(`UPDATE task_instance SET state = 'success', end_date = now() WHERE run = $1 AND task_id = 'a'`, [pk]);
    await writer.query(`INSERT INTO run_wake (run, cause) VALUES ($1, 'before')`, [pk]);
    await writer.query('UPDATE dag_run SET seq = seq + 1 WHERE pk = $1', [pk]);
    await writer.query('COMMIT');
    const hopped = await hopping;
    expect(hopped.claimed.map(({ taskId }) => taskId)).toEqual(['b']);
    expect(await count('run_wake')).toBe(0);

    await writer.query('BEGIN');
    await writer.query(`INSERT INTO run_wake (run, cause) VALUES ($1, 'after')`, [pk]);
    await hand.end(hopped.claimed[0]!);
    await writer.query('COMMIT');
    writer.release();
    expect((await hand.ledger.attention(hand.session, ['default'], 10)).runs).toEqual([pk]);
    expect((await hand.end(claimed[0]!)).refused).toHaveLength(1);
  });

  it('gives a cleared run and a claim that happen together one live attempt per task', async () => {
    await insertDag(db.pool, { dagId: 'd', maxActiveRuns: 100 });
    const [one, two] = (await hands(2)) as [Hand, Hand];
    for (let round = 0; round < 20; round++) {
      const { pk } = await one.start('d', {}, none);
      const [{ claimed }] = await Promise.all([one.hop(), two.ledger.clearRun(pk)]);
      const { rows } = await db.pool.query('SELECT state FROM task_instance WHERE run = $1', [pk]);
      expect(rows[0].state).toBe(claimed.length > 0 ? 'restarting' : null);
      await one.hop({ outcomes: claimed.map((attempt) => report(attempt)), ...none });
      await two.ledger.startQueuedRuns(10);
      const again = await two.look();
      expect(again.claimed).toMatchObject([{ run: pk, tryNumber: claimed.length + 1 }]);
      expect((await two.end(again.claimed[0]!)).ended).toMatchObject([{ run: pk }]);
    }
  });

  it('has no second live attempt of a task, by constraint', async () => {
    const { version } = await insertDag(db.pool, { dagId: 'd' });
    const [hand] = (await hands(1)) as [Hand];
    await hand.start('d');
    const { rows } = await db.pool.query('SELECT pk FROM task_instance');
    const second = insertAttempt(db.pool, { ti: rows[0].pk, session: await insertSession(db.pool), version, tryNumber: 2 });
    await expect(second).rejects.toMatchObject({ code: '23505', constraint: 'attempt_live' });
  });
});

describe('failures in the middle', () => {
  const terminateLedger = `
    const pg = require('pg'); const client = new pg.Client(process.argv[1]);
    client.connect().then(() => client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'thence-ledger' AND datname = current_database() AND state = 'idle in transaction'")).then(() => client.end());`;

  it('does nothing when it is cut off between the flushes, and everything when it is repeated', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b'], edges: [['a', 'b']] });
    const [hand] = (await hands(1)) as [Hand];
    const { claimed } = await hand.start('d');
    const request = { session: hand.session, outcomes: [report(claimed[0]!)], started: [], runs: [], capacity: new Map([['default', 5]]) };
    const cutOff = hand.ledger.hop(request, (runs, now) => {
      execFileSync(process.execPath, ['-e', terminateLedger, db.url], { cwd: __dirname });
      return createDecide()(runs, now);
    });
    await expect(cutOff).rejects.toThrow();
    expect(await count(`task_instance WHERE state = 'running'`)).toBe(1);
    expect(await count(`attempt WHERE state = 'ended'`)).toBe(0);
    expect((await hand.ledger.hop(request, createDecide())).claimed).toMatchObject([{ taskId: 'b' }]);
  });

  it('hands out what it claimed when the answer to COMMIT was lost', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b', 'c'], edges: [['a', 'b'], ['a', 'c']] }); // prettier-ignore
    const wire = await cuttableWire(db.url);
    const hand = await new Hand(open(wire.url)).open();
    const { claimed } = await hand.start('d');
    wire.swallowNextCommit();
    await expect(hand.end(claimed[0]!)).rejects.toThrow();
    await eventually(async () => (await count(`task_instance WHERE state = 'running'`)) === 2);

    const again = await hand.end(claimed[0]!, succeeded(), { capacity: new Map([['default', 2]]) });
    expect(again.refused).toEqual([claimed[0]!.attemptId]);
    expect(again.claimed.map(({ taskId }) => taskId).sort()).toEqual(['b', 'c']);
    expect((await hand.hop()).claimed).toEqual([]);
  });

  it('fails only the task whose outcome cannot be stored', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['good', 'bad', 'fine', 'after'], edges: [['bad', 'after']] });
    const [hand] = (await hands(1)) as [Hand];
    const { pk, claimed } = await hand.start('d');
    const values: Record<string, string> = { good: '1', bad: '"\0"', fine: '2' };
    const result = await hand.hop({ outcomes: claimed.map((attempt) => report(attempt, succeeded(values[attempt.taskId]))) });
    expect(result.ended).toMatchObject([{ run: pk, state: 'failed' }]);
    const { rows } = await db.pool.query('SELECT task_id, state FROM task_instance ORDER BY task_id');
    expect(Object.fromEntries(rows.map(({ task_id, state }) => [task_id, state]))).toEqual({
      after: 'upstream_failed',
      bad: 'failed',
      fine: 'success',
      good: 'success',
    });
    const { rows: errors } = await db.pool.query(`SELECT error->>'message' AS message FROM attempt WHERE end_state = 'failed'`);
    expect(errors[0].message).toMatch(/could not store/);
  });

  it('stores an error message with characters that Postgres refuses', async () => {
    await insertDag(db.pool, { dagId: 'd' });
    const [hand] = (await hands(1)) as [Hand];
    const { claimed } = await hand.start('d');
    const error = { name: 'Error', message: 'nul \0, half \ud83d', stack: '\0' };
    await hand.end(claimed[0]!, { kind: 'failed', error, retryable: false, reason: 'executed' });
    const { rows } = await db.pool.query('SELECT error FROM attempt');
    expect(rows[0].error).toEqual({ name: 'Error', message: 'nul \ufffd, half \ufffd', stack: '\ufffd' });
  });

  it('frees the slot of an attempt exactly once', async () => {
    await insertPool(db.pool, 'one', 1);
    await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b', 'c'].map((id) => ({ id, pool: 'one' })) });
    const [hand] = (await hands(1)) as [Hand];
    const { claimed } = await hand.start('d');
    const outcomes = [report(claimed[0]!), report(claimed[0]!, failed(false))];
    expect((await hand.hop({ outcomes })).claimed).toHaveLength(1);
    expect((await hand.hop({ outcomes })).claimed).toEqual([]);
    expect(await count(`attempt WHERE state <> 'ended'`)).toBe(1);
  });
});

describe('sessions', () => {
  const host = { host: 'h', bootId: 'b', marginMs: 0, intervalMs: 60_000, leaseMs: 60_000 };

  it('believes in dead processes of its own host at once, and in expired leases only after a lease of watching', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['a', 'b', 'c'] });
    const [own, deadHere, expired] = (await hands(3)) as [Hand, Hand, Hand];
    await db.pool.query('UPDATE session SET pid = 999999 WHERE id = $1', [deadHere.session]);
    await deadHere.start('d', {}, { capacity: new Map([['default', 2]]) });
    await expired.hop({ capacity: new Map([['default', 1]]) });
    await db.pool.query(`UPDATE session SET host = 'elsewhere', lease_until = now() - interval '1 hour' WHERE id = $1`, [expired.session]);

    const request = { ...host, own: own.session, isAlive: (pid: number) => pid !== 999_999 };
    expect(await own.ledger.reapSessions(request)).toBe(2);
    expect(await own.ledger.reapSessions(request)).toBe(0);
    expect(await expired.ledger.renewSession(expired.session, 60_000, {})).toBe(true);

    const patient = open();
    expect(await patient.reapSessions({ ...request, leaseMs: 0 })).toBe(0);
    await db.pool.query(`UPDATE session SET lease_until = now() - interval '1 hour' WHERE id = $1`, [expired.session]);
    expect(await patient.reapSessions({ ...request, leaseMs: 0 })).toBe(1);
    expect(await expired.ledger.renewSession(expired.session, 60_000, {})).toBe(false);
    expect((await own.look()).claimed).toHaveLength(3);
  });

  it('finishes what a reaper that died itself had begun', async () => {
    await insertDag(db.pool, { dagId: 'd' });
    const [own, lost] = (await hands(2)) as [Hand, Hand];
    await lost.start('d');
    await db.pool.query(`UPDATE session SET state = 'lost', ended_at = now() WHERE id = $1`, [lost.session]);
    expect(await own.ledger.reapSessions({ ...host, own: own.session, isAlive: () => true })).toBe(1);
    expect((await own.look()).claimed).toMatchObject([{ taskId: 'a', tryNumber: 2 }]);
  });
});

describe('versions', () => {
  it('pins a run to the newest version when it starts, and records it on each attempt', async () => {
    await insertDag(db.pool, { dagId: 'd', tasks: ['a'] });
    const [hand] = (await hands(1)) as [Hand];
    await hand.ledger.createRuns([newRun('d')]);
    const newest = await insertDag(db.pool, { dagId: 'd', tasks: ['b'] });
    await hand.ledger.startQueuedRuns(1);
    const { claimed } = await hand.look();
    expect(claimed).toMatchObject([{ taskId: 'b', version: newest.version, bundleHash: newest.bundleHash }]);
    expect(await count(`attempt WHERE version = '${newest.version}'`)).toBe(1);
  });

  it('keeps the version of a cleared run whose DAG asks for that', async () => {
    const old = await insertDag(db.pool, { dagId: 'd', tasks: ['a'], rerunWithLatestVersion: false });
    const [hand] = (await hands(1)) as [Hand];
    const { pk, claimed } = await hand.start('d');
    await hand.end(claimed[0]!);
    await insertDag(db.pool, { dagId: 'd', tasks: ['b'], rerunWithLatestVersion: false });
    await hand.ledger.clearRun(pk);
    await hand.ledger.startQueuedRuns(1);
    expect((await hand.look()).claimed).toMatchObject([{ taskId: 'a', version: old.version, tryNumber: 2 }]);
  });
});

/** A wire to the database that can lose the answer to a COMMIT: the server has done it, the client never hears of it. */
async function cuttableWire(url: string) {
  const server = new URL(url);
  const sockets = new Set<net.Socket>();
  let swallow = false;
  const relay = net.createServer((client) => {
    const upstream = net.connect(Number(server.port), server.hostname);
    let deaf = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => [client, upstream].forEach((end) => end.destroy()));
    }
    client.on('data', (data) => {
      if (swallow && data.includes('COMMIT')) {
        swallow = false;
        deaf = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (!deaf) client.write(data);
      else if (data.includes('COMMIT')) client.destroy();
    });
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const relayed = new URL(url);
  relayed.host = `127.0.0.1:${(relay.address() as net.AddressInfo).port}`;
  wires.push(() => {
    sockets.forEach((socket) => socket.destroy());
    relay.close();
  });
  return { url: relayed.toString(), swallowNextCommit: () => (swallow = true) };
}
