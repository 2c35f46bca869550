import fc from 'fast-check';
import { resolve as resolveChanges } from '../../src/core/resolve';
import type { RunView, TaskSnapshot, Transition } from '../../src/core/resolve';
import { evaluateRule, countUpstreams } from '../../src/core/trigger-rules';
import { leftOutByBranch } from '../../src/core/branches';
import { isFinished } from '../../src/core/states';
import type { TaskState } from '../../src/core/states';
import { compileDag } from '../../src/dag-spec/compiled-dag';
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';
import { TRIGGER_RULES } from '../../src/dag-spec/spec';
import { unmappedView } from '../../src/ledger/unmapped-view';
import { dagSpec, taskSpec } from '../support/factories';
import type { DagSpecInput } from '../support/factories';

const NOW = 1000;
const compile = (input: Omit<DagSpecInput, 'dagId'>) => compileDag('v', dagSpec({ dagId: 'd', ...input }));
const nothing: TaskSnapshot = { state: null, reason: null, admissible: false, dueAt: null, branch: null };

function view(dag: CompiledDag, states: Record<string, TaskState | Partial<TaskSnapshot>> = {}, held = false): RunView {
  const snapshot = (id: string) => {
    const given = states[id] ?? {};
    return { ...nothing, ...(typeof given === 'string' ? { state: given } : given) };
  };
  return { ...unmappedView(new Map(dag.order.map(({ spec }) => [spec.id, snapshot(spec.id)]))), held };
}

/** With changed tasks by id. */
const resolve = (dag: CompiledDag, run: RunView, changed: readonly string[] | null, now: number) =>
  resolveChanges(dag, run, changed && changed.map((taskId) => ({ taskId, mapIndex: -1 })), now);

const stateOf = (transitions: readonly Transition[]) => Object.fromEntries(transitions.map(({ taskId, state }) => [taskId, state]));
const admitted = (transitions: readonly Transition[]) => transitions.filter(({ admissible }) => admissible).map(({ taskId }) => taskId);

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
      expect(resolve(wide, view(wide, states, true), null, NOW)).toMatchObject({
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

describe('incremental resolution', () => {
  it('decides the same as evaluating every task after every change', () => {
    fc.assert(
      fc.property(scenarios, ({ dag, choices }) => {
        let incremental = view(dag);
        let naive = view(dag);
        let changed: string[] | null = null;
        let choice = 0;
        const next = (below: number) => choices[choice++ % choices.length]! % below;

        for (let step = 0; step < dag.order.length * 3; step++) {
          const mine = resolve(dag, incremental, changed, NOW);
          const theirs = resolveNaively(dag, naive);
          incremental = apply(incremental, mine.transitions);
          naive = apply(naive, theirs.transitions);
          expect(statesOf(incremental)).toEqual(statesOf(naive));
          expect(mine.ends).toBe(theirs.ends);

          const startable = dag.order.filter(({ spec }) => incremental.tasks.get(spec.id)!.admissible);
          if (startable.length === 0) break;
          // One or several of them end before the next resolution.
          changed = [];
          for (const { spec } of startable.slice(next(startable.length), undefined).slice(0, 1 + next(3))) {
            const state = (['success', 'failed', 'skipped'] as const)[next(3)]!;
            const below = dag.tasks.get(spec.id)!.downstream;
            const branch = spec.kind === 'branch' && state === 'success' ? below.filter(() => next(2) === 0) : null;
            const end = { ...nothing, state, branch };
            incremental = { ...incremental, tasks: new Map(incremental.tasks).set(spec.id, end) };
            naive = { ...naive, tasks: new Map(naive.tasks).set(spec.id, end) };
            changed.push(spec.id);
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});

/** Random graphs: an edge only goes from an earlier to a later task. */
const scenarios = fc
  .record({
    size: fc.integer({ min: 1, max: 12 }),
    edges: fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 30 }),
    rules: fc.array(fc.constantFrom(...TRIGGER_RULES), { minLength: 12, maxLength: 12 }),
    kinds: fc.array(fc.constantFrom('task', 'task', 'empty', 'branch'), { minLength: 12, maxLength: 12 }),
    maxActiveTasks: fc.integer({ min: 1, max: 6 }),
    choices: fc.array(fc.nat(100), { minLength: 20, maxLength: 60 }),
  })
  .map(({ size, edges, rules, kinds, maxActiveTasks, choices }) => {
    const forward = edges.filter(([from, to]) => from < to && to < size).map(([from, to]) => `t${from} t${to}`);
    const dag = compile({
      maxActiveTasks,
      tasks: Array.from({ length: size }, (_, i) => taskSpec({ id: `t${i}`, triggerRule: rules[i]!, kind: kinds[i] as 'task' })),
      edges: [...new Set(forward)].map((edge) => edge.split(' ') as unknown as [string, string]),
    });
    return { dag, choices };
  });

/** The obvious way: evaluate everything until nothing changes any more. */
function resolveNaively(dag: CompiledDag, run: RunView): { transitions: Transition[]; ends: 'success' | 'failed' | null } {
  const states = new Map([...run.tasks].map(([id, { state }]) => [id, state]));
  for (const { spec, upstream } of dag.order) {
    if (states.get(spec.id) !== null) continue;
    const leftOut = upstream.some((id) => {
      const branch = run.tasks.get(id)!.branch;
      return branch !== null && states.get(id) === 'success' && leftOutByBranch(dag, id, branch).has(spec.id);
    });
    const verdict = leftOut ? 'skipped' : evaluateRule(spec.triggerRule, countUpstreams(upstream.map((id) => states.get(id)!)));
    if (verdict === 'ready') states.set(spec.id, spec.kind === 'empty' ? 'success' : 'scheduled');
    else if (verdict !== 'wait') states.set(spec.id, verdict);
  }
  const waiting = dag.order.filter(({ spec }) => states.get(spec.id) === 'scheduled' && !run.tasks.get(spec.id)!.admissible);
  const active = [...run.tasks.values()].filter(({ admissible }) => admissible).length;
  const through = [...waiting]
    .sort((a, b) => b.priority - a.priority || a.index - b.index)
    .slice(0, Math.max(0, dag.spec.maxActiveTasks - active));
  const admissible = (id: string) => run.tasks.get(id)!.admissible || through.some(({ spec }) => spec.id === id);

  const open = [...states.values()].filter((state) => !isFinished(state));
  const failed = dag.leaves.some((id) => states.get(id) === 'failed' || states.get(id) === 'upstream_failed');
  return {
    transitions: [...states].map(([taskId, state]) => ({
      taskId,
      mapIndex: -1,
      expected: null,
      state,
      reason: null,
      admissible: admissible(taskId),
    })),
    ends: open.some((state) => state !== null) ? null : open.length > 0 || failed ? 'failed' : 'success',
  };
}

function apply(run: RunView, transitions: readonly Transition[]): RunView {
  const tasks = new Map(run.tasks);
  for (const { taskId, state, admissible } of transitions) tasks.set(taskId, { ...tasks.get(taskId)!, state, admissible });
  return { ...run, tasks };
}

const statesOf = (run: RunView) => [...run.tasks].map(([id, { state, admissible }]) => `${id} ${state} ${admissible}`);
