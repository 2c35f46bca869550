/** What every Ledger does when people clear, mark and delete. */
import type { Outcome } from '../../src/core/workload';
import type { ClaimedAttempt, ClearRequest, HopResult, MarkRequest, RunPk, TaskSelection } from '../../src/ledger/ledger';
import { failed, Hand, succeeded } from './conformance';
import type { LedgerHarness } from './conformance';
import { over } from './semantics';

const whole = (...ids: string[]): TaskSelection[] => ids.map((taskId) => ({ taskId, mapIndexes: null }));
const ids = (result: HopResult) => result.claimed.map(({ taskId }) => taskId).sort();

export function describeVerdicts(name: string, make: () => Promise<LedgerHarness>): void {
  describe(`${name}: what people decide`, () => {
    let h: LedgerHarness;
    let hand: Hand;
    beforeEach(async () => {
      h = await make();
      hand = await new Hand(h.ledger).open();
    });
    afterEach(() => h.close());

    const statesOf = async (pk: RunPk) => Object.fromEntries(Object.entries((await h.run(pk)).tasks).map(([id, task]) => [id, task.state]));
    const stateOf = async (pk: RunPk) => (await h.run(pk)).state;
    const clear = (run: RunPk, tasks: TaskSelection[] | null, rest: Partial<ClearRequest> = {}) =>
      h.ledger.clearTasks({ run, tasks, version: 'latest', conf: null, ...rest });
    const mark = (run: RunPk, state: MarkRequest['state'], ...tasks: string[]) =>
      h.ledger.markTasks({ run, tasks: whole(...tasks), state });
    const goOn = async () => {
      await h.ledger.startQueuedRuns(10);
      return hand.look();
    };
    const chain = { dagId: 'd', tasks: ['a', 'b', 'c'], edges: [['a', 'b'], ['b', 'c']] } as const; // prettier-ignore
    const failing = (taskId: string) => (attempt: { taskId: string }) => (attempt.taskId === taskId ? failed() : succeeded());

    describe('clearing tasks', () => {
      it('runs a failed task again, and decides anew what rules had decided below it; the rest stays as it is', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        await hand.finish(first, failing('b'));
        expect(await statesOf(first.pk)).toEqual({ a: 'success', b: 'failed', c: 'upstream_failed' });

        expect(await clear(first.pk, whole('b'))).toMatchObject({
          run: first.pk,
          tasks: [{ taskId: 'b', mapIndex: -1, was: 'failed' }],
          below: [{ taskId: 'c', mapIndex: -1, was: 'upstream_failed' }],
          added: [],
          from: 'failed',
          to: 'queued',
        });
        expect(await statesOf(first.pk)).toEqual({ a: 'success', b: null, c: null });
        const again = await goOn();
        expect(again.claimed).toMatchObject([{ taskId: 'b', tryNumber: 2 }]);
        expect(await hand.finish(again)).toEqual(['b', 'c']);
        expect(await stateOf(first.pk)).toBe('success');
      });

      it('starts a running task again when its attempt has ended, and leaves the run running', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        const [a] = first.claimed;
        expect(await clear(first.pk, whole('a'))).toMatchObject({ tasks: [{ was: 'running' }], from: 'running', to: 'running' });
        expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toEqual([{ attemptId: a!.attemptId, why: 'cleared' }]);
        expect((await hand.look()).claimed).toEqual([]);
        expect((await hand.end(a!, succeeded())).claimed).toMatchObject([{ taskId: 'a', tryNumber: 2 }]);
      });

      it('lets what has been scheduled below and has not begun wait for the cleared task', async () => {
        await h.setPool('one', 1);
        await h.addDag({ ...chain, tasks: ['a', { id: 'b', pool: 'one' }, 'c'] });
        await h.addDag({ dagId: 'hog', tasks: [{ id: 'x', pool: 'one' }] });
        const hog = await hand.start('hog');
        const first = await hand.start('d');
        await hand.end(first.claimed[0]!);
        expect(await statesOf(first.pk)).toMatchObject({ b: 'scheduled' });
        expect(await clear(first.pk, whole('a'))).toMatchObject({ below: [{ taskId: 'b', was: 'scheduled' }] });
        expect(ids(await hand.end(hog.claimed[0]!))).toEqual([]);
        expect(ids(await hand.look())).toEqual(['a']);
      });

      it('takes only tasks in the states that are asked for, and changes nothing when there are none', async () => {
        await h.addDag({ ...chain, tasks: ['a', 'b', 'c', 'd'] });
        const first = await hand.start('d');
        await hand.finish(first, failing('b'));
        const none = await clear(first.pk, null, { onlyStates: ['running'] });
        expect(none).toMatchObject({ tasks: [], below: [], from: 'failed', to: 'failed' });
        expect(await stateOf(first.pk)).toBe('failed');
        await clear(first.pk, null, { onlyStates: ['failed', 'upstream_failed'] });
        expect(await statesOf(first.pk)).toEqual({ a: 'success', b: null, c: null, d: 'success' });
      });

      it('resets the retries of a task, and its try numbers go on', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'a', retries: 1, retryDelaysMs: [1000] }] });
        const first = await hand.start('d');
        await hand.end(first.claimed[0]!, failed());
        await h.advance(1000);
        await hand.end((await hand.look()).claimed[0]!, failed());
        await clear(first.pk, whole('a'));
        const third = await goOn();
        expect(third.claimed).toMatchObject([{ tryNumber: 3, maxTries: 4 }]);
        await hand.end(third.claimed[0]!, failed());
        expect((await h.run(first.pk)).tasks['a']).toMatchObject({ state: 'up_for_retry', retriesUsed: 1 });
      });

      it('keeps the decision of a branch for a cleared task, and takes it back with the branch', async () => {
        const edges = [['choose', 'left'], ['choose', 'right']] as const; // prettier-ignore
        await h.addDag({ dagId: 'd', tasks: [{ id: 'choose', kind: 'branch' }, 'left', 'right'], edges });
        const first = await hand.start('d');
        await hand.finish(first, ({ taskId }) => (taskId === 'choose' ? succeeded(null, ['left']) : succeeded()));
        await clear(first.pk, whole('right'));
        await hand.finish(await goOn());
        expect(await statesOf(first.pk)).toEqual({ choose: 'success', left: 'success', right: 'skipped' });
        expect(await clear(first.pk, whole('choose'))).toMatchObject({ below: [{ taskId: 'right', was: 'skipped' }] });
        await hand.finish(await goOn(), ({ taskId }) => (taskId === 'choose' ? succeeded(null, ['right']) : succeeded()));
        expect(await statesOf(first.pk)).toEqual({ choose: 'success', left: 'success', right: 'success' });
      });

      it('re-pins a running run in place: missing tasks are added, vanished ones removed, live attempts keep their version', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'gone', 'live'], edges: [['a', 'b'], ['a', 'gone']] }); // prettier-ignore
        const first = await hand.start('d');
        await hand.end(
          first.claimed.find(({ taskId }) => taskId === 'a')!,
          failed(),
        );
        await h.addDag({ dagId: 'd', tasks: ['a', 'b', 'live', 'added'], edges: [['a', 'b'], ['live', 'added']] }); // prettier-ignore

        expect(await clear(first.pk, whole('a'))).toMatchObject({ added: ['added'], to: 'running' });
        expect(await statesOf(first.pk)).toMatchObject({ a: null, live: 'running', added: null });
        const second = await hand.look();
        expect(ids(second)).toEqual(['a']);
        const live = first.claimed.find(({ taskId }) => taskId === 'live')!;
        expect(second.claimed[0]!.version).not.toBe(live.version);
        const third = await hand.end(live);
        expect(ids(third)).toEqual(['added']);
        await hand.finish({ ...third, claimed: [...second.claimed, ...third.claimed] });
        expect(await h.run(first.pk)).toMatchObject({ state: 'success', tasks: { b: { state: 'success' }, added: { state: 'success' } } });
      });

      it('stops a running task that the newest version does not have', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a', 'gone'] });
        const first = await hand.start('d');
        const of = (id: string) => first.claimed.find(({ taskId }) => taskId === id)!;
        await h.addDag({ dagId: 'd', tasks: ['a'] });
        await clear(first.pk, whole('a'));
        expect(await statesOf(first.pk)).toEqual({ a: 'restarting', gone: 'removed' });
        const { cancels } = await h.ledger.attention(hand.session, ['default'], 10);
        expect(cancels.map(({ attemptId }) => attemptId).sort()).toEqual([of('a').attemptId, of('gone').attemptId].sort());
        expect((await hand.end(of('gone'), failed())).refused).toEqual([of('gone').attemptId]);
        await hand.finish(await hand.end(of('a')));
        expect(await stateOf(first.pk)).toBe('success');
      });

      it('keeps the own version of the run when asked to, also one whose DAG takes the newest otherwise', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a'] });
        const first = await hand.start('d');
        await hand.finish(first);
        await h.addDag({ dagId: 'd', tasks: ['a', 'added'] });
        await clear(first.pk, whole('a'), { version: 'own' });
        const again = await goOn();
        expect(again.claimed).toMatchObject([{ taskId: 'a', version: first.claimed[0]!.version }]);
        await hand.finish(again);
        await clear(first.pk, whole('a'));
        expect(ids(await goOn())).toEqual(['a', 'added']);
      });

      it('replaces the conf of the run', async () => {
        await h.addDag(chain);
        const first = await hand.start('d', { conf: { region: 'eu' } });
        await hand.finish(first);
        await clear(first.pk, whole('b', 'c'), { conf: { region: 'us' } });
        expect((await goOn()).claimed).toMatchObject([{ taskId: 'b', conf: { region: 'us' } }]);
      });

      it('leaves a run that has ended as it is when asked to', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        await hand.finish(first);
        expect(await clear(first.pk, whole('c'), { keepRunState: true })).toMatchObject({ from: 'success', to: 'success' });
        expect((await goOn()).claimed).toEqual([]);
        expect(await statesOf(first.pk)).toMatchObject({ c: null });
      });

      it('clears the setups of a task with it, and their teardowns, also when only failed tasks are asked for', async () => {
        const tasks = [{ id: 'up', setup: true }, 'work', 'other', { id: 'down', teardown: { onFailureFailDagrun: false } }] as const;
        const edges = [['up', 'work'], ['work', 'down'], ['up', 'down']] as const; // prettier-ignore
        await h.addDag({ dagId: 'd', tasks, edges });
        const first = await hand.start('d');
        await hand.finish(first, failing('work'));
        const cleared = await clear(first.pk, null, { onlyStates: ['failed', 'upstream_failed'] });
        expect(cleared!.tasks.map(({ taskId }) => taskId).sort()).toEqual(['down', 'up', 'work']);
        expect(await hand.finish(await goOn())).toEqual(['up', 'work', 'down']);
        expect((await clear(first.pk, whole('other')))!.tasks.map(({ taskId }) => taskId)).toEqual(['other']);
      });

      it('answers null for a run that is not there', async () => {
        expect(await clear(987_654, null)).toBeNull();
        expect(await mark(987_654, 'success', 'a')).toBeNull();
      });
    });

    describe('marking tasks', () => {
      it('lets a failed run go on below what is marked a success, on its own version', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        await hand.finish(first, failing('b'));
        await h.addDag({ ...chain, tasks: ['a', 'b', 'c', 'added'] });
        expect(await mark(first.pk, 'success', 'b')).toMatchObject({
          tasks: [{ taskId: 'b', was: 'failed' }],
          below: [{ taskId: 'c', was: 'upstream_failed' }],
          from: 'failed',
          to: 'queued',
        });
        const again = await goOn();
        expect(ids(again)).toEqual(['c']);
        await hand.finish(again);
        expect(await h.run(first.pk)).toMatchObject({ state: 'success', tasks: { b: { state: 'success', reason: 'marked' } } });
      });

      it('ends the run anew when nothing is left to do', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        await hand.finish(first, failing('c'));
        expect(await stateOf(first.pk)).toBe('failed');
        await mark(first.pk, 'success', 'c');
        expect((await hand.look()).ended).toMatchObject([{ run: first.pk, state: 'success' }]);
        await mark(first.pk, 'failed', 'c');
        await hand.look();
        expect(await stateOf(first.pk)).toBe('failed');
      });

      it('says of a running task that failFast stops that its run has ended, and not that a person did it', async () => {
        await h.addDag({ dagId: 'd', tasks: ['a', 'b'], failFast: true });
        const first = await hand.start('d');
        const [a, b] = first.claimed;
        await hand.end(a!, failed());
        await hand.look();
        expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toEqual([{ attemptId: b!.attemptId, why: 'run-ended' }]);
      });

      it('stops a running task that is marked failed; what it still reports changes nothing', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        const [a] = first.claimed;
        await mark(first.pk, 'failed', 'a');
        expect((await h.ledger.attention(hand.session, ['default'], 10)).cancels).toEqual([{ attemptId: a!.attemptId, why: 'marked' }]);
        await hand.look();
        expect(await h.run(first.pk)).toMatchObject({
          state: 'failed',
          tasks: { a: { state: 'failed' }, c: { state: 'upstream_failed' } },
        });
        expect((await hand.end(a!)).refused).toEqual([a!.attemptId]);
        expect((await h.run(first.pk)).tasks['a']!.state).toBe('failed');
      });

      it('skips what stands below a task that is marked skipped, and takes that back with it', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        await mark(first.pk, 'skipped', 'a');
        await hand.end(first.claimed[0]!);
        await hand.look();
        expect(await h.run(first.pk)).toMatchObject({ state: 'success', tasks: { b: { state: 'skipped' }, c: { state: 'skipped' } } });
        await mark(first.pk, 'success', 'a');
        expect(await statesOf(first.pk)).toEqual({ a: 'success', b: null, c: null });
      });

      it('changes nothing for a task that is so already', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        await hand.finish(first);
        expect(await mark(first.pk, 'success', 'a', 'b')).toMatchObject({ tasks: [], from: 'success', to: 'success' });
      });
    });

    describe('mapped tasks', () => {
      const list = (...items: number[]) => succeeded(JSON.stringify(items));
      const name = ({ taskId, mapIndex }: { taskId: string; mapIndex: number }) => (mapIndex < 0 ? taskId : `${taskId}[${mapIndex}]`);
      const expandAll = async () => {
        while ((await h.ledger.expandTasks(10)).length > 0);
        return hand.look();
      };
      /** Through to the end of everything; returns what began. */
      const drain = async (claimed: readonly ClaimedAttempt[], outcomeOf: (attempt: ClaimedAttempt) => Outcome = () => succeeded()) => {
        const began: string[] = [];
        const left = [...claimed];
        for (let attempt = left.shift(); attempt; attempt = left.shift()) {
          began.push(name(attempt));
          left.push(...(await hand.end(attempt, outcomeOf(attempt))).claimed, ...(await expandAll()).claimed);
        }
        return began;
      };

      it('is expanded anew when it is cleared as a whole; an instance that still runs starts when it has ended', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(2) }, 'after'], edges: [['m', 'after']] });
        const { pk } = await hand.start('d');
        const [first, second] = (await expandAll()).claimed;
        await hand.end(first!);
        const cleared = await clear(pk, whole('m'));
        expect(cleared!.tasks.map(({ mapIndex, was }) => [mapIndex, was])).toEqual([[0, 'success'], [1, 'running']]); // prettier-ignore
        const again = await hand.look();
        expect(again.claimed).toEqual([]);
        const expanded = await expandAll();
        expect(expanded.claimed).toMatchObject([{ mapIndex: 0, tryNumber: 2 }]);
        const last = await hand.end(second!);
        const next = [...last.claimed, ...(await hand.look()).claimed];
        expect(next).toMatchObject([{ mapIndex: 1, tryNumber: 2 }]);
        expect(await drain([...expanded.claimed, ...next])).toEqual(['m[0]', 'm[1]', 'after']);
        expect(await stateOf(pk)).toBe('success');
      });

      it('in a mapped group keeps its instances when it is cleared alone, and is expanded anew with what the group maps over', async () => {
        const groups = [{ id: 'g', parent: null, doc: null, ...over('list') }];
        const tasks = ['list', { id: 'g.a', group: 'g' }, { id: 'g.b', group: 'g' }];
        await h.addDag({ dagId: 'd', groups, tasks, edges: [['g.a', 'g.b']] });
        const first = await hand.start('d');
        expect(await drain(first.claimed, ({ taskId }) => (taskId === 'list' ? list(1, 2) : succeeded()))).toEqual([
          ...['list', 'g.a[0]', 'g.a[1]', 'g.b[0]', 'g.b[1]'],
        ]);
        await clear(first.pk, whole('g.b'));
        expect(await drain((await goOn()).claimed)).toEqual(['g.b[0]', 'g.b[1]']);
        await clear(first.pk, [{ taskId: 'g.a', mapIndexes: [1] }]);
        expect(await drain((await goOn()).claimed)).toEqual(['g.a[1]']);
        await clear(first.pk, whole('list', 'g.a', 'g.b'));
        expect(await drain((await goOn()).claimed, ({ taskId }) => (taskId === 'list' ? list(7) : succeeded()))).toEqual([
          'list',
          'g.a[0]',
          'g.b[0]',
        ]);
        expect(await statesOf(first.pk)).toMatchObject({ 'g.a[1]': 'removed', 'g.b[1]': 'removed', 'g.b[0]': 'success' });
        expect(await stateOf(first.pk)).toBe('success');
      });

      it('is marked as a whole or by single instances; what comes after follows', async () => {
        await h.addDag({ dagId: 'd', tasks: [{ id: 'm', ...over(3) }, 'after'], edges: [['m', 'after']] });
        const { pk } = await hand.start('d');
        const { claimed } = await expandAll();
        expect(await drain(claimed, ({ mapIndex }) => (mapIndex === 1 ? failed() : succeeded()))).toEqual(['m[0]', 'm[1]', 'm[2]']);
        expect(await statesOf(pk)).toMatchObject({ 'm[1]': 'failed', after: 'upstream_failed' });
        await h.ledger.markTasks({ run: pk, tasks: [{ taskId: 'm', mapIndexes: [1] }], state: 'skipped' });
        await drain((await goOn()).claimed);
        expect(await statesOf(pk)).toMatchObject({ 'm[1]': 'skipped', after: 'skipped' });
        await mark(pk, 'success', 'm');
        expect(await drain((await goOn()).claimed)).toEqual(['after']);
        expect(await stateOf(pk)).toBe('success');
      });
    });

    it('lets what was skipped because its run was marked failed run when what stands above it is cleared', async () => {
      await h.addDag(chain);
      const first = await hand.start('d');
      await h.ledger.markRun(first.pk, 'failed');
      await hand.end(first.claimed[0]!);
      await clear(first.pk, null, { onlyStates: ['failed'] });
      expect(await hand.finish(await goOn())).toEqual(['a', 'b', 'c']);
    });

    it('lets the teardowns of a run that is marked failed run before it ends as failed; marked once more it ends at once', async () => {
      const tasks = [{ id: 'up', setup: true }, 'work', { id: 'down', triggerRule: 'all_done_setup_success', teardown: { onFailureFailDagrun: false } }] as const; // prettier-ignore
      const edges = [['up', 'work'], ['work', 'down'], ['up', 'down']] as const; // prettier-ignore
      await h.addDag({ dagId: 'd', tasks, edges });
      const runUntilWork = async () => {
        const first = await hand.start('d');
        return { pk: first.pk, work: (await hand.end(first.claimed[0]!)).claimed[0]! };
      };
      const { pk, work } = await runUntilWork();
      await h.ledger.markRun(pk, 'failed');
      expect(await h.run(pk)).toMatchObject({
        state: 'running',
        tasks: { up: { state: 'success' }, work: { state: 'failed' }, down: { state: null } },
      });
      const cleaning = await hand.end(work, succeeded(), { runs: [pk] });
      expect(ids(cleaning)).toEqual(['down']);
      expect((await hand.end(cleaning.claimed[0]!)).ended).toMatchObject([{ run: pk, state: 'failed' }]);

      const second = await runUntilWork();
      await h.ledger.markRun(second.pk, 'failed');
      await h.ledger.markRun(second.pk, 'failed');
      expect(await h.run(second.pk)).toMatchObject({ state: 'failed', tasks: { down: { state: 'skipped' } } });
    });

    describe('deleting', () => {
      it('takes a run away when nothing of it is live', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        expect(await h.ledger.deleteRun(first.pk)).toBe('live');
        await h.ledger.markRun(first.pk, 'failed');
        expect(await h.ledger.deleteRun(first.pk)).toBe('live');
        await hand.end(first.claimed[0]!);
        expect(await h.ledger.deleteRun(first.pk)).toBe('deleted');
        expect(await h.ledger.deleteRun(first.pk)).toBe('missing');
        expect((await hand.look()).claimed).toEqual([]);
      });

      it('takes a task instance from a run that is not running; a clear of the run makes it anew', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        expect(await h.ledger.deleteTask(first.pk, 'c', -1)).toBe('live');
        await hand.finish(first);
        expect(await h.ledger.deleteTask(first.pk, 'c', -1)).toBe('deleted');
        expect(await h.ledger.deleteTask(first.pk, 'c', -1)).toBe('missing');
        expect(await statesOf(first.pk)).toEqual({ a: 'success', b: 'success' });
        await clear(first.pk, whole('b'));
        expect(await hand.finish(await goOn())).toEqual(['b', 'c']);
      });

      it('takes a DAG away with its runs', async () => {
        await h.addDag(chain);
        const first = await hand.start('d');
        expect(await h.ledger.deleteDag('d')).toBe('live');
        await hand.finish(first);
        expect(await h.ledger.deleteDag('d')).toBe('deleted');
        expect(await h.ledger.deleteDag('d')).toBe('missing');
        expect(await h.ledger.deleteRun(first.pk)).toBe('missing');
        await h.addDag(chain);
        expect(ids(await hand.start('d'))).toEqual(['a']);
      });
    });
  });
}
