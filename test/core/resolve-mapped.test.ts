import type { TaskSpec } from '../../src/dag-spec/spec';
import { compile, NOW, over, resolve, stateOf, view } from './view';

const mapped = (id: string, options: Partial<TaskSpec> = {}) => ({ id, expand: over(3), ...options });

describe('a mapped task', () => {
  const dag = compile({ tasks: ['list', mapped('each', { expand: over('list') }), 'join'], edges: [['each', 'join']] });

  it('is expanded when its rule is met and what it maps over is complete, and not before', () => {
    expect(resolve(dag, view(dag, { list: 'running' }), null)).toMatchObject({ expand: [], transitions: [], ends: null });
    expect(resolve(dag, view(dag, { list: 'success' }), ['list'])).toMatchObject({ expand: ['each'], transitions: [], ends: null });
  });

  it('waits while it is being expanded, and so does the run', () => {
    const placeholder = view(dag, { list: 'success' }, { expanding: new Set(['each']) });
    expect(resolve(dag, placeholder, null)).toMatchObject({ expand: [], transitions: [], ends: null });
    const partly = view(dag, { list: 'success' }, { mapped: { each: { length: 5, success: 2 } }, expanding: new Set(['each']) });
    expect(resolve(dag, partly, null)).toMatchObject({ transitions: [], ends: null });
  });

  it.each([
    ['failed', 'upstream_failed'],
    ['upstream_failed', 'upstream_failed'],
    ['skipped', 'skipped'],
  ] as const)('is not expanded over a source that is %s, and counts as one upstream', (source, state) => {
    const { transitions, expand, ends } = resolve(dag, view(dag, { list: source }), ['list']);
    expect(stateOf(transitions)).toEqual({ each: state, join: state });
    expect(expand).toEqual([]);
    expect(ends).toBe(state === 'skipped' ? 'success' : 'failed');
  });

  it('has nothing to map over when its source failed, even if its rule would let it run', () => {
    const lenient = compile({ tasks: ['list', mapped('each', { expand: over('list'), triggerRule: 'all_done' })] });
    expect(stateOf(resolve(lenient, view(lenient, { list: 'failed' }), ['list']).transitions)).toEqual({ each: 'upstream_failed' });
    expect(stateOf(resolve(lenient, view(lenient, { list: 'skipped' }), ['list']).transitions)).toEqual({ each: 'skipped' });
  });

  it('over a mapped task waits for all of its instances', () => {
    const chained = compile({ tasks: [mapped('first'), mapped('second', { expand: over('first'), triggerRule: 'all_done' })] });
    const second = (first: object) => {
      const { expand, transitions } = resolve(chained, view(chained, {}, { mapped: { first } }), ['first[0]']);
      return expand.length > 0 ? 'expand' : transitions[0]?.state;
    };
    expect(second({ success: 2, active: 1 })).toBeUndefined();
    expect(second({ success: 2, failed: 1 })).toBe('expand');
    expect(second({ failed: 3 })).toBe('upstream_failed');
    expect(second({ skipped: 3 })).toBe('skipped');
  });

  it('over literals is expanded when its rule is met', () => {
    const literal = compile({ tasks: ['a', mapped('each')], edges: [['a', 'each']] });
    expect(resolve(literal, view(literal), null).expand).toEqual([]);
    expect(resolve(literal, view(literal, { a: 'success' }), ['a']).expand).toEqual(['each']);
  });

  it('is one upstream per instance for what comes after it', () => {
    const join = (each: object) =>
      stateOf(resolve(dag, view(dag, { list: 'success' }, { mapped: { each } }), ['each[1]']).transitions)['join'];
    expect(join({ success: 2, active: 1 })).toBeUndefined();
    expect(join({ success: 3 })).toBe('scheduled');
    expect(join({ success: 1, failed: 1, active: 1 })).toBe('upstream_failed');
    expect(join({ success: 2, skipped: 1 })).toBe('skipped');
    expect(join({ length: 5, success: 3 })).toBeUndefined();
  });

  it('fails the run as a leaf when one of its instances failed', () => {
    const leaf = compile({ tasks: [mapped('each')] });
    expect(resolve(leaf, view(leaf, {}, { mapped: { each: { success: 2, failed: 1 } } }), ['each[0]']).ends).toBe('failed');
    expect(resolve(leaf, view(leaf, {}, { mapped: { each: { success: 2, skipped: 1 } } }), ['each[0]']).ends).toBe('success');
  });

  it('decides instances that were cleared all at once, by its rule', () => {
    const states = (list: 'success' | 'failed' | 'running') =>
      resolve(dag, view(dag, { list }, { mapped: { each: { success: 2, none: 1 } } }), null).sweeps;
    expect(states('success')).toEqual([{ taskId: 'each', state: 'scheduled', reason: null }]);
    expect(states('failed')).toEqual([{ taskId: 'each', state: 'upstream_failed', reason: 'rule' }]);
    expect(states('running')).toEqual([]);
  });

  it('ends the run at once when a swept failure is the last thing in it', () => {
    const run = view(dag, { list: 'failed' }, { mapped: { each: { success: 2, none: 1 } } });
    expect(resolve(dag, run, null)).toMatchObject({ transitions: [{ taskId: 'join', state: 'upstream_failed' }], ends: 'failed' });
  });

  it('that failed to expand fails what comes after it', () => {
    const { transitions, ends } = resolve(dag, view(dag, { list: 'success', each: 'failed' }), null);
    expect(stateOf(transitions)).toEqual({ join: 'upstream_failed' });
    expect(ends).toBe('failed');
  });
});

