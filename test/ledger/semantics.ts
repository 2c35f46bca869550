/** What every Ledger does with mapped tasks, waits, and rules between runs. Times pass by `advance`, never by waiting. */
import type { Outcome, ResumeInfo, WaitSpec } from '../../src/core/workload';
import type { ExpandSpec } from '../../src/dag-spec/spec';
import type { ClaimedAttempt, HopResult, NewRun, RunPk, WaitEvent } from '../../src/ledger/ledger';
import { failed, Hand, newRun, succeeded } from './conformance';
import type { LedgerHarness } from './conformance';

/** What only this suite asks of a harness. */
export interface SemanticsHarness extends LedgerHarness {
  /** Why a mapped task could not be expanded. */
  error(run: RunPk, taskId: string): Promise<string | null>;
  waits(run: RunPk): Promise<readonly { wait: string; generation: number; kind: string; taskId: string; mapIndex: number }[]>;
  /** `task event`, `task[index] event`, `run event`; in the order of their causes. */
  callbacks(run: RunPk): Promise<string[]>;
  isPaused(dagId: string): Promise<boolean>;
}

export const over = (...lengths: (number | string)[]): { expand: ExpandSpec } => ({
  expand: {
    kind: 'product',
    keys: lengths.map((source, i) => ({
      name: `k${i}`,
      target: 'input',
      source: typeof source === 'number' ? { kind: 'literal', length: source } : { kind: 'task', taskId: source },
    })),
  },
});
const group = (id: string, expand: ReturnType<typeof over>) => ({ id, parent: null, doc: null, ...expand });
const nameOf = ({ taskId, mapIndex }: ClaimedAttempt) => (mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`);
const names = (result: { claimed: readonly ClaimedAttempt[] }) => result.claimed.map(nameOf).sort();
const find = (result: { claimed: readonly ClaimedAttempt[] }, name: string) => result.claimed.find((attempt) => nameOf(attempt) === name)!;
const none = { capacity: new Map<string, number>() };
const one = { capacity: new Map([['default', 1]]) };

const WAIT: WaitSpec = {
  kind: 'time',
  trigger: null,
  args: {},
  firstCheckAt: null,
  intervalMs: null,
  timeoutAt: null,
  resume: 'onEvent',
};
const deferred: Outcome = { kind: 'deferred', wait: WAIT };
const event = (payload: string): ResumeInfo['event'] => ({ kind: 'event', payload });

export function describeSemantics(name: string, make: () => Promise<SemanticsHarness>): void {
  describe(`${name} carries out`, () => {
    let h: SemanticsHarness;
    let hand: Hand;

    beforeEach(async () => {
      h = await make();
      hand = await new Hand(h.ledger).open();
    });
    afterEach(async () => h.close());

    const statesOf = async (pk: RunPk) => Object.fromEntries(Object.entries((await h.run(pk)).tasks).map(([id, task]) => [id, task.state]));
    const stateOf = async (pk: RunPk) => (await h.run(pk)).state;

    /** Expands what there is to expand, and hops. */
    async function expandAll(request: Parameters<Hand['look']>[0] = {}): Promise<HopResult> {
      while ((await h.ledger.expandTasks(10)).length > 0);
      return hand.look(request);
    }
    const start = async (run: Partial<NewRun> = {}, request: Parameters<Hand['look']>[0] = {}) => {
      const { pk, ...first } = await hand.start('d', run, request);
      const next = await expandAll(request);
      return { ...next, pk, claimed: [...first.claimed, ...next.claimed] };
    };
    /** Carries everything that begins through to its end. */
    async function finish(result: HopResult, outcomeOf: (attempt: ClaimedAttempt) => Outcome = () => succeeded()): Promise<string[]> {
      const began: string[] = [];
      const running = [...result.claimed];
      for (let attempt = running.shift(); attempt; attempt = running.shift()) {
        began.push(nameOf(attempt));
        running.push(...(await hand.end(attempt, outcomeOf(attempt))).claimed);
        running.push(...(await expandAll()).claimed);
      }
      return began;
    }

    describe('mapped tasks', () => {
      it('over literals: one instance for each element, and what comes after waits for all of them', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(2, 2) }, 'after'], edges: [['m', 'after']] });
        const started = await start();
        expect(names(started)).toEqual(['m[0]', 'm[1]', 'm[2]', 'm[3]']);
        expect(started.claimed.map(({ mapLengths }) => mapLengths)).toEqual([[2, 2], [2, 2], [2, 2], [2, 2]]); // prettier-ignore
        expect((await finish(started)).slice(4)).toEqual(['after']);
        expect(await h.run(started.pk)).toMatchObject({ state: 'success', tasks: { 'm[3]': { state: 'success', tryNumber: 1 } } });
      });

      it('over the output of a task, which may be a list or an object', async () => {
        const tasks = ['list', 'object', { id: 'm', ...over('list', 'object') }];
        await h.addDag({ dagId: 'd', tasks, edges: [['list', 'm'], ['object', 'm']] }); // prettier-ignore
        const first = await start();
        expect(names(first)).toEqual(['list', 'object']);
        await hand.end(find(first, 'list'), succeeded('[1,2,3]'));
        expect((await hand.end(find(first, 'object'), succeeded('{"a":1,"b":2}'))).expanding).toBe(true);
        const mapped = await expandAll();
        expect(mapped.claimed.map(({ mapLengths }) => mapLengths)).toEqual(Array.from({ length: 6 }, () => [3, 2]));
        await finish(mapped);
        expect(await stateOf(first.pk)).toBe('success');
      });

      it('over a mapped task: one for each of its instances that has an output', async () => {
        await h.addDag({
          dagId: 'd',
          tasks: [
            { id: 'a', ...over(3) },
            { id: 'b', triggerRule: 'all_done', ...over('a') },
          ],
          edges: [['a', 'b']],
        });
        const first = await start();
        await hand.end(find(first, 'a[0]'), succeeded('1'));
        await hand.end(find(first, 'a[1]'), succeeded());
        await hand.end(find(first, 'a[2]'), succeeded('3'));
        const second = await expandAll();
        expect(names(second)).toEqual(['b[0]', 'b[1]']);
      });

      it('skips one without elements, and fails one that has nothing to map over, with a sentence', async () => {
        await h.addDag({
          dagId: 'd',
          tasks: ['empty', { id: 'a', ...over('empty') }, 'text', { id: 'b', ...over('text') }],
          edges: [['empty', 'a'], ['text', 'b']], // prettier-ignore
        });
        const first = await start();
        await hand.end(find(first, 'empty'), succeeded('[]'));
        await hand.end(find(first, 'text'), succeeded('"x"'));
        await expandAll();
        expect(await h.run(first.pk)).toMatchObject({
          state: 'failed',
          tasks: { a: { state: 'skipped', reason: 'rule' }, b: { state: 'failed', reason: 'executed', tryNumber: 0 } },
        });
        expect(await h.error(first.pk, 'b')).toBe(
          '"b" maps "k0" over the output of "text", which is a string: it has to be a list or an object',
        );
      });

      it('fails one that would be longer than its limit', async () => {
        const { expand } = over(3, 4);
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', expand: { ...expand, maxMapLength: 11 } }] });
        const { pk } = await start();
        expect(await h.error(pk, 'm')).toMatch(/12 instances .* maxMapLength allows 11/);
        expect(await stateOf(pk)).toBe('failed');
      });

      it('keeps to maxActiveTasks and maxActiveTisPerDagRun, the lowest index first', async () => {
        const tasks = [
          { id: 'm', maxActiveTisPerDagRun: 2, ...over(5) },
          { id: 'n', ...over(5) },
        ];
        await h.addDag({ dagId: 'd', maxActiveTasks: 3, tasks });
        const first = await start();
        expect(names(first)).toEqual(['m[0]', 'm[1]', 'n[0]']);
        expect(names(await hand.end(find(first, 'm[0]')))).toEqual(['m[2]']);
        expect(names(await hand.end(find(first, 'n[0]')))).toEqual(['n[1]']);
      });

      it('tries a failed instance again by itself, and deletes what the failed try had stored', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', retries: 1, retryDelaysMs: [5_000], ...over(2) }] });
        const first = await start();
        await hand.end(find(first, 'm[1]'));
        await hand.end(find(first, 'm[0]'), failed());
        expect((await h.run(first.pk)).tasks).toMatchObject({
          'm[0]': { state: 'up_for_retry', retriesUsed: 1 },
          'm[1]': { state: 'success' },
        });
        expect((await hand.look({ runs: [first.pk] })).claimed).toEqual([]);
        await h.advance(5_001);
        const second = await hand.look();
        expect(second.claimed).toMatchObject([{ taskId: 'm', mapIndex: 0, tryNumber: 2 }]);
        await hand.end(second.claimed[0]!, failed());
        expect(await h.run(first.pk)).toMatchObject({ state: 'failed', tasks: { 'm[0]': { state: 'failed', tryNumber: 2 } } });
      });

      it('stores the return value of each instance', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(2) }] });
        const first = await start();
        const large = JSON.stringify('x'.repeat(40_000));
        await hand.end(find(first, 'm[1]'), succeeded(large));
        await hand.end(find(first, 'm[0]'), succeeded('0'));
        expect(await h.xcom(first.pk, 'm', 0)).toBe('0');
        expect(await h.xcom(first.pk, 'm', 1)).toBe(large);
      });

      it('holds its instances back while the DAG is paused, and lets them go afterwards', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(3) }] });
        const first = await start({}, one);
        expect(names(first)).toEqual(['m[0]']);
        await h.setPaused('d', true);
        expect((await hand.look()).claimed).toEqual([]);
        expect((await h.run(first.pk)).tasks['m[1]']).toMatchObject({ state: 'scheduled', admissible: false });
        await h.setPaused('d', false);
        expect(names(await hand.look())).toEqual(['m[1]', 'm[2]']);
      });

      it('shrinks and grows with what it maps over when it is cleared; what it has no use for is removed', async () => {
        await h.addDag({ dagId: 'd', tasks: ['list', { id: 'm', ...over('list') }], edges: [['list', 'm']] });
        const lengths = [3, 1, 2];
        const began: string[][] = [];
        let pk: RunPk | null = null;
        for (const length of lengths) {
          const output = succeeded(JSON.stringify(Array.from({ length }, (_, i) => i)));
          if (pk === null) {
            const first = await start();
            pk = first.pk;
            began.push(await finish(first, ({ taskId }) => (taskId === 'list' ? output : succeeded())));
          } else {
            await h.ledger.clearRun(pk);
            await h.ledger.startQueuedRuns(1);
            began.push(await finish(await hand.look(), ({ taskId }) => (taskId === 'list' ? output : succeeded())));
          }
          expect(await stateOf(pk)).toBe('success');
        }
        expect(began).toEqual([
          ['list', 'm[0]', 'm[1]', 'm[2]'],
          ['list', 'm[0]'],
          ['list', 'm[0]', 'm[1]'],
        ]);
        expect((await h.run(pk!)).tasks).toMatchObject({
          'm[0]': { state: 'success', tryNumber: 3 },
          'm[1]': { state: 'success', tryNumber: 2 },
          'm[2]': { state: 'removed', tryNumber: 1 },
        });
      });

      it('runs single cleared instances again, and only those', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(3) }, 'after'], edges: [['m', 'after']] });
        const first = await start();
        await finish(first);
        await h.ledger.clearTasks({ run: first.pk, tasks: [{ taskId: 'm', mapIndexes: [1] }], version: 'own', conf: null });
        await h.ledger.startQueuedRuns(1);
        expect(await finish(await hand.look())).toEqual(['m[1]']);
        expect(await stateOf(first.pk)).toBe('success');
      });

      it('gives a lost instance to the next try', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(2) }] });
        const leaving = await new Hand(h.ledger).open();
        const [created] = await h.ledger.createRuns([newRun('d')]);
        await h.ledger.startQueuedRuns(1);
        await leaving.look(none);
        await h.ledger.expandTasks(1);
        const { claimed } = await leaving.look();
        expect(claimed).toHaveLength(2);
        await h.ledger.closeSession(leaving.session);
        const again = await hand.look();
        expect(again.claimed.map(({ mapIndex, tryNumber }) => [mapIndex, tryNumber])).toEqual([[0, 2], [1, 2]]); // prettier-ignore
        await finish(again);
        expect(await stateOf(created!.run)).toBe('success');
      });
    });

    describe('mapped groups', () => {
      it('each index follows its own rules; what comes after sees all', async () => {
        await h.addDag({
          dagId: 'd',
          groups: [group('g', over('list'))],
          tasks: ['list', { id: 'g.a', group: 'g' }, { id: 'g.b', group: 'g' }, { id: 'after', triggerRule: 'all_done' }],
          edges: [['g.a', 'g.b'], ['g.b', 'after']], // prettier-ignore
        });
        const first = await start();
        expect(names(first)).toEqual(['list']);
        await hand.end(first.claimed[0]!, succeeded('["x","y"]'));
        const second = await expandAll();
        expect(names(second)).toEqual(['g.a[0]', 'g.a[1]']);
        const third = await hand.end(find(second, 'g.a[1]'));
        expect(names(third)).toEqual(['g.b[1]']);
        await hand.end(find(second, 'g.a[0]'), failed());
        expect(await statesOf(first.pk)).toMatchObject({ 'g.b[0]': 'upstream_failed', 'g.b[1]': 'running', after: null });
        expect(names(await hand.end(find(third, 'g.b[1]')))).toEqual(['after']);
      });

      it('a branch inside chooses for its own index', async () => {
        await h.addDag({
          dagId: 'd',
          groups: [group('g', over(2))],
          tasks: [
            { id: 'g.pick', group: 'g', kind: 'branch' },
            { id: 'g.l', group: 'g' },
            { id: 'g.r', group: 'g' },
          ],
          edges: [['g.pick', 'g.l'], ['g.pick', 'g.r']], // prettier-ignore
        });
        const first = await start();
        expect(names(await hand.end(find(first, 'g.pick[0]'), succeeded(null, ['g.l'])))).toEqual(['g.l[0]']);
        expect(names(await hand.end(find(first, 'g.pick[1]'), succeeded(null, ['g.r'])))).toEqual(['g.r[1]']);
        expect((await h.run(first.pk)).tasks).toMatchObject({
          'g.r[0]': { state: 'skipped', reason: 'branch' },
          'g.l[1]': { state: 'skipped' },
        });
      });

      it('waits as a whole for a task outside that one of its tasks needs', async () => {
        await h.addDag({
          dagId: 'd',
          groups: [group('g', over(3))],
          tasks: ['gate', { id: 'g.a', group: 'g' }, { id: 'g.b', group: 'g' }],
          edges: [['g.a', 'g.b'], ['gate', 'g.b']], // prettier-ignore
        });
        const first = await start();
        expect(names(first)).toEqual(['g.a[0]', 'g.a[1]', 'g.a[2]', 'gate']);
        for (const index of [0, 1]) expect((await hand.end(find(first, `g.a[${index}]`))).claimed).toEqual([]);
        expect(names(await hand.end(find(first, 'gate')))).toEqual(['g.b[0]', 'g.b[1]']);
        expect(names(await hand.end(find(first, 'g.a[2]')))).toEqual(['g.b[2]']);
      });
    });

    describe('waits', () => {
      const fire = (pk: RunPk, result: ResumeInfo['event'], generation = 0) =>
        h.waits(pk).then((waits) => h.ledger.fireWaits(waits.map(({ wait }): WaitEvent => ({ wait, generation, event: result }))));

      it('park the try; it goes on as its next piece, with the event, and its slot is free meanwhile', async () => {
        await h.setPool('one', 1);
        await h.addDag({
          dagId: 'd',
          tasks: [
            { id: 'a', pool: 'one', priorityWeight: 2 },
            { id: 'b', pool: 'one' },
          ],
        });
        const first = await start();
        expect(names(first)).toEqual(['a']);
        const second = await hand.end(find(first, 'a'), deferred);
        expect(names(second)).toEqual(['b']);
        expect([first.deferred, second.deferred]).toEqual([false, true]);
        expect(await statesOf(first.pk)).toMatchObject({ a: 'deferred', b: 'running' });
        expect(await h.waits(first.pk)).toMatchObject([{ taskId: 'a', mapIndex: -1, kind: 'time' }]);
        expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toEqual([]);

        expect(await fire(first.pk, event('now'))).toBe(1);
        expect((await hand.look()).claimed).toEqual([]); // the pool is full
        const third = await hand.end(find(second, 'b'));
        expect(third.claimed).toMatchObject([{ taskId: 'a', tryNumber: 1, piece: 1, resume: { method: 'onEvent', event: event('now') } }]);
        expect(third.claimed[0]!.tryStartedAt).not.toBeNull();
        expect(first.claimed[0]!.tryStartedAt).toBeNull();
        await hand.end(third.claimed[0]!, succeeded('"done"'));
        expect(await stateOf(first.pk)).toBe('success');
      });

      it('keep the slot in a pool that counts deferred tasks', async () => {
        await h.setPool('strict', 1, true);
        await h.addDag({
          dagId: 'd',
          tasks: [
            { id: 'a', pool: 'strict', priorityWeight: 2 },
            { id: 'b', pool: 'strict' },
          ],
        });
        const first = await start();
        expect((await hand.end(find(first, 'a'), deferred)).claimed).toEqual([]);
        await fire(first.pk, event('now'));
        expect(names(await hand.look())).toEqual(['a']);
      });

      it('are refused when they are over, or when somebody else has taken them over', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a'] });
        const first = await start();
        await hand.end(find(first, 'a'), deferred);
        const [wait] = await h.waits(first.pk);
        expect(await fire(first.pk, event('late'), 7)).toBe(0);
        const events = [{ wait: wait!.wait, generation: 0, event: event('now') }];
        expect(await h.ledger.fireWaits(events)).toBe(1);
        expect(await h.ledger.fireWaits(events)).toBe(0);
        expect(await h.ledger.fireWaits([{ ...events[0]!, wait: '00000000-0000-4000-8000-000000000000' }])).toBe(0);
      });

      it('outlive the process that ran the task', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a'] });
        const leaving = await new Hand(h.ledger).open();
        const { pk, claimed } = await leaving.start('d');
        await leaving.end(claimed[0]!, deferred);
        await h.ledger.closeSession(leaving.session);
        expect(await statesOf(pk)).toEqual({ a: 'deferred' });
        await fire(pk, event('now'));
        expect((await hand.look()).claimed).toMatchObject([{ tryNumber: 1, piece: 1, resume: { method: 'onEvent' } }]);
      });

      it('of mapped instances, one by one', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(2) }, 'after'], edges: [['m', 'after']] });
        const first = await start();
        for (const attempt of first.claimed) await hand.end(attempt, deferred);
        const [zero, second] = await h.waits(first.pk);
        await h.ledger.fireWaits([{ wait: second!.wait, generation: 0, event: { kind: 'timeout' } }]);
        const next = await hand.look();
        expect(next.claimed).toMatchObject([{ mapIndex: 1, piece: 1, mapLengths: [2], resume: { event: { kind: 'timeout' } } }]);
        await hand.end(next.claimed[0]!);
        await h.ledger.fireWaits([{ wait: zero!.wait, generation: 0, event: event('x') }]);
        expect(await finish(await hand.look())).toEqual(['m[0]', 'after']);
      });

      it('of a piece that goes on may be followed by a reschedule, whose piece begins anew; a hand-back keeps the event', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a'] });
        const first = await start();
        await hand.end(find(first, 'a'), deferred);
        await fire(first.pk, event('now'));
        const second = await hand.look();
        const third = await hand.end(second.claimed[0]!, { kind: 'not-started', message: 'no room' });
        expect(third.claimed).toMatchObject([{ piece: 2, resume: { event: event('now') } }]);
        const fourth = await hand.end(third.claimed[0]!, { kind: 'rescheduled', at: 0 });
        expect(fourth.claimed).toMatchObject([{ tryNumber: 1, piece: 3, resume: null }]);
      });

      it('end with a clear and with a verdict', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a', 'b'] });
        const first = await start();
        for (const attempt of first.claimed) await hand.end(attempt, deferred);
        await h.ledger.clearTasks({ run: first.pk, tasks: [{ taskId: 'a', mapIndexes: null }], version: 'own', conf: null });
        expect(await h.waits(first.pk)).toMatchObject([{ taskId: 'b' }]);
        expect((await hand.look()).claimed).toMatchObject([{ taskId: 'a', tryNumber: 2, piece: 0, resume: null }]);
        await h.ledger.markRun(first.pk, 'failed');
        expect(await h.waits(first.pk)).toEqual([]);
        expect(await statesOf(first.pk)).toMatchObject({ b: 'failed' });
      });
    });

    describe('rules between runs', () => {
      const day = (n: number) => ({ logicalDate: Date.parse('2026-05-01T00:00:00Z') + n * 86_400_000, runAfter: n });
      const create = async (...days: number[]) => (await h.ledger.createRuns(days.map((n) => newRun('d', day(n))))).map(({ run }) => run);

      it('dependsOnPast: a task waits for the same one of the run before; the first run waits for nobody', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'a', dependsOnPast: true }, 'b'], edges: [['a', 'b']] });
        const [one, two] = (await create(1, 2)) as [RunPk, RunPk];
        await h.ledger.startQueuedRuns(10);
        const first = await hand.look();
        expect(first.claimed).toMatchObject([{ run: one, taskId: 'a' }]);
        await hand.end(first.claimed[0]!, succeeded(), none);
        const second = await hand.look();
        expect(second.claimed.map(({ run, taskId }) => [run, taskId]).sort()).toEqual([[one, 'b'], [two, 'a']]); // prettier-ignore
        await finish(second);
        expect([await stateOf(one), await stateOf(two)]).toEqual(['success', 'success']);
      });

      it('dependsOnPast: a failure keeps the next run waiting until it is cleared and succeeds, a skip does not', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'a', dependsOnPast: true }] });
        const [one, two, three] = (await create(1, 2, 3)) as [RunPk, RunPk, RunPk];
        await h.ledger.startQueuedRuns(10);
        const first = await hand.look();
        await hand.end(first.claimed[0]!, failed());
        expect((await hand.look()).claimed).toEqual([]);
        await h.ledger.clearRun(one);
        await h.ledger.startQueuedRuns(10);
        const again = await hand.look();
        expect(again.claimed).toMatchObject([{ run: one, tryNumber: 2 }]);
        await hand.end(again.claimed[0]!, { kind: 'skipped', message: null });
        const second = await hand.look();
        expect(second.claimed).toMatchObject([{ run: two }]);
        await hand.end(second.claimed[0]!);
        expect((await hand.look()).claimed).toMatchObject([{ run: three }]);
      });

      it('waitForDownstream: also for what comes directly after it', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'a', waitForDownstream: true }, 'b', 'c'], edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore
        const [one, two] = (await create(1, 2)) as [RunPk, RunPk];
        await h.ledger.startQueuedRuns(10);
        const a = await hand.look();
        const b = await hand.end(a.claimed[0]!);
        expect(b.claimed).toMatchObject([{ run: one, taskId: 'b' }]);
        expect((await hand.look()).claimed).toEqual([]);
        const c = await hand.end(b.claimed[0]!);
        const next = await hand.look();
        expect([...c.claimed, ...next.claimed].map(({ run, taskId }) => [run, taskId]).sort()).toEqual([[one, 'c'], [two, 'a']]); // prettier-ignore
      });

      it('a run that waits for an earlier one does not keep it out of maxActiveRuns', async () => {
        await h.addDag({ dagId: 'd', maxActiveRuns: 1, tasks: [{ id: 'a', dependsOnPast: true }] });
        const [one] = (await create(1)) as [RunPk];
        await h.ledger.startQueuedRuns(10);
        await finish(await hand.look(), () => failed());
        const [two, three] = (await create(2, 3)) as [RunPk, RunPk];
        expect(await h.ledger.startQueuedRuns(10)).toEqual([two]);
        const waiting = await hand.look();
        expect(waiting.claimed).toEqual([]);
        expect(waiting.makesRoom).toBe(true);
        expect(await h.ledger.startQueuedRuns(10)).toEqual([]); // run three is later: it would only wait, too
        await h.ledger.clearRun(one);
        expect(await h.ledger.startQueuedRuns(10)).toEqual([one]);
        await finish(await hand.look());
        await finish(await hand.look());
        expect([await stateOf(one), await stateOf(two), await stateOf(three)]).toEqual(['success', 'success', 'queued']);
      });

      it('limits over all runs of a DAG: of all tasks together, and of one', async () => {
        await h.addDag({ dagId: 'd', maxActiveTasksPerDag: 3, tasks: [{ id: 'a', maxActiveTisPerDag: 1, priorityWeight: 5 }, { id: 'm', ...over(2) }] }); // prettier-ignore
        await create(1, 2);
        await h.ledger.startQueuedRuns(10);
        const first = await hand.look();
        expect(names(first)).toEqual(['a']);
        const next = await expandAll();
        expect(next.claimed).toHaveLength(2);
        expect(names(next).every((taskName) => taskName.startsWith('m'))).toBe(true);
        await hand.end(first.claimed[0]!);
        const second = await hand.look();
        expect(names({ claimed: second.claimed })).toEqual(['a']);
        const running = [...next.claimed, ...second.claimed];
        let most = running.length;
        for (let attempt = running.shift(); attempt; attempt = running.shift()) {
          running.push(...(await hand.end(attempt)).claimed, ...(await hand.look()).claimed);
          most = Math.max(most, running.length);
        }
        expect(most).toBe(3);
        expect((await h.ledger.attention(hand.session, ['default'], 10)).work).toBe(false);
      });

      it('failFast: a failure stops what runs and skips the rest, teardowns excepted', async () => {
        await h.addDag({
          dagId: 'd',
          failFast: true,
          tasks: [
            'bad',
            'long',
            'later',
            { id: 'm', ...over(2) },
            { id: 'down', triggerRule: 'all_done', teardown: { onFailureFailDagrun: false } },
          ],
          edges: [['long', 'later'], ['bad', 'down']], // prettier-ignore
        });
        const first = await start();
        await hand.end(find(first, 'm[0]'));
        await hand.end(find(first, 'bad'), failed());
        const last = await hand.look();
        expect(names(last)).toEqual(['down']);
        expect((await h.run(first.pk)).tasks).toMatchObject({
          bad: { state: 'failed', reason: 'executed' },
          long: { state: 'failed', reason: 'fail_fast' },
          later: { state: 'skipped', reason: 'fail_fast' },
          'm[0]': { state: 'success' },
          'm[1]': { state: 'failed', reason: 'fail_fast' },
        });
        const { cancels } = await h.ledger.attention(hand.session, ['default'], 10);
        expect(cancels.map(({ attemptId }) => attemptId).sort()).toEqual([find(first, 'long'), find(first, 'm[1]')].map((a) => a.attemptId).sort()); // prettier-ignore
        await hand.end(find(last, 'down'));
        expect(await stateOf(first.pk)).toBe('failed');
      });

      it('runRetries: a failed run starts again with what failed, and only its last failure counts', async () => {
        await h.addDag({
          dagId: 'd',
          runRetries: 1,
          runRetryDelayMs: 10_000,
          maxConsecutiveFailedRuns: 1,
          callbacks: ['failure'],
          tasks: ['good', 'bad', 'below'],
          edges: [['bad', 'below']],
        });
        const first = await start();
        await hand.end(find(first, 'good'));
        await hand.end(find(first, 'bad'), failed());
        expect(await stateOf(first.pk)).toBe('failed');
        expect(await h.ledger.retryRuns(10)).toEqual([]);
        expect(await h.callbacks(first.pk)).toEqual([]);
        expect(await h.isPaused('d')).toBe(false);
        await h.advance(10_001);
        expect(await h.ledger.retryRuns(10)).toEqual([first.pk]);
        await h.ledger.startQueuedRuns(1);
        const again = await hand.look();
        expect(again.claimed).toMatchObject([{ taskId: 'bad', tryNumber: 2 }]);
        await hand.end(again.claimed[0]!, failed());
        await h.advance(10_001);
        expect(await h.ledger.retryRuns(10)).toEqual([]);
        expect(await h.callbacks(first.pk)).toEqual(['run failure']);
        expect(await h.isPaused('d')).toBe(true);
      });

      it('maxConsecutiveFailedRuns: so many failures in a row pause the DAG; those before an unpause do not count', async () => {
        await h.addDag({ dagId: 'd', maxConsecutiveFailedRuns: 2, tasks: ['a'] });
        const run = async (outcome: Outcome) => hand.end((await hand.start('d')).claimed[0]!, outcome);
        for (const outcome of [failed(), succeeded(), failed()]) await run(outcome);
        expect(await h.isPaused('d')).toBe(false);
        await run(failed());
        expect(await h.isPaused('d')).toBe(true);
        await h.setPaused('d', false);
        await run(failed());
        expect(await h.isPaused('d')).toBe(false);
        await run(failed());
        expect(await h.isPaused('d')).toBe(true);
      });

      it('dagrunTimeout: a run that takes too long fails; what runs is stopped', async () => {
        await h.addDag({
          dagId: 'd',
          dagrunTimeoutMs: 60_000,
          callbacks: ['failure'],
          tasks: ['a', 'b', { id: 'c', ...over(2) }],
          edges: [['a', 'b']],
        });
        const first = await start();
        await hand.end(find(first, 'c[0]'), deferred);
        expect(await h.ledger.timeOutRuns(10)).toEqual([]);
        await h.advance(60_001);
        await hand.ledger.renewSession(hand.session, 60_000, {});
        expect(await h.ledger.timeOutRuns(10)).toMatchObject([{ run: first.pk, state: 'failed', dagId: 'd' }]);
        expect(await h.run(first.pk)).toMatchObject({
          state: 'failed',
          tasks: {
            a: { state: 'failed', reason: 'run_ended' },
            b: { state: 'skipped', reason: 'run_ended' },
            'c[0]': { state: 'failed' },
            'c[1]': { state: 'failed' },
          },
        });
        expect(await h.waits(first.pk)).toEqual([]);
        expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toHaveLength(2);
        expect(await h.callbacks(first.pk)).toEqual(['run failure']);
        expect(await h.ledger.timeOutRuns(10)).toEqual([]);
      });
    });

    it('callbacks: what a task came to is told once, when its file gives a callback for it', async () => {
      await h.addDag({
        dagId: 'd',
        callbacks: ['success', 'failure'],
        tasks: [
          { id: 'a', callbacks: ['success', 'failure', 'retry', 'skipped'], retries: 1, retryDelaysMs: [0] },
          { id: 'm', callbacks: ['failure'], ...over(2) },
          { id: 'skip', callbacks: ['skipped'] },
          { id: 'quiet' },
          { id: 'below', callbacks: ['failure', 'skipped'] },
        ],
        edges: [['skip', 'below']],
      });
      const first = await start();
      await hand.end(find(first, 'm[1]'), failed());
      await hand.end(find(first, 'm[0]'));
      await hand.end(find(first, 'skip'), { kind: 'skipped', message: 'no' });
      await hand.end(find(first, 'quiet'), failed());
      const again = await hand.end(find(first, 'a'), { kind: 'lost', message: 'gone' });
      await hand.end(find(again, 'a'));
      expect(await h.callbacks(first.pk)).toEqual(['m[1] failure', 'skip skipped', 'a retry', 'a success', 'run failure']);
    });
  });
}
