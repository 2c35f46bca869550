import { admitted, compile, NOW, over, resolve, stateOf, teardown, view } from './view';

describe('failFast', () => {
  const dag = compile({
    failFast: true,
    tasks: ['a', 'b', 'after', teardown('down')],
    edges: [['b', 'after'], ['a', 'down'], ['after', 'down']], // prettier-ignore
  });
  const failed = (states: object) => view(dag, { a: { state: 'failed', reason: 'executed' }, b: 'running', ...states });

  it('stops what is left when a task failed for good, and decides nothing else then', () => {
    expect(resolve(dag, failed({}), ['a'])).toMatchObject({ failFast: true, transitions: [], ends: null });
    expect(resolve(dag, failed({ a: 'up_for_retry' }), ['a']).failFast).toBe(false);
  });

  it('lets teardowns go on, and the run end', () => {
    const stopped = { b: { state: 'failed', reason: 'fail_fast' }, after: { state: 'skipped', reason: 'fail_fast' } } as const;
    const { failFast, transitions, ends } = resolve(dag, failed(stopped), null);
    expect({ failFast, states: stateOf(transitions), ends }).toEqual({ failFast: false, states: { down: 'scheduled' }, ends: null });
    expect(resolve(dag, failed({ ...stopped, down: 'success' }), ['down'])).toMatchObject({ failFast: false, ends: 'failed' });
  });

  it('takes what it stopped itself for no failure: when the cause is cleared, the run goes on', () => {
    const cleared = { a: null, b: { state: 'failed', reason: 'fail_fast' }, after: { state: 'skipped', reason: 'fail_fast' } } as const;
    expect(resolve(dag, failed(cleared), null)).toMatchObject({ failFast: false, transitions: [{ taskId: 'a', state: 'scheduled' }] });
  });

  it('is not set off by a teardown that does not count', () => {
    const failing = (counts: boolean) => compile({ failFast: true, tasks: [teardown('down', counts), 'other'] });
    for (const counts of [true, false]) {
      const one = failing(counts);
      expect(resolve(one, view(one, { down: 'failed', other: 'running' }), ['down']).failFast).toBe(counts);
    }
  });

  it('is set off by one instance of a mapped task, and stops the others', () => {
    const mapped = compile({ failFast: true, tasks: [{ id: 'each', expand: over(3) }] });
    const answer = (each: object, more = {}) => resolve(mapped, view(mapped, {}, { mapped: { each }, ...more }), ['each[0]']);
    expect(answer({ failed: 1, active: 2 }).failFast).toBe(true);
    expect(answer({ failed: 1, success: 2 })).toMatchObject({ failFast: false, ends: 'failed' });
    expect(answer({ length: 9, failed: 1, success: 2 }, { expanding: new Set(['each']) }).failFast).toBe(true);
  });

  it('does nothing in a DAG that does not ask for it', () => {
    const slow = compile({ tasks: ['a', 'b'] });
    expect(resolve(slow, view(slow, { a: 'failed', b: 'running' }), ['a']).failFast).toBe(false);
  });
});

