/** What every Ledger does. Run against each implementation; times pass by `advance`, never by waiting. */
import type { TaskReason, TaskState, RunState } from '../../src/core/states';
import type { Outcome } from '../../src/core/workload';
import { createDecide } from '../../src/engine/decide';
import type { ClaimedAttempt, HopRequest, HopResult, Ledger, NewRun, RunPk, SessionId } from '../../src/ledger/ledger';
import type { DagSpecInput } from '../support/factories';

export interface SeenTask {
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly tryNumber: number;
  readonly retriesUsed: number;
  readonly admissible: boolean;
}

export interface LedgerHarness {
  readonly ledger: Ledger;
  /** Adds a DAG or a version of it. */
  addDag(dag: DagSpecInput & { isPaused?: boolean }): Promise<void>;
  setPaused(dagId: string, paused: boolean): Promise<void>;
  setPool(name: string, slots: number, includeDeferred?: boolean): Promise<void>;
  /** Instances of mapped tasks by `task[index]`. */
  run(pk: RunPk): Promise<{ state: RunState; tasks: Record<string, SeenTask> }>;
  xcom(run: RunPk, taskId: string, mapIndex?: number): Promise<string | null>;
  /** Lets time pass for everything that is due, and for leases. */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const SESSION = {
  kind: 'test',
  host: 'h',
  bootId: 'b',
  pid: process.pid,
  version: '0',
  lanes: ['default'],
  capacity: 8,
  leaseMs: 60_000,
} as const;
const REAP = { host: 'h', bootId: 'b', isAlive: () => true, marginMs: 0, intervalMs: 1e9, leaseMs: 0 };

export const succeeded = (returnValue: string | null = null, branch: string[] | null = null): Outcome => ({
  kind: 'success',
  returnValue,
  branch,
});
export const failed = (retryable = true): Outcome => ({
  kind: 'failed',
  error: { name: 'Error', message: 'no', stack: null },
  retryable,
  reason: 'executed',
});

/** A scheduler in the hands of a test. */
export class Hand {
  private readonly decide = createDecide();
  session: SessionId = '';
  constructor(readonly ledger: Ledger) {}

  async open(leaseMs = 60_000): Promise<this> {
    this.session = await this.ledger.openSession({ ...SESSION, leaseMs });
    return this;
  }

  hop(request: Partial<HopRequest> = {}): Promise<HopResult> {
    const { session } = this;
    return this.ledger.hop(
      { session, outcomes: [], started: [], runs: [], capacity: new Map([['default', 100]]), ...request },
      this.decide,
    );
  }

  /** Ends an attempt and hops. */
  end(attempt: ClaimedAttempt, outcome: Outcome = succeeded(), request: Partial<HopRequest> = {}): Promise<HopResult> {
    return this.hop({ outcomes: [{ attemptId: attempt.attemptId, outcome, cpuMs: null, peakKb: null }], ...request });
  }

  /** Hops for whatever wants attention. */
  async look(request: Partial<HopRequest> = {}): Promise<HopResult> {
    const { runs } = await this.ledger.attention(this.session, ['default'], 1000);
    return this.hop({ runs, ...request });
  }

  /** Creates, starts and resolves a run. */
  async start(dagId: string, run: Partial<NewRun> = {}, request: Partial<HopRequest> = {}): Promise<{ pk: RunPk } & HopResult> {
    const [created] = await this.ledger.createRuns([newRun(dagId, run)]);
    await this.ledger.startQueuedRuns(100);
    return { pk: created!.run, ...(await this.look(request)) };
  }