describe('the gate for instances', () => {
  const dag = compile({
    maxActiveTasks: 4,
    tasks: [mapped('low'), mapped('high', { priorityWeight: 5, maxActiveTisPerDagRun: 2 }), { id: 'single', priorityWeight: 3 }],
  });

  it('lets as many through as there is room for, by priority, and never more than the task may have', () => {
    const run = view(dag, { single: 'scheduled' }, { mapped: { low: { waiting: 9 }, high: { waiting: 9 } } });
    expect(resolve(dag, run, [])).toMatchObject({
      gates: [
        { taskId: 'high', count: 2 },
        { taskId: 'low', count: 1 },
      ],
      transitions: [{ taskId: 'single', admissible: true }],
    });
  });

  it('counts what is at work', () => {
    const run = view(dag, { single: 'running' }, { mapped: { low: { waiting: 9, active: 1 }, high: { waiting: 9, active: 1 } } });
    expect(resolve(dag, run, []).gates).toEqual([{ taskId: 'high', count: 1 }]);
  });

  it('takes back what has passed while the run is held', () => {
    const run = view(dag, { single: 'success' }, { mapped: { low: { waiting: 2, active: 1 }, high: { success: 2 } }, held: true });
    expect(resolve(dag, run, null)).toMatchObject({ withdraw: ['low'], gates: [], ends: null });
  });

  it('admits what a sweep has just scheduled', () => {
    const run = view(dag, { single: 'success' }, { mapped: { low: { success: 2, none: 1 }, high: { success: 3 } } });
    expect(resolve(dag, run, null)).toMatchObject({ sweeps: [{ taskId: 'low' }], gates: [{ taskId: 'low', count: 1 }] });
  });
});