describe('a task that depends on the run before', () => {
  const dag = compile({ tasks: [{ id: 'a', dependsOnPast: true }, 'b'], edges: [['a', 'b']] });
  const waiting = { waitsForPast: new Set(['a']) };

  it('stays undecided while the earlier run is not far enough; that is no deadlock, and nothing else moves', () => {
    expect(resolve(dag, view(dag, {}, waiting), null)).toMatchObject({ transitions: [], ends: null, waitsForPast: true });
  });

  it('goes on when it is, also when nothing of its own run has changed', () => {
    expect(resolve(dag, view(dag), [])).toMatchObject({ transitions: [{ taskId: 'a', state: 'scheduled' }], waitsForPast: false });
  });

  it('is skipped or failed by its rule without waiting', () => {
    const below = compile({ tasks: ['top', { id: 'a', dependsOnPast: true }], edges: [['top', 'a']] });
    expect(stateOf(resolve(below, view(below, { top: 'failed' }, waiting), ['top']).transitions)).toEqual({ a: 'upstream_failed' });
    expect(stateOf(resolve(below, view(below, { top: 'skipped' }, waiting), ['top']).transitions)).toEqual({ a: 'skipped' });
  });

  it('does not make a run wait in which something else goes on', () => {
    const beside = compile({ tasks: [{ id: 'a', dependsOnPast: true }, 'other'] });
    expect(resolve(beside, view(beside, { other: 'running' }, waiting), null).waitsForPast).toBe(false);
    expect(resolve(beside, view(beside, { other: 'success' }, waiting), ['other']).waitsForPast).toBe(true);
  });

  it('that is mapped is not expanded, and its instances stay undecided', () => {
    const mapped = compile({ tasks: [{ id: 'a', expand: over(2), dependsOnPast: true }] });
    expect(resolve(mapped, view(mapped, {}, waiting), null)).toMatchObject({ expand: [], waitsForPast: true, ends: null });
    const cleared = view(mapped, {}, { mapped: { a: { success: 1, none: 1 } }, ...waiting });
    expect(resolve(mapped, cleared, null)).toMatchObject({ sweeps: [], waitsForPast: true, ends: null });
  });

  it('inside a mapped group waits too', () => {
    const group = compile({
      groups: [{ id: 'g', parent: null, doc: null, expand: over(2) }],
      tasks: [{ id: 'a', group: 'g', dependsOnPast: true }],
    });
    const run = view(group, {}, { mapped: { a: [null, 'success'] }, ...waiting });
    expect(resolve(group, run, [])).toMatchObject({ transitions: [], sweeps: [], waitsForPast: true, ends: null });
  });
});

describe('limits over all runs of a DAG', () => {
  const dag = compile({ tasks: ['a', 'b', { id: 'c', priorityWeight: 5 }, { id: 'each', expand: over(5) }] });
  const states = { a: 'scheduled', b: 'scheduled', c: 'scheduled' } as const;
  const mapped = { each: { waiting: 5 } };

  it('let no more through than the DAG has room for', () => {
    const run = view(dag, states, { mapped, dagRoom: { tasks: 2, byTask: new Map() } });
    expect(admitted(resolve(dag, run, []).transitions)).toEqual(['a', 'c']);
    expect(resolve(dag, { ...run, dagRoom: { tasks: -1, byTask: new Map() } }, []).transitions).toEqual([]);
  });

  it('hold for a single task, and hold up no other', () => {
    const run = view(dag, states, { mapped, dagRoom: { tasks: Infinity, byTask: new Map([['a', 0], ['each', 3]]) } }); // prettier-ignore
    const { transitions, gates, ends } = resolve(dag, run, []);
    expect({ admitted: admitted(transitions), gates, ends }).toEqual({
      admitted: ['b', 'c'],
      gates: [{ taskId: 'each', count: 3 }],
      ends: null,
    });
  });
});

describe('a run whose tasks can never run', () => {
  const dag = compile({ tasks: ['a', { id: 'b', triggerRule: 'from_the_future' as 'always' }], edges: [['a', 'b']] });

  it('has failed, with its tasks undecided', () => {
    expect(resolve(dag, view(dag, { a: 'success' }), ['a'])).toMatchObject({ transitions: [], ends: 'failed' });
  });

  it.each([
    ['is deferred', 'deferred'],
    ['waits for its next try', 'up_for_retry'],
    ['is scheduled', 'scheduled'],
    ['runs', 'running'],
    ['starts again', 'restarting'],
  ] as const)('has not while a task %s', (_, state) => {
    expect(resolve(dag, view(dag, { a: { state, dueAt: NOW + 1 } }), ['a']).ends).toBeNull();
  });

  it.each([
    ['wait', { waiting: 1, success: 1 }],
    ['run', { active: 1, success: 1 }],
    ['sleep', { sleeping: 1, success: 1 }],
  ])('has not while instances %s', (_, each) => {
    const mapped = compile({ tasks: [{ id: 'each', expand: over(2) }] });
    expect(resolve(mapped, view(mapped, {}, { mapped: { each } }), []).ends).toBeNull();
  });
});
