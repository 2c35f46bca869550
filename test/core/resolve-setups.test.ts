import { compile, resolve, setup, stateOf, teardown, view } from './view';

describe('setup and teardown', () => {
  // up → work → more → down, up → down
  const dag = compile({
    tasks: [setup('up'), 'work', { id: 'more', triggerRule: 'all_done' }, teardown('down')],
    edges: [['up', 'work'], ['work', 'more'], ['more', 'down'], ['up', 'down']], // prettier-ignore
  });

  it('a setup that failed fails at once what needs it, at whatever distance, and then the teardown', () => {
    const { transitions, ends } = resolve(dag, view(dag, { up: 'failed' }), ['up']);
    expect(stateOf(transitions)).toEqual({ work: 'upstream_failed', more: 'upstream_failed', down: 'upstream_failed' });
    expect(ends).toBe('failed');
  });

  it('a setup that was skipped skips what needs it, at once', () => {
    expect(stateOf(resolve(dag, view(dag, { up: 'skipped', work: 'running' }), ['up']).transitions)).toMatchObject({
      more: 'skipped',
    });
    expect(resolve(dag, view(dag, { up: 'skipped' }), ['up'])).toMatchObject({ ends: 'success' });
  });

  it('nothing starts before its setups have succeeded, even if its own rule would let it', () => {
    const early = compile({
      tasks: [setup('up'), 'work', { id: 'more', triggerRule: 'one_success' }, 'other', teardown('down')],
      edges: [['up', 'work'], ['work', 'more'], ['other', 'more'], ['more', 'down'], ['up', 'down']], // prettier-ignore
    });
    expect(stateOf(resolve(early, view(early, { up: 'running', other: 'success' }), ['other']).transitions)).toEqual({});
    expect(stateOf(resolve(early, view(early, { up: 'success', other: 'success', work: 'running' }), ['up']).transitions)).toEqual({
      more: 'scheduled',
    });
  });

  it('a failure between them runs the teardown and fails the run, which the teardown does not decide', () => {
    const states = { up: 'success', work: 'failed' } as const;
    const strict = compile({
      tasks: [setup('up'), 'work', teardown('down')],
      edges: [['up', 'work'], ['work', 'down'], ['up', 'down']], // prettier-ignore
    });
    expect(stateOf(resolve(strict, view(strict, states), ['work']).transitions)).toEqual({ down: 'scheduled' });
    expect(resolve(strict, view(strict, { ...states, down: 'success' }), ['down']).ends).toBe('failed');
    expect(resolve(strict, view(strict, { up: 'success', work: 'success', down: 'failed' }), ['down']).ends).toBe('success');
  });

  it('a teardown that counts decides the run', () => {
    const counting = compile({
      tasks: [setup('up'), 'work', teardown('down', true)],
      edges: [['up', 'work'], ['work', 'down'], ['up', 'down']], // prettier-ignore
    });
    expect(resolve(counting, view(counting, { up: 'success', work: 'success', down: 'failed' }), ['down']).ends).toBe('failed');
    expect(resolve(counting, view(counting, { up: 'success', work: 'failed', down: 'success' }), ['down']).ends).toBe('success');
  });

  it('a run of teardowns only is decided by the last of them', () => {
    const only = compile({ tasks: [teardown('first'), teardown('last')], edges: [['first', 'last']] });
    expect(resolve(only, view(only, { first: 'success', last: 'failed' }), ['last']).ends).toBe('failed');
  });

  it('a task that a teardown leads to runs whatever became of the setup', () => {
    const after = compile({
      tasks: [setup('up'), teardown('down'), { id: 'report', triggerRule: 'all_done' }],
      edges: [['up', 'down'], ['down', 'report']], // prettier-ignore
    });
    expect(stateOf(resolve(after, view(after, { up: 'failed' }), ['up']).transitions)).toEqual({
      down: 'upstream_failed',
      report: 'scheduled',
    });
  });

  it('a setup without a teardown is for everything below it', () => {
    const open = compile({
      tasks: [setup('up'), 'a', { id: 'b', triggerRule: 'always' }],
      edges: [['up', 'a'], ['a', 'b']], // prettier-ignore
    });
    expect(stateOf(resolve(open, view(open, { up: 'failed' }), ['up']).transitions)).toMatchObject({ b: 'upstream_failed' });
  });

  it('a mapped setup counts by its instances', () => {
    const mapped = compile({
      tasks: [
        { ...setup('up'), expand: { kind: 'product', keys: [{ name: 'k', target: 'input', source: { kind: 'literal', length: 2 } }] } },
        'work',
        { id: 'more', triggerRule: 'all_done' },
        teardown('down'),
      ],
      edges: [['up', 'work'], ['work', 'more'], ['more', 'down'], ['up', 'down']], // prettier-ignore
    });
    const after = (up: object) =>
      stateOf(resolve(mapped, view(mapped, { work: 'skipped', more: 'skipped' }, { mapped: { up } }), null).transitions);
    expect(after({ success: 1, failed: 1 })).toEqual({ down: 'scheduled' });
    expect(after({ failed: 2 })).toEqual({ down: 'upstream_failed' });
    expect(after({ skipped: 2 })).toEqual({ down: 'skipped' });
  });
});