describe('a mapped group', () => {
  // list → g(a → b), outside → g.b, g → join
  const dag = compile({
    groups: [{ id: 'g', parent: null, doc: null, expand: over('list') }],
    tasks: ['list', 'outside', { id: 'g.a', group: 'g' }, { id: 'g.b', group: 'g' }, 'join'],
    edges: [['g.a', 'g.b'], ['outside', 'g.b'], ['g.b', 'join']], // prettier-ignore
  });
  const done = { list: 'success', outside: 'success' } as const;

  it('is expanded when what it maps over is complete, whatever else stands above its tasks', () => {
    expect(resolve(dag, view(dag, { list: 'success', outside: 'running' }), ['list']).expand).toEqual(['g']);
    expect(resolve(dag, view(dag, { list: 'running', outside: 'success' }), null).expand).toEqual([]);
  });

  it('over literals is expanded at once', () => {
    const literal = compile({
      groups: [{ id: 'g', parent: null, doc: null, expand: over(2) }],
      tasks: ['before', { id: 'g.a', group: 'g' }],
      edges: [['before', 'g.a']],
    });
    expect(resolve(literal, view(literal), null).expand).toEqual(['g']);
  });

  it.each([
    ['failed', 'upstream_failed'],
    ['skipped', 'skipped'],
  ] as const)('over a source that is %s has all of its tasks %s', (source, state) => {
    const { transitions, ends } = resolve(dag, view(dag, { list: source, outside: 'success' }), ['list']);
    expect(stateOf(transitions)).toEqual({ 'g.a': state, 'g.b': state, join: state });
    expect(ends).toBe(state === 'skipped' ? 'success' : 'failed');
  });

  it('over a mapped source is not expanded when one of its instances failed', () => {
    const chained = compile({
      groups: [{ id: 'g', parent: null, doc: null, expand: over('each') }],
      tasks: [mapped('each'), { id: 'g.a', group: 'g' }],
    });
    const answer = (each: object) => resolve(chained, view(chained, {}, { mapped: { each } }), ['each[0]']);
    expect(answer({ success: 2, skipped: 1 }).expand).toEqual(['g']);
    expect(stateOf(answer({ success: 2, failed: 1 }).transitions)).toEqual({ 'g.a': 'upstream_failed' });
  });

  it('schedules its first tasks for all indexes at once', () => {
    const run = view(dag, done, { mapped: { 'g.a': [null, null], 'g.b': [null, null] } });
    expect(resolve(dag, run, null)).toMatchObject({
      sweeps: [{ taskId: 'g.a', state: 'scheduled', reason: null }],
      gates: [{ taskId: 'g.a', count: 2 }],
      transitions: [],
    });
  });

  it('goes on by index: an instance depends on its own', () => {
    const run = view(dag, done, { mapped: { 'g.a': ['success', 'running', 'failed'], 'g.b': [null, null, null] } });
    const { transitions, gates } = resolve(dag, run, ['g.a[0]', 'g.a[2]']);
    expect(stateOf(transitions)).toEqual({ 'g.b[0]': 'scheduled', 'g.b[2]': 'upstream_failed', join: 'upstream_failed' });
    expect(transitions.some(({ admissible }) => admissible)).toBe(false);
    expect(gates).toEqual([{ taskId: 'g.b', count: 1 }]);
  });

  it('looks at the indexes that changed and at no other', () => {
    // The view of a ledger that reads no more than it must.
    const whole = view(dag, done, { mapped: { 'g.a': ['success', 'success'], 'g.b': [null, null] } });
    const only = new Map([...whole.instances].map(([id, all]) => [id, new Map([[1, all.get(1)!]])]));
    expect(stateOf(resolve(dag, { ...whole, instances: only }, ['g.a[1]']).transitions)).toEqual({ 'g.b[1]': 'scheduled' });
  });

  it('asks for all instances when something outside lets all of them go on', () => {
    const whole = view(dag, done, { mapped: { 'g.a': ['success', 'success'], 'g.b': [null, null] } });
    const answer = resolve(dag, { ...whole, instances: new Map() }, ['outside']);
    expect(answer).toMatchObject({ wants: ['g'], transitions: [], gates: [], ends: null });
    expect(resolve(dag, whole, ['outside'])).toMatchObject({ wants: [], transitions: [{ taskId: 'g.b', mapIndex: 0 }, { mapIndex: 1 }] });
  });

  it('waits for instances that are still to be made, and not for those that never will be', () => {
    const part = view(dag, done, { mapped: { 'g.a': ['success'], 'g.b': [null, null] }, expanding: new Set(['g']) });
    const missing = { ...part, mapped: new Map(part.mapped).set('g.a', { ...part.mapped.get('g.a')!, length: 2 }) };
    expect(stateOf(resolve(dag, missing, null).transitions)).toEqual({ 'g.b[0]': 'scheduled' });
    const gone = view(dag, done, { mapped: { 'g.a': ['success', 'removed'], 'g.b': [null, null] } });
    expect(stateOf(resolve(dag, gone, null).transitions)).toEqual({ 'g.b[0]': 'scheduled', 'g.b[1]': 'scheduled' });
  });

  it('is complete for what comes after it when all indexes are', () => {
    const join = (b: ('success' | 'running')[]) =>
      stateOf(resolve(dag, view(dag, done, { mapped: { 'g.a': ['success', 'success'], 'g.b': b } }), ['g.b[0]']).transitions)['join'];
    expect(join(['success', 'running'])).toBeUndefined();
    expect(join(['success', 'success'])).toBe('scheduled');
  });

  it('runs through empty operators index by index', () => {
    const empty = compile({
      groups: [{ id: 'g', parent: null, doc: null, expand: over(2) }],
      tasks: [{ id: 'g.a', group: 'g', kind: 'empty' }, { id: 'g.b', group: 'g' }], // prettier-ignore
      edges: [['g.a', 'g.b']],
    });
    const run = view(empty, {}, { mapped: { 'g.a': [null, null], 'g.b': [null, null] } });
    expect(stateOf(resolve(empty, run, null).transitions)).toEqual({
      'g.a[0]': 'success',
      'g.a[1]': 'success',
      'g.b[0]': 'scheduled',
      'g.b[1]': 'scheduled',
    });
  });

  it('has branches and short circuits that choose for their own index, and for nothing outside', () => {
    const choosing = compile({
      groups: [{ id: 'g', parent: null, doc: null, expand: over(2) }],
      tasks: [
        { id: 'g.pick', group: 'g', kind: 'branch' },
        { id: 'g.left', group: 'g' },
        { id: 'g.right', group: 'g' },
        { id: 'g.stop', group: 'g', kind: 'short_circuit', ignoreDownstreamTriggerRules: true },
        { id: 'g.after', group: 'g', triggerRule: 'always' },
        { id: 'outside', triggerRule: 'all_done' },
      ],
      edges: [['g.pick', 'g.left'], ['g.pick', 'g.right'], ['g.stop', 'g.after'], ['g.after', 'outside'], ['g.pick', 'outside']], // prettier-ignore
    });
    const run = view(choosing, {}, {
      mapped: {
        'g.pick': [{ state: 'success', branch: ['g.left'] }, { state: 'success', branch: ['g.right'] }], // prettier-ignore
        'g.left': [null, null],
        'g.right': [null, null],
        'g.stop': [{ state: 'success', branch: [] }, { state: 'success', branch: null }], // prettier-ignore
        'g.after': [null, null],
      },
    }); // prettier-ignore
    expect(stateOf(resolve(choosing, run, ['g.pick[0]', 'g.pick[1]', 'g.stop[0]', 'g.stop[1]'], NOW).transitions)).toEqual({
      'g.left[0]': 'scheduled',
      'g.right[0]': 'skipped',
      'g.left[1]': 'skipped',
      'g.right[1]': 'scheduled',
      'g.after[0]': 'skipped',
      'g.after[1]': 'scheduled',
    });
  });

  it('has setups and short circuits that speak for their own index also by a way that leaves the group and comes back', () => {
    const around = compile({
      groups: [{ id: 'g', parent: null, doc: null, expand: over(3) }],
      tasks: [
        { id: 'g.up', group: 'g', setup: true, kind: 'short_circuit', ignoreDownstreamTriggerRules: true },
        { id: 'outside', triggerRule: 'always' },
        { id: 'g.after', group: 'g', triggerRule: 'always' },
      ],
      edges: [['g.up', 'outside'], ['outside', 'g.after']], // prettier-ignore
    });
    const ups = ['up_for_retry', { state: 'success', branch: null }, { state: 'success', branch: [] }] as const;
    const run = view(around, { outside: 'success' }, { mapped: { 'g.up': [...ups], 'g.after': [null, null, null] } });
    expect(stateOf(resolve(around, run, ['outside']).transitions)).toEqual({ 'g.after[1]': 'scheduled', 'g.after[2]': 'skipped' });
  });

  it('that a branch outside leaves out is not expanded', () => {
    const branched = compile({
      groups: [{ id: 'g', parent: null, doc: null, expand: over('list') }],
      tasks: ['list', { id: 'pick', kind: 'branch' }, 'other', { id: 'g.a', group: 'g' }],
      edges: [['pick', 'g.a'], ['pick', 'other']], // prettier-ignore
    });
    const { transitions, expand } = resolve(
      branched,
      view(branched, { list: 'success', pick: { state: 'success', branch: ['other'] } }),
      null,
    );
    expect(stateOf(transitions)).toEqual({ 'g.a': 'skipped', other: 'scheduled' });
    expect(expand).toEqual([]);
  });
});
