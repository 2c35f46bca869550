import { leftOutByBranch } from '../../src/core/branches';
import { admitted, compile, nothing, NOW, resolve, stateOf, view } from './view';

describe('resolving a run', () => {
  const chain = compile({ tasks: ['a', 'b', 'c'], edges: [['a', 'b'], ['b', 'c']] }); // prettier-ignore

  it('schedules the roots of a new run', () => {
    expect(resolve(chain, view(chain), null, NOW)).toMatchObject({
      transitions: [{ taskId: 'a', mapIndex: -1, expected: null, state: 'scheduled', reason: null, admissible: true }],
      ends: null,
    });
  });

  it('sends a failure to the end of the graph in one call, and ends the run', () => {
    const { transitions, ends } = resolve(chain, view(chain, { a: 'failed' }), ['a'], NOW);
    expect(stateOf(transitions)).toEqual({ b: 'upstream_failed', c: 'upstream_failed' });
    expect(transitions.every(({ reason }) => reason === 'rule')).toBe(true);
    expect(ends).toBe('failed');
  });

  it('runs on through empty operators, and ends a run that has nothing else', () => {
    const empty = compile({ tasks: ['a', 'b'].map((id) => ({ id, kind: 'empty' as const })), edges: [['a', 'b']] });
    expect(resolve(empty, view(empty), null, NOW)).toMatchObject({
      transitions: [{ state: 'success' }, { state: 'success' }],
      ends: 'success',
    });
  });

  it('a run without tasks succeeds', () => {
    const none = compile({ tasks: [] });
    expect(resolve(none, view(none), null, NOW)).toMatchObject({ transitions: [], ends: 'success' });
  });

  it('takes the state of the run from the leaves only', () => {
    const cleanup = compile({ tasks: ['a', { id: 'z', triggerRule: 'all_done' }], edges: [['a', 'z']] });
    expect(resolve(cleanup, view(cleanup, { a: 'failed', z: 'success' }), ['z'], NOW).ends).toBe('success');
    expect(resolve(cleanup, view(cleanup, { a: 'success', z: 'failed' }), ['z'], NOW).ends).toBe('failed');
    expect(resolve(cleanup, view(cleanup, { a: 'failed', z: 'running' }), ['a'], NOW).ends).toBeNull();
  });

  it('ignores what was removed, in rules and in leaves', () => {
    const join = compile({ tasks: ['a', 'b', 'c'], edges: [['a', 'c'], ['b', 'c']] }); // prettier-ignore
    expect(stateOf(resolve(join, view(join, { a: 'removed', b: 'success' }), ['b'], NOW).transitions)).toEqual({ c: 'scheduled' });
    expect(resolve(join, view(join, { a: 'success', b: 'success', c: 'removed' }), ['b'], NOW).ends).toBe('success');
    expect(resolve(join, view(join, { a: 'success', b: 'failed', c: 'removed' }), ['b'], NOW).ends).toBe('failed');
  });

  it('fails a run in which nothing can ever run', () => {
    const future = compile({ tasks: ['a', { id: 'b', triggerRule: 'from_the_future' as 'always' }], edges: [['a', 'b']] });
    expect(resolve(future, view(future, { a: 'success' }), ['a'], NOW)).toMatchObject({ transitions: [], ends: 'failed' });
  });

  it('schedules what waited for a time when it is due, and not before', () => {
    const due = (dueAt: number) => resolve(chain, view(chain, { a: { state: 'up_for_retry', dueAt } }), [], NOW).transitions;
    expect(due(NOW + 1)).toEqual([]);
    expect(due(NOW)).toMatchObject([{ taskId: 'a', expected: 'up_for_retry', state: 'scheduled', admissible: true }]);
  });

  it('decides a task anew that a clear has undecided', () => {
    expect(resolve(chain, view(chain, { b: nothing, a: 'success' }), ['b'], NOW).transitions).toMatchObject([
      { taskId: 'b', state: 'scheduled' },
    ]);
  });

  describe('the gate', () => {
    const wide = compile({ maxActiveTasks: 3, tasks: ['a', 'b', { id: 'c', priorityWeight: 5 }, 'd', { id: 'e', priorityWeight: 3 }] });

    it('lets the most important through, and schedules the rest behind it', () => {
      const { transitions } = resolve(wide, view(wide), null, NOW);
      expect(transitions.map(({ state }) => state)).toEqual(Array(5).fill('scheduled'));
      expect(admitted(transitions).sort()).toEqual(['a', 'c', 'e']);
    });

    it('counts what is admissible, runs, or is restarting', () => {
      const busy = { a: 'running', b: 'restarting', c: { state: 'scheduled', admissible: true }, d: 'scheduled', e: 'scheduled' } as const;
      expect(resolve(wide, view(wide, busy), [], NOW).transitions).toEqual([]);
      expect(admitted(resolve(wide, view(wide, { ...busy, a: 'success' }), ['a'], NOW).transitions)).toEqual(['e']);
    });

    it('is shut while the run is held, and takes back what had passed but not begun', () => {
      const states = { a: 'running', b: { state: 'scheduled', admissible: true }, c: 'scheduled' } as const;
      expect(resolve(wide, view(wide, states, { held: true }), null, NOW)).toMatchObject({
        transitions: [
          { taskId: 'b', expected: 'scheduled', state: 'scheduled', admissible: false },
          { taskId: 'd', admissible: false },
          { taskId: 'e', admissible: false },
        ],
        ends: null,
      });
    });
  });

  describe('a branch', () => {
    // pick → (left → after_left) | right | (g.x → g.y), all → join
    const dag = compile({
      groups: [{ id: 'g', parent: null, doc: null }],
      tasks: [
        { id: 'pick', kind: 'branch' },
        'left',
        'after_left',
        'right',
        { id: 'g.x', group: 'g' },
        { id: 'g.y', group: 'g' },
        { id: 'join', triggerRule: 'none_failed_min_one_success' },
      ],
      edges: [['pick', 'left'], ['left', 'after_left'], ['pick', 'right'], ['pick', 'g.x'], ['g.x', 'g.y'], ['after_left', 'join'], ['right', 'join'], ['g.y', 'join'], ['pick', 'join']], // prettier-ignore
    });
    const chose = (...branch: string[]) => resolve(dag, view(dag, { pick: { state: 'success', branch } }), ['pick'], NOW).transitions;

    it('skips the direct downstreams that it does not follow; below them their own rules decide', () => {
      expect(chose('left')).toMatchObject([
        { taskId: 'left', state: 'scheduled' },
        { taskId: 'right', state: 'skipped', reason: 'branch' },
        { taskId: 'g.x', state: 'skipped', reason: 'branch' },
        { taskId: 'g.y', state: 'skipped', reason: 'rule' },
      ]);
    });

    it('does not skip a direct downstream that a followed task leads to', () => {
      expect(leftOutByBranch(dag, 'pick', ['right'])).toEqual(new Set(['left', 'g.x']));
    });

    it('follows a group by its id', () => {
      expect(stateOf(chose('g'))).toEqual({ left: 'skipped', after_left: 'skipped', right: 'skipped', 'g.x': 'scheduled' });
    });

    it('that follows nothing skips everything behind it', () => {
      const { transitions, ends } = resolve(dag, view(dag, { pick: { state: 'success', branch: [] } }), ['pick'], NOW);
      expect(new Set(transitions.map(({ state }) => state))).toEqual(new Set(['skipped']));
      expect(ends).toBe('success');
    });

    it('keeps its decision when a skipped task is cleared', () => {
      const states = { pick: { state: 'success', branch: ['left'] }, left: 'success', right: nothing } as const;
      expect(resolve(dag, view(dag, states), ['right'], NOW).transitions).toContainEqual(
        expect.objectContaining({ taskId: 'right', state: 'skipped', reason: 'branch' }),
      );
    });

    it('that a person marked has left nothing out', () => {
      expect(stateOf(resolve(dag, view(dag, { pick: 'success' }), ['pick'], NOW).transitions)).toMatchObject({
        left: 'scheduled',
        right: 'scheduled',
      });
    });
  });
});