  /** Runs everything to its end; `outcomeOf` decides how. Returns what began, in order. */
  async finish(first: HopResult, outcomeOf: (attempt: ClaimedAttempt) => Outcome = () => succeeded()): Promise<string[]> {
    const began: string[] = [];
    const running = [...first.claimed];
    for (let attempt = running.shift(); attempt; attempt = running.shift()) {
      began.push(attempt.taskId);
      running.push(...(await this.end(attempt, outcomeOf(attempt))).claimed);
    }
    return began;
  }
}

let runs = 0;
export function newRun(dagId: string, run: Partial<NewRun> = {}): NewRun {
  return {
    dagId,
    runId: `run_${++runs}`,
    runType: 'manual',
    logicalDate: null,
    interval: null,
    runAfter: Date.parse('2026-01-01T00:00:00Z') + runs,
    conf: {},
    triggeredBy: 'test',
    triggeringUser: null,
    note: null,
    backfill: null,
    ...run,
  };
}

const ids = (result: HopResult) => result.claimed.map(({ taskId }) => taskId).sort();

export function describeLedger(name: string, make: () => Promise<LedgerHarness>): void {
  describe(`${name} as a Ledger`, () => {
    let h: LedgerHarness;
    let hand: Hand;
    const statesOf = async (pk: RunPk) => Object.fromEntries(Object.entries((await h.run(pk)).tasks).map(([id, task]) => [id, task.state]));

    beforeEach(async () => {
      h = await make();
      hand = await new Hand(h.ledger).open();
    });
    afterEach(async () => h.close());

    it('carries a chain through to the end, one task after the other', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'c'], edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore
      const started = await hand.start('d');
      expect(ids(started)).toEqual(['a']);
      expect(await statesOf(started.pk)).toEqual({ a: 'running', b: null, c: null });
      expect(await hand.finish(started)).toEqual(['a', 'b', 'c']);
      expect(await h.run(started.pk)).toMatchObject({
        state: 'success',
        tasks: { c: { state: 'success', reason: 'executed', tryNumber: 1 } },
      });
    });

    it('tells what a claimed attempt runs', async () => {
      await h.addDag({ dagId: 'd', tasks: [{ id: 'a', retries: 2 }] });
      const interval = { start: Date.parse('2026-02-01T00:00:00Z'), end: Date.parse('2026-02-02T00:00:00Z') };
      const { claimed } = await hand.start('d', { runId: 'r', logicalDate: interval.start, interval, conf: { x: [1] } });
      expect(claimed).toMatchObject([
        {
          taskId: 'a',
          dagId: 'd',
          runId: 'r',
          tryNumber: 1,
          piece: 0,
          maxTries: 3,
          mapIndex: -1,
          lane: 'default',
          conf: { x: [1] },
          interval,
        },
      ]);
      expect(claimed[0]!.logicalDate).toBe(interval.start);
      expect(claimed[0]!.dag.tasks.get('a')!.spec.retries).toBe(2);
    });

    it('starts a join when its last parent has ended, and ends the run with its leaves', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'join'], edges: [['a', 'join'], ['b', 'join']] }); // prettier-ignore
      const { pk, claimed } = await hand.start('d');
      const [a, b] = claimed;
      expect((await hand.end(a!)).claimed).toEqual([]);
      const last = await hand.end(b!);
      expect(ids(last)).toEqual(['join']);
      expect((await hand.end(last.claimed[0]!)).ended).toMatchObject([{ run: pk, dagId: 'd', state: 'success' }]);
    });

    it('runs many outcomes in one hop', async () => {
      await h.addDag({
        dagId: 'd',
        maxActiveTasks: 100,
        tasks: [...'abcdefgh', 'join'],
        edges: [...'abcdefgh'].map((id) => [id, 'join'] as const),
      });
      const { claimed } = await hand.start('d');
      const result = await hand.hop({
        outcomes: claimed.map(({ attemptId }) => ({ attemptId, outcome: succeeded(), cpuMs: 1, peakKb: null })),
      });
      expect(ids(result)).toEqual(['join']);
      expect(result.finished).toHaveLength(8);
    });

    it('refuses an outcome that comes twice, and one of an unknown attempt', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b'], edges: [['a', 'b']] });
      const { pk, claimed } = await hand.start('d');
      await hand.end(claimed[0]!);
      expect((await hand.end(claimed[0]!, failed(false))).refused).toEqual([claimed[0]!.attemptId]);
      const unknown = { ...claimed[0]!, attemptId: '00000000-0000-4000-8000-000000000000' };
      expect((await hand.end(unknown)).refused).toEqual([unknown.attemptId]);
      expect((await h.run(pk)).tasks['a']!.state).toBe('success');
    });

    it('fails what stands below a failure, without running it', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b', { id: 'c', triggerRule: 'all_done' }], edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore
      const { pk, claimed } = await hand.start('d');
      const after = await hand.end(claimed[0]!, failed());
      expect(ids(after)).toEqual(['c']);
      expect((await h.run(pk)).tasks['b']).toMatchObject({ state: 'upstream_failed', reason: 'rule', tryNumber: 0 });
      await hand.end(after.claimed[0]!);
      expect((await h.run(pk)).state).toBe('success');
    });

    it('tries again after the delay, and fails when the retries are used up', async () => {
      await h.addDag({ dagId: 'd', tasks: [{ id: 'a', retries: 1, retryDelaysMs: [5_000] }] });
      const { pk, claimed } = await hand.start('d');
      const first = await hand.end(claimed[0]!, failed());
      expect(first.nextDueInMs).toBeGreaterThan(4_000);
      expect((await h.run(pk)).tasks['a']).toMatchObject({ state: 'up_for_retry', retriesUsed: 1 });
      expect((await h.ledger.attention(hand.session, ['default'], 10)).runs).toEqual([]);
      expect((await hand.look({ runs: [pk] })).claimed).toEqual([]);

      await h.advance(5_001);
      const second = await hand.look();
      expect(second.claimed).toMatchObject([{ taskId: 'a', tryNumber: 2, maxTries: 2 }]);
      expect((await hand.end(second.claimed[0]!, failed())).ended).toMatchObject([{ state: 'failed' }]);
      expect((await h.run(pk)).tasks['a']).toMatchObject({ state: 'failed', reason: 'executed', tryNumber: 2 });
    });

    it('says of each task what became of it: of tries that end, and of what rules decide', async () => {
      await h.addDag({ dagId: 'd', tasks: [{ id: 'a', retries: 1, retryDelaysMs: [1_000] }, 'b'], edges: [['a', 'b']] });
      const { pk, claimed } = await hand.start('d', { runId: 'r', runType: 'manual', logicalDate: 1_000 });
      const run = { run: pk, dagId: 'd', runId: 'r', runType: 'manual', logicalDate: 1_000 };
      const first = await hand.end(claimed[0]!, failed());
      expect(first.finished).toEqual([]);
      expect(first.suspended).toMatchObject([{ ...run, taskId: 'a', mapIndex: -1, tryNumber: 1, state: 'up_for_retry', endDate: null }]);

      await h.advance(1_001);
      const last = await hand.end((await hand.look()).claimed[0]!, failed());
      expect(last.suspended).toEqual([]);
      expect(last.finished.toSorted((a, b) => a.taskId.localeCompare(b.taskId))).toMatchObject([
        { ...run, taskId: 'a', mapIndex: -1, tryNumber: 2, state: 'failed', reason: 'executed', endDate: expect.any(Number) },
        { ...run, taskId: 'b', mapIndex: -1, tryNumber: 0, state: 'upstream_failed', reason: 'rule' },
      ]);
      expect(last.finished.map(({ dag }) => dag.spec.dagId)).toEqual(['d', 'd']);
      expect(last.ended).toMatchObject([{ ...run, state: 'failed', reason: null }]);
    });

    it('does not try again what says so itself', async () => {
      await h.addDag({ dagId: 'd', tasks: [{ id: 'a', retries: 5 }] });
      const { pk, claimed } = await hand.start('d');
      await hand.end(claimed[0]!, failed(false));
      expect((await h.run(pk)).state).toBe('failed');
    });

    it('keeps the return value with the outcome, and deletes it when the next try is due', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b'], edges: [['a', 'b']] });
      const { pk, claimed } = await hand.start('d');
      const large = JSON.stringify('x'.repeat(50_000));
      const next = await hand.end(claimed[0]!, succeeded('{"n":1}'));
      expect(await h.xcom(pk, 'a')).toBe('{"n":1}');
      await hand.end(next.claimed[0]!, succeeded(large));
      expect(await h.xcom(pk, 'b')).toBe(large);

      await h.ledger.clearRun(pk);
      await h.ledger.startQueuedRuns(10);
      const again = await hand.look();
      expect(again.claimed).toMatchObject([{ taskId: 'a', tryNumber: 2 }]);
      expect(await h.xcom(pk, 'a')).toBeNull();
    });

    it('continues the same try after a reschedule or a hand-back', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a'] });
      const { pk, claimed } = await hand.start('d');
      const again = await hand.end(claimed[0]!, { kind: 'not-started', message: 'no worker' });
      expect(again.claimed).toMatchObject([{ tryNumber: 1, piece: 1 }]);
      const { runAfter } = claimed[0]!;
      const waiting = await hand.end(again.claimed[0]!, { kind: 'rescheduled', at: runAfter + 1e12 });
      expect(waiting.claimed).toEqual([]);
      expect((await h.run(pk)).tasks['a']!.state).toBe('up_for_reschedule');
      await h.advance(1e12);
      await hand.ledger.renewSession(hand.session, 60_000, {});
      expect((await hand.look()).claimed).toMatchObject([{ tryNumber: 1, piece: 2 }]);
    });

    it('starts a lost try again without using up retries, at most twice in a row', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', { id: 'once', rerunWhenLost: false }] });
      const { pk, claimed } = await hand.start('d');
      const lost: Outcome = { kind: 'lost', message: 'gone' };
      const once = claimed.find(({ taskId }) => taskId === 'once')!;
      let a = claimed.find(({ taskId }) => taskId === 'a')!;
      await hand.end(once, lost);
      for (const tryNumber of [2, 3]) {
        a = (await hand.end(a, lost)).claimed[0]!;
        expect(a).toMatchObject({ taskId: 'a', tryNumber, maxTries: tryNumber });
      }
      await hand.end(a, lost);
      expect((await h.run(pk)).tasks).toMatchObject({
        a: { state: 'failed', reason: 'lost', retriesUsed: 0 },
        once: { state: 'failed', reason: 'lost' },
      });
    });

    it('follows a branch, skips the other side, and joins', async () => {
      await h.addDag({
        dagId: 'd',
        tasks: [{ id: 'pick', kind: 'branch' }, 'left', 'right', { id: 'join', triggerRule: 'none_failed_min_one_success' }],
        edges: [['pick', 'left'], ['pick', 'right'], ['left', 'join'], ['right', 'join']], // prettier-ignore
      });
      const { pk, claimed } = await hand.start('d');
      const next = await hand.end(claimed[0]!, succeeded(null, ['right']));
      expect(ids(next)).toEqual(['right']);
      expect((await h.run(pk)).tasks['left']).toMatchObject({ state: 'skipped', reason: 'branch' });
      expect(await hand.finish(next)).toEqual(['right', 'join']);
    });

    it('passes empty operators without an attempt', async () => {
      await h.addDag({
        dagId: 'd',
        tasks: [{ id: 'begin', kind: 'empty' }, 'a', { id: 'end', kind: 'empty' }],
        edges: [['begin', 'a'], ['a', 'end']], // prettier-ignore
      });
      const started = await hand.start('d');
      expect(ids(started)).toEqual(['a']);
      expect((await hand.end(started.claimed[0]!)).ended).toHaveLength(1);
      expect(await h.run(started.pk)).toMatchObject({ state: 'success', tasks: { end: { state: 'success', tryNumber: 0 } } });
    });

    it('never has more of a run at work than maxActiveTasks, and takes the most important first', async () => {
      await h.addDag({
        dagId: 'd',
        maxActiveTasks: 2,
        tasks: ['a', 'b', { id: 'c', priorityWeight: 9 }, 'd'],
      });
      const started = await hand.start('d');
      expect(ids(started)).toEqual(['a', 'c']);
      expect(ids(await hand.end(started.claimed[0]!))).toEqual(['b']);
    });

    it('never fills a pool beyond its slots; what does not fit keeps those behind it waiting', async () => {
      await h.setPool('small', 4);
      await h.addDag({
        dagId: 'd',
        tasks: [
          { id: 'first', pool: 'small', poolSlots: 2, priorityWeight: 9 },
          { id: 'wide', pool: 'small', poolSlots: 4, priorityWeight: 5 },
          { id: 'narrow', pool: 'small', priorityWeight: 1 },
          'elsewhere',
        ],
      });
      const started = await hand.start('d');
      expect(ids(started)).toEqual(['elsewhere', 'first']);
      const first = started.claimed.find(({ taskId }) => taskId === 'first')!;
      const next = await hand.end(first);
      expect(ids(next)).toEqual(['wide']);
      expect(ids(await hand.end(next.claimed[0]!))).toEqual(['narrow']);
    });

    it('admits nothing into a pool that does not exist, and all into one without limit', async () => {
      await h.setPool('endless', -1);
      await h.addDag({
        dagId: 'd',
        tasks: [
          { id: 'a', pool: 'nowhere' },
          { id: 'b', pool: 'endless', poolSlots: 1000 },
        ],
      });
      expect(ids(await hand.start('d'))).toEqual(['b']);
    });

    it('claims no more than the capacity of each lane, and says when that kept work back', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'c', { id: 'other', executor: 'thread' }] });
      const started = await hand.start('d', {}, { capacity: new Map([['default', 2]]) });
      expect(started.claimed).toHaveLength(2);
      expect(started.starving).toBe(true);
      expect((await h.ledger.attention(hand.session, ['default'], 10)).work).toBe(true);
      expect(ids(await hand.hop({ capacity: new Map([['thread', 5]]) }))).toEqual(['other']);
    });

    it('claims no more in all lanes together than the limit, and serves the lanes in their order', async () => {
      const lane = (executor: string, count: number) => Array.from({ length: count }, (_, at) => ({ id: `${executor}${at}`, executor }));
      await h.addDag({ dagId: 'd', tasks: [...lane('thread', 3), ...lane('other', 3)] });
      const capacity = new Map([
        ['other', 2],
        ['thread', 4],
      ]);
      const fresh = await hand.start('d', {}, { capacity, limit: 4 });
      expect(ids(fresh)).toEqual(['other0', 'other1', 'thread0', 'thread1']);
      expect(fresh.starving).toBe(true);
      // Those that waited, now.
      const rest = await hand.hop({ capacity, limit: 1 });
      expect(ids(rest)).toEqual(['other2']);
      expect(rest.starving).toBe(true);
      expect(ids(await hand.hop({ capacity, limit: 0 }))).toEqual([]);
      expect(ids(await hand.hop({ capacity, limit: 9 }))).toEqual(['thread2']);
    });

    it('ranks live runs before a backfill, then by priority, then the older run', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', { id: 'b', priorityWeight: 5 }] });
      const none = { capacity: new Map<string, number>() };
      await hand.start('d', { runId: 'back', runType: 'backfill', runAfter: 1 }, none);
      await hand.start('d', { runId: 'new', runAfter: 3 }, none);
      await hand.start('d', { runId: 'old', runAfter: 2 }, none);
      const { claimed } = await hand.hop();
      expect(claimed.map(({ runId, taskId }) => `${runId} ${taskId}`)).toEqual(['old b', 'new b', 'old a', 'new a', 'back b', 'back a']);
    });

    it('creates one run for a logical date and a run id', async () => {
      await h.addDag({ dagId: 'd' });
      const logicalDate = Date.parse('2026-03-01T00:00:00Z');
      const runs = [
        newRun('d', { runId: 'x', logicalDate }),
        newRun('d', { runId: 'y', logicalDate }),
        newRun('d', { runId: 'x' }),
        newRun('d'),
      ];
      const results = await h.ledger.createRuns(runs);
      expect(results).toMatchObject([
        { created: true },
        { created: false, clash: 'logical_date' },
        { created: false, clash: 'run_id' },
        { created: true },
      ]);
      expect(results[1]!.run).toBe(results[0]!.run);
      expect(await h.ledger.createRuns(runs.slice(0, 1))).toEqual([{ created: false, clash: 'run_id', run: results[0]!.run }]);
    });

    it('starts the oldest runs up to maxActiveRuns, and none that is not due or whose DAG is paused', async () => {
      await h.addDag({ dagId: 'd', maxActiveRuns: 2 });
      await h.addDag({ dagId: 'paused', isPaused: true });
      const times = [30, 10, 20, Date.now() + 3_600_000];
      const created = await h.ledger.createRuns([...times.map((runAfter) => newRun('d', { runAfter })), newRun('paused')]);
      expect(await h.ledger.startQueuedRuns(100)).toEqual([created[1]!.run, created[2]!.run]);
      expect(await h.ledger.startQueuedRuns(100)).toEqual([]);
      await hand.finish(await hand.look());
      expect(await h.ledger.startQueuedRuns(100)).toEqual([created[0]!.run]);
    });

    it('holds back the tasks of a paused DAG, and lets them go when it goes on', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'c'], edges: [['a', 'b']] });
      const { pk, claimed } = await hand.start('d', {}, { capacity: new Map([['default', 1]]) });
      await h.setPaused('d', true);
      await hand.look();
      expect((await h.run(pk)).tasks['c']).toMatchObject({ state: 'scheduled', admissible: false });
      expect((await hand.end(claimed[0]!)).claimed).toEqual([]);
      expect((await h.run(pk)).tasks['b']).toMatchObject({ state: 'scheduled', admissible: false });
      await h.setPaused('d', false);
      expect(ids(await hand.look())).toEqual(['b', 'c']);
    });

    it('ends a run by a person; what runs keeps its slot until it has ended, and its outcome changes nothing', async () => {
      await h.setPool('one', 1);
      await h.addDag({ dagId: 'd', tasks: [{ id: 'a', pool: 'one' }, { id: 'b', pool: 'one' }, 'c'], edges: [['a', 'c']] });
      const marked = await hand.start('d');
      const [a] = marked.claimed;
      expect(await h.ledger.markRun(marked.pk, 'failed')).toBe(true);
      expect(await h.run(marked.pk)).toMatchObject({
        state: 'failed',
        tasks: { a: { state: 'failed', reason: 'marked' }, b: { state: 'skipped' }, c: { state: 'skipped' } },
      });
      expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toEqual([{ attemptId: a!.attemptId, why: 'marked' }]);

      await h.addDag({ dagId: 'other', tasks: [{ id: 'x', pool: 'one' }] });
      expect((await hand.start('other')).claimed).toEqual([]);
      const after = await hand.end(a!);
      expect(after.refused).toEqual([a!.attemptId]);
      expect(ids(after)).toEqual(['x']);
      expect((await h.run(marked.pk)).tasks['a']!.state).toBe('failed');
      expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toEqual([]);

      expect(await h.ledger.markRun(marked.pk, 'success')).toBe(true);
      expect(await statesOf(marked.pk)).toEqual({ a: 'success', b: 'success', c: 'success' });
      expect(await h.ledger.markRun(987_654, 'success')).toBe(false);
    });

    it('runs a cleared run again on the newest version, after what still runs has ended', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'gone'], edges: [['a', 'b']] });
      const first = await hand.start('d');
      const a = first.claimed.find(({ taskId }) => taskId === 'a')!;
      await hand.end(
        first.claimed.find(({ taskId }) => taskId === 'gone')!,
        failed(),
      );
      await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'c'], edges: [['a', 'b']] });

      expect(await h.ledger.clearRun(first.pk)).toBe(true);
      expect(await h.run(first.pk)).toMatchObject({ state: 'queued', tasks: { a: { state: 'restarting' }, b: { state: null } } });
      expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toEqual([{ attemptId: a.attemptId, why: 'cleared' }]);
      expect(await h.ledger.startQueuedRuns(10)).toEqual([first.pk]);
      const second = await hand.look();
      expect(ids(second)).toEqual(['c']);
      expect(await statesOf(first.pk)).toMatchObject({ a: 'restarting', gone: 'removed' });

      const third = await hand.end(a, succeeded('"late"'));
      expect(third.claimed).toMatchObject([{ taskId: 'a', tryNumber: 2 }]);
      expect(await h.xcom(first.pk, 'a')).toBeNull();
      await hand.finish({ ...third, claimed: [...second.claimed, ...third.claimed] });
      expect((await h.run(first.pk)).state).toBe('success');
    });

    it('gives the tasks of a session that is gone to the next try, and lets it claim and record nothing more', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a', 'b'] });
      const dead = await new Hand(h.ledger).open(1_000);
      const { pk, claimed } = await dead.start('d', {}, { capacity: new Map([['default', 1]]) });
      await h.advance(1_001);
      expect((await dead.hop()).claimed).toEqual([]);

      const reap = { ...REAP, own: hand.session };
      await h.ledger.reapSessions(reap);
      expect(await h.ledger.renewSession(dead.session, 60_000, {})).toBe(false);
      expect((await dead.end(claimed[0]!)).refused).toEqual([claimed[0]!.attemptId]);
      const again = await hand.look();
      expect(again.claimed.map(({ taskId, tryNumber }) => `${taskId}${tryNumber}`).sort()).toEqual(['a2', 'b1']);
      expect((await h.run(pk)).tasks['a']).toMatchObject({ state: 'running', retriesUsed: 0 });
    });

    it('loses the attempts of a session that is closed with work in hand', async () => {
      await h.addDag({ dagId: 'd', tasks: ['a'] });
      const leaving = await new Hand(h.ledger).open();
      await leaving.start('d');
      await h.ledger.closeSession(leaving.session);
      expect((await hand.look()).claimed).toMatchObject([{ taskId: 'a', tryNumber: 2 }]);
    });

    it('looks again at runs that are woken, once', async () => {
      await h.addDag({ dagId: 'd' });
      const { pk } = await hand.start('d');
      await h.ledger.wake([pk], 'test');
      expect((await h.ledger.attention(hand.session, ['default'], 10)).runs).toEqual([pk]);
      await hand.look();
      expect((await h.ledger.attention(hand.session, ['default'], 10)).runs).toEqual([]);
    });
  });
}
