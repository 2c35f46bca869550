/**
 * Whatever happens in whatever order, over several schedulers: tallies are what a recount says, limits hold, no wake-up is lost (a run that nobody
 * is called to has nothing left to decide), and everything ends.
 */
import fc from 'fast-check';
import type { Outcome } from '../../src/core/workload';
import { createDecide } from '../../src/engine/decide';
import type { ClaimedAttempt, Decide, RunDecision } from '../../src/ledger/ledger';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { countOf, TALLY_COLUMNS } from '../../src/ledger/postgres/tally-sql';
import { useTestDatabase } from '../support/database';
import { insertDag, insertPool } from '../support/factories';
import { Hand, newRun } from './conformance';
import { over } from './semantics';

const db = useTestDatabase();
const GAMES = 3;
const STEPS = 100;
const LIMITS = { pool: 4, perRun: 8, perDag: 10, tisPerDag: 3 };

const retries = { retries: 1, retryDelaysMs: [0] };

async function addPools(): Promise<void> {
  await insertPool(db.pool, 'small', LIMITS.pool);
  await insertPool(db.pool, 'strict', LIMITS.pool);
  await db.pool.query(`UPDATE pool SET include_deferred = true WHERE name = 'strict'`);
}

/** All about mapping. */
async function addMappedDag(): Promise<void> {
  await insertDag(db.pool, {
    dagId: 'd',
    maxActiveTasks: LIMITS.perRun,
    maxActiveTasksPerDag: LIMITS.perDag,
    groups: [{ id: 'g', parent: null, doc: null, ...over('list') }],
    tasks: [
      { id: 'list', ...retries },
      { id: 'm', pool: 'small', ...retries, ...over('list') },
      { id: 'n', pool: 'strict', poolSlots: 2, triggerRule: 'all_done', ...over('m') },
      { id: 'g.a', group: 'g', pool: 'small', ...retries },
      { id: 'g.b', group: 'g', pool: 'strict', triggerRule: 'none_failed' },
      { id: 'g.c', group: 'g', maxActiveTisPerDag: LIMITS.tisPerDag },
      { id: 'last', triggerRule: 'all_done' },
    ],
    edges: [['list', 'm'], ['m', 'n'], ['g.a', 'g.b'], ['g.b', 'g.c'], ['n', 'last'], ['g.c', 'last']], // prettier-ignore
  });
}

/** Setups and teardowns, branches, earlier runs, run retries and time-outs; now and then failFast, and a version without some of the tasks. */
async function addWideDag(failFast: boolean, shape: 'whole' | 'less' | 'unmapped' = 'whole'): Promise<void> {
  const isWhole = shape !== 'less';
  await insertDag(db.pool, {
    dagId: 'd',
    maxActiveRuns: 2,
    maxActiveTasks: LIMITS.perRun,
    maxActiveTasksPerDag: LIMITS.perDag,
    runRetries: 1,
    runRetryDelayMs: 0,
    dagrunTimeoutMs: 3_600_000,
    ...(failFast && { failFast: true as const }),
    groups: [{ id: 'g', parent: null, doc: null, ...over(3) }],
    tasks: [
      { id: 'list', ...retries },
      { id: 'up', setup: true, ...retries },
      { id: 'm', pool: 'small', waitForDownstream: true, ...(shape !== 'unmapped' && over('list')) },
      { id: 'down', pool: 'strict', triggerRule: 'all_done_setup_success', teardown: { onFailureFailDagrun: false } },
      { id: 'past', dependsOnPast: true, triggerRule: 'none_failed' },
      { id: 'g.a', group: 'g', ...retries },
      ...(isWhole ? [{ id: 'g.c', group: 'g', maxActiveTisPerDag: LIMITS.tisPerDag }] : []),
      { id: 'fork', operator: 'BranchOperator' },
      ...(isWhole ? ['left'] : []),
      'right',
      { id: 'n', triggerRule: 'one_success', ...over(shape === 'unmapped' ? 'list' : 'm') },
      { id: 'last', triggerRule: 'none_failed_min_one_success' },
    ],
    edges: ([['up', 'm'], ['list', 'm'], ['m', 'down'], ['up', 'down'], ['m', 'past'], ['list', 'g.a'], ['g.a', 'g.c'], ['g.c', 'last'],
      ['fork', 'left'], ['fork', 'right'], ['left', 'last'], ['right', 'last'], ['m', 'n'], ['n', 'last']] as [string, string][])
      .filter(([from, to]) => isWhole || !['left', 'g.c'].some((id) => id === from || id === to)), // prettier-ignore
  });
}