describe('a short circuit', () => {
  const tasks = (options: object) => [
    { id: 'check', kind: 'short_circuit' as const, ...options },
    'near',
    { id: 'far', triggerRule: 'all_done' as const },
    'beside',
    setup('up'),
    teardown('down'),
  ];
  const edges = [['check', 'near'], ['near', 'far'], ['beside', 'far'], ['far', 'down'], ['up', 'down'], ['check', 'down']] as const; // prettier-ignore
  const closed = { check: { state: 'success', branch: [] }, beside: 'success', up: 'success' } as const;

  it('that closes skips everything below it whatever the rules, and lets teardowns be', () => {
    const dag = compile({ tasks: tasks({ ignoreDownstreamTriggerRules: true }), edges });
    expect(resolve(dag, view(dag, closed), ['check']).transitions).toMatchObject([
      { taskId: 'near', state: 'skipped', reason: 'short_circuit' },
      { taskId: 'far', state: 'skipped', reason: 'short_circuit' },
      { taskId: 'down', state: 'scheduled' },
    ]);
  });

  it('that respects trigger rules skips what is directly below it only', () => {
    const dag = compile({ tasks: tasks({}), edges });
    expect(resolve(dag, view(dag, closed), ['check']).transitions).toMatchObject([
      { taskId: 'near', state: 'skipped', reason: 'short_circuit' },
      { taskId: 'far', state: 'scheduled', reason: null },
    ]);
  });

  it('that stays open leaves everything to the rules', () => {
    const dag = compile({ tasks: tasks({ ignoreDownstreamTriggerRules: true }), edges });
    const open = { ...closed, check: { state: 'success', branch: null } } as const;
    expect(stateOf(resolve(dag, view(dag, open), ['check']).transitions)).toEqual({ near: 'scheduled' });
  });

  it('keeps its decision when what it skipped is cleared, at whatever distance', () => {
    const dag = compile({ tasks: tasks({ ignoreDownstreamTriggerRules: true }), edges });
    const run = view(dag, { ...closed, near: 'success', far: null, down: 'success' });
    expect(resolve(dag, run, ['far']).transitions).toMatchObject([{ taskId: 'far', state: 'skipped', reason: 'short_circuit' }]);
  });

  it('skips the whole of a mapped group below it without expanding it', () => {
    const dag = compile({
      groups: [
        {
          id: 'g',
          parent: null,
          doc: null,
          expand: { kind: 'product', keys: [{ name: 'k', target: 'input', source: { kind: 'task', taskId: 'list' } }] },
        },
      ],
      tasks: [{ id: 'check', kind: 'short_circuit', ignoreDownstreamTriggerRules: true }, 'list', { id: 'g.a', group: 'g' }],
      edges: [['check', 'g.a']],
    });
    const { transitions, expand } = resolve(dag, view(dag, { check: { state: 'success', branch: [] }, list: 'success' }), null);
    expect(stateOf(transitions)).toEqual({ 'g.a': 'skipped' });
    expect(expand).toEqual([]);
  });
});