/** Each of these is a list of what is wrong; empty when all is well. */
const complaints = {
  tallies: `
    SELECT y.run, y.task_id, to_jsonb(y) AS tally, c.* FROM task_tally y CROSS JOIN LATERAL (
      SELECT ${TALLY_COLUMNS.map((c) => `count(*) FILTER (WHERE ${countOf('t')} = '${c}')::int AS "c_${c}"`).join(', ')}
      FROM task_instance t WHERE t.run = y.run AND t.task_id = y.task_id AND t.map_index >= 0) c
    WHERE (${TALLY_COLUMNS.map((c) => `y.${c}`).join(', ')}) IS DISTINCT FROM (${TALLY_COLUMNS.map((c) => `c."c_${c}"`).join(', ')})`,
  'instances without a tally': `
    SELECT t.run, t.task_id, t.map_index, t.state FROM task_instance t WHERE t.map_index >= 0 AND t.state IS DISTINCT FROM 'removed'
      AND NOT EXISTS (SELECT FROM task_tally y WHERE y.run = t.run AND y.task_id = t.task_id)
      AND EXISTS (SELECT FROM dag_run r JOIN dag_version v ON v.id = r.version, json_array_elements(v.spec->'tasks') e WHERE r.pk = t.run AND e->>'id' = t.task_id)`,
  'placeholders beside instances': `
    SELECT t.run, t.task_id FROM task_instance t JOIN task_tally y ON y.run = t.run AND y.task_id = t.task_id WHERE t.map_index = -1`,
  'pools over their slots': `
    SELECT p.name FROM pool p WHERE p.slots >= 0 AND p.slots < (SELECT sum(t.pool_slots) FROM attempt a JOIN task_instance t ON t.pk = a.ti
      WHERE a.pool = p.name AND a.state <> 'ended' AND (a.state <> 'parked' OR p.include_deferred))`,
  'runs over maxActiveTasks': `
    SELECT run FROM task_instance WHERE admissible OR state IN ('queued', 'running', 'restarting') GROUP BY run HAVING count(*) > ${LIMITS.perRun}`,
  'a DAG over its limits': `
    SELECT count(*) FROM attempt WHERE state NOT IN ('ended', 'parked') HAVING count(*) > ${LIMITS.perDag}`,
  'a task over its limit': `
    SELECT count(*) FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE t.task_id = 'g.c' AND a.state NOT IN ('ended', 'parked') HAVING count(*) > ${LIMITS.tisPerDag}`,
  'waits and deferred tasks that do not belong together': `
    SELECT t.pk, w.id FROM (SELECT * FROM task_instance WHERE state = 'deferred') t FULL JOIN wait w ON w.ti = t.pk AND w.attempt = t.attempt
    WHERE t.pk IS NULL OR w.id IS NULL`,
};

async function check(): Promise<void> {
  for (const [name, sql] of Object.entries(complaints)) {
    const { rows } = await db.pool.query(sql);
    if (rows.length > 0) throw new Error(`${name}: ${JSON.stringify(rows)}`);
  }
}

/** Runs that nobody is called to, neither by a wake nor by the time. */
const CALM = `SELECT r.pk FROM dag_run r WHERE r.state = 'running' AND NOT EXISTS (SELECT FROM run_wake w WHERE w.run = r.pk)
  AND NOT EXISTS (SELECT FROM task_instance t WHERE t.run = r.pk AND t.state IN ('up_for_retry', 'up_for_reschedule'))`;

class Probed extends Error {}

/** Looks at all of a run, and takes it back. */
async function probe(ledger: PostgresLedger, session: string, run: number): Promise<RunDecision | null> {
  const decideNow = createDecide();
  let found: RunDecision | null = null;
  const decide: Decide = (runs, now) => {
    const decisions = decideNow(runs, now);
    if (decisions.some(({ wants }) => wants.length > 0)) return decisions;
    found = decisions[0] ?? null;
    throw new Probed();
  };
  await ledger.hop({ session, outcomes: [], started: [], runs: [run], capacity: new Map() }, decide).catch((error: unknown) => {
    if (!(error instanceof Probed)) throw error;
  });
  return found;
}

async function checkWakes(ledger: PostgresLedger, session: string): Promise<void> {
  const { rows } = await db.pool.query<{ pk: string }>(CALM);
  for (const { pk } of rows) {
    const decision = await probe(ledger, session, Number(pk));
    if (!decision) continue;
    const { transitions, sweeps, gates, withdraw, expand, failFast, ends } = decision;
    if (transitions.length + sweeps.length + gates.length + withdraw.length + expand.length > 0 || failFast || ends !== null)
      throw new Error(
        `a wake-up was lost: run ${pk} would ${JSON.stringify({ transitions, sweeps, gates, withdraw, expand, failFast, ends })}`,
      );
  }
}

function randomOf(seed: number) {
  let state = seed | 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { below, chance: (p: number) => next() < p, pick: <T>(values: readonly T[]): T => values[below(values.length)]! };
}

async function play(seed: number, steps: number, kind: 'mapped' | 'wide'): Promise<void> {
  await db.reset();
  await addPools();
  const random = randomOf(seed);
  const failFast = random.chance(0.3);
  const isWide = kind === 'wide';
  await (isWide ? addWideDag(failFast) : addMappedDag());
  const ledgers = [0, 1].map(() => new PostgresLedger({ url: db.url }));
  const hands = await Promise.all(ledgers.map((ledger) => new Hand(ledger).open()));
  const live: ClaimedAttempt[][] = hands.map(() => []);
  const prober = new PostgresLedger({ url: db.url });
  const dayOf = (day: number) => ({ logicalDate: Date.UTC(2026, 0, day), runAfter: Date.UTC(2026, 0, day) });
  const created = await ledgers[0]!.createRuns([1, 2, 3].map((day) => newRun('d', isWide ? dayOf(day) : {})));
  const runs = created.map(({ run }) => run);
  const ids = isWide
    ? ['list', 'up', 'm', 'down', 'past', 'g.a', 'g.c', 'fork', 'left', 'n', 'last']
    : ['list', 'm', 'n', 'g.a', 'g.b', 'g.c', 'last'];
  const isMapped = (taskId: string) => ['m', 'n', 'g.a', 'g.b', 'g.c'].includes(taskId);

  const outcomeOf = ({ taskId }: ClaimedAttempt): Outcome => {
    const kind = random.below(taskId === 'list' ? 30 : 10);
    if (kind === 0)
      return { kind: 'failed', error: { name: 'E', message: 'no', stack: null }, retryable: random.chance(0.7), reason: 'executed' };
    if (kind === 1) return { kind: 'lost', message: 'gone' };
    if (kind === 2) return { kind: 'skipped', message: null };
    if (kind === 3) return { kind: 'rescheduled', at: 0 };
    if (kind === 4) return { kind: 'not-started', message: 'no room' };
    if (kind === 5 && taskId !== 'list') {
      return {
        kind: 'deferred',
        wait: { kind: 'time', trigger: null, args: {}, firstCheckAt: null, intervalMs: null, timeoutAt: null, resume: 'x' },
      };
    }
    const length = taskId === 'list' ? random.below(8) : 0;
    const value = taskId === 'list' ? Array.from({ length }, (_, i) => i) : 1;
    const branch = taskId === 'fork' ? [random.pick(['left', 'right'])] : null;
    return { kind: 'success', returnValue: JSON.stringify(value), branch };
  };
  const hop = async (i: number, end: boolean, outcome: (attempt: ClaimedAttempt) => Outcome) => {
    const ending = live[i]!.splice(0, end ? 1 + random.below(4) : 0);
    const outcomes = ending.map((attempt) => ({ attemptId: attempt.attemptId, outcome: outcome(attempt), cpuMs: null, peakKb: null }));
    const { runs: woken } = await ledgers[i]!.attention(hands[i]!.session, ['default'], 100);
    const { claimed } = await hands[i]!.hop({ outcomes, runs: woken, capacity: new Map([['default', random.below(6)]]) });
    live[i]!.push(...claimed);
  };
  const fire = async () => {
    const { rows } = await db.pool.query<{ id: string; generation: number }>('SELECT id, generation FROM wait');
    const events = rows
      .filter(() => random.chance(0.5))
      .map(({ id, generation }) => ({ wait: id, generation, event: { kind: 'timeout' } as const }));
    await random.pick(ledgers).fireWaits(events);
  };
  const clear = async () => {
    const taskId = random.pick(ids);
    const mapIndexes = isMapped(taskId) && random.chance(0.5) ? [random.below(4)] : null;
    const whole = random.chance(0.2);
    await random
      .pick(ledgers)
      .clearTasks({ run: random.pick(runs), tasks: whole ? null : [{ taskId, mapIndexes }], version: 'latest', conf: null });
  };
  const mark = async () => {
    const taskId = random.pick(ids.filter((id) => isWide || isMapped(id)));
    const tasks = [{ taskId, mapIndexes: isMapped(taskId) && random.chance(0.7) ? [random.below(4)] : null }];
    await random.pick(ledgers).markTasks({ run: random.pick(runs), tasks, state: random.pick(['success', 'failed', 'skipped']) });
  };
  const pause = async (paused: boolean) => {
    await db.pool.query('UPDATE dag SET is_paused = $1', [paused]);
    await random.pick(ledgers).wake(runs, 'pause');
  };
  const loseSession = async (i: number) => {
    await ledgers[i]!.closeSession(hands[i]!.session);
    live[i] = [];
    await hands[i]!.open();
  };

  const timeOut = async () => {
    await db.pool.query(`UPDATE dag_run SET deadline_at = clock_timestamp() WHERE pk = $1 AND state = 'running'`, [random.pick(runs)]);
    await random.pick(ledgers).timeOutRuns(5);
  };
  const another = async () => {
    await addWideDag(failFast, random.pick(['whole', 'less', 'unmapped']));
    await clear();
  };
  const deleteTask = () => random.pick(ledgers).deleteTask(random.pick(runs), random.pick(ids.filter(isMapped)), random.below(4));
  const verdict = async () => {
    if (!isWide) return mark();
    const dice = random.below(10);
    if (dice < 5) await mark();
    else if (dice < 6) await random.pick(ledgers).markRun(random.pick(runs), random.pick(['success', 'failed']));
    else if (dice < 7) await timeOut();
    else if (dice < 8) await another();
    else if (dice < 9) await deleteTask();
    else await random.pick(ledgers).retryRuns(5);
  };

  const maybe = async (p: number, work: () => Promise<unknown>) => (random.chance(p) ? work() : null);

  await ledgers[0]!.startQueuedRuns(5);
  for (let step = 0; step < steps; step++) {
    const i = random.below(2);
    const dice = random.below(100);
    if (isWide && dice < 6) await Promise.all([verdict(), maybe(0.3, () => hop(i, true, outcomeOf))]);
    else if (dice < 55) await Promise.all([hop(i, true, outcomeOf), maybe(0.3, () => hop(1 - i, random.chance(0.5), outcomeOf))]);
    else if (dice < 75) await Promise.all(ledgers.map((ledger) => maybe(0.6, () => ledger.expandTasks(3))));
    else if (dice < 82) await fire();
    else if (dice < 86) await Promise.all([clear(), maybe(0.3, () => hop(i, true, outcomeOf))]);
    else if (dice < 88) await verdict();
    else if (dice < 92) await pause(random.chance(0.3));
    else if (dice < 94) await loseSession(i);
    else await ledgers[i]!.startQueuedRuns(5);
    await check();
    await checkWakes(prober, hands[0]!.session);
  }

  await pause(false);
  // One that waits for a run that has failed does so until a person looks at that.
  const left = async () =>
    (
      await db.pool.query(
        `SELECT pk FROM dag_run WHERE state = 'queued' OR state = 'running' AND NOT waits_for_past OR retry_at IS NOT NULL`,
      )
    ).rows.length;
  const success = ({ taskId }: ClaimedAttempt): Outcome => ({
    kind: 'success',
    returnValue: '[1]',
    branch: taskId === 'fork' ? ['right'] : null,
  });
  for (let turn = 0; (await left()) > 0; turn++) {
    if (turn > 300) throw new Error(`it does not end: ${JSON.stringify(await leftovers())}`);
    await ledgers[turn % 2]!.retryRuns(5);
    await ledgers[turn % 2]!.startQueuedRuns(5);
    for (const ledger of ledgers) while ((await ledger.expandTasks(5)).length > 0);
    await fire();
    for (const each of [0, 1]) await hop(each, true, success);
    await check();
    await checkWakes(prober, hands[0]!.session);
  }
  await Promise.all([prober, ...ledgers].map((ledger) => ledger.close()));
}

async function leftovers(): Promise<unknown> {
  const tasks = await db.pool.query(
    `SELECT t.run, t.task_id, t.map_index, t.state, t.admissible, t.due_at FROM task_instance t JOIN dag_run r ON r.pk = t.run AND r.state IN ('queued', 'running')
     WHERE t.state IS NULL OR t.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')`,
  );
  const runs = await db.pool.query(`SELECT pk, state FROM dag_run`);
  const tallies = await db.pool.query(`SELECT * FROM task_tally`);
  const expansions = await db.pool.query(`SELECT * FROM expansion`);
  return { tasks: tasks.rows, runs: runs.rows, tallies: tallies.rows, expansions: expansions.rows };
}

it.each(['mapped', 'wide'] as const)(
  'tallies are what a recount says, limits hold, no wake-up is lost and everything ends, whatever happens in whatever order (%s)',
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), (seed) => play(seed, STEPS, kind)),
      { numRuns: GAMES, endOnFailure: true },
    );
  },
  120_000,
);
