import { compile, over, setup, teardown } from '../core/view';

describe('the setups of a task', () => {
  it('are those above it that have a teardown below it, or none at all', () => {
    // db → (load → down) ; net (no teardown) → load ; early → shut → load
    const dag = compile({
      tasks: [setup('db'), setup('net'), setup('early'), teardown('shut'), 'load', teardown('down'), 'later'],
      edges: [['db', 'load'], ['net', 'load'], ['early', 'shut'], ['shut', 'load'], ['load', 'down'], ['db', 'down'], ['down', 'later']], // prettier-ignore
    });
    expect(dag.tasks.get('load')!.setups.toSorted()).toEqual(['db', 'net']);
    expect(dag.tasks.get('shut')!.setups).toEqual(['early']);
    expect(dag.tasks.get('down')!.setups.toSorted()).toEqual(['db', 'net']);
    expect(dag.tasks.get('later')!.setups).toEqual(['net']);
  });
});

describe('the leaves that decide a run', () => {
  it.each([
    ['tasks with nothing below them', ['a', 'b', 'c'], [['a', 'b']], ['c', 'b']],
    ['tasks with teardowns below them only', ['a', teardown('down')], [['a', 'down']], ['a']],
    ['a teardown that counts', ['a', teardown('down', true)], [['a', 'down']], ['down']],
    ['the last teardowns of a DAG that has nothing else', [teardown('x'), teardown('y')], [['x', 'y']], ['y']],
  ] as const)('are %s', (_, tasks, edges, leaves) => {
    expect(compile({ tasks, edges }).leaves).toEqual(leaves);
  });
});

describe('expansions', () => {
  const groups = [{ id: 'g', parent: null, doc: null, expand: over('list', 'list', 2) }, { id: 'g.inner', parent: 'g', doc: null }]; // prettier-ignore

  it('know what they are over, and which tasks get instances', () => {
    const dag = compile({
      groups,
      tasks: ['list', { id: 'g.a', group: 'g' }, { id: 'g.inner.b', group: 'g.inner' }, { id: 'each', expand: over('g.a') }],
      edges: [['g.a', 'g.inner.b']],
    });
    expect([...dag.expansions.values()]).toMatchObject([
      { owner: 'g', kind: 'group', sources: ['list'], tasks: ['g.a', 'g.inner.b'] },
      { owner: 'each', kind: 'task', sources: ['g.a'], tasks: ['each'] },
    ]);
    expect(dag.tasks.get('g.inner.b')).toMatchObject({ mappedGroup: 'g', expand: { kind: 'product' } });
    expect(dag.tasks.get('each')).toMatchObject({ mappedGroup: null, upstream: ['g.a'] });
    expect(dag.tasks.get('list')).toMatchObject({ mappedGroup: null, expand: null });
  });

  it('come after what they are over: a mapped task itself, the first tasks of a group', () => {
    const dag = compile({
      groups,
      tasks: ['list', { id: 'g.a', group: 'g' }, { id: 'g.inner.b', group: 'g.inner' }],
      edges: [['g.a', 'g.inner.b'], ['list', 'g.a']], // prettier-ignore
    });
    expect(dag.tasks.get('g.a')!.upstream).toEqual(['list']);
    expect(dag.tasks.get('g.inner.b')!.upstream).toEqual(['g.a']);
    // Every one of them has to be looked at when the source ends.
    expect(dag.tasks.get('list')!.affects.toSorted()).toEqual(['g.a', 'g.inner.b']);
  });

  it('cannot be inside each other, nor over what they contain', () => {
    expect(() => compile({ groups, tasks: ['list', { id: 'g.a', group: 'g', expand: over(2) }] })).toThrow(/"g.a" is mapped twice/);
    expect(() => compile({ groups: [{ ...groups[0]!, expand: over('g.a') }], tasks: [{ id: 'g.a', group: 'g' }] })).toThrow(
      /close a cycle/,
    );
  });
});

describe('the weight of a task', () => {
  // a → b → d, a → c → d
  const diamond = (of: object) =>
    compile({
      tasks: ['a', 'b', 'c', 'd'].map((id, i) => ({ id, priorityWeight: i + 1, ...of })),
      edges: [['a', 'b'], ['a', 'c'], ['b', 'd'], ['c', 'd']], // prettier-ignore
    }).order.map(({ priority }) => priority);

  it('is its own with that of all tasks below it, each once', () => {
    expect(diamond({ weightRule: 'downstream' })).toEqual([10, 6, 7, 4]);
  });
  it('or above it', () => {
    expect(diamond({ weightRule: 'upstream' })).toEqual([1, 3, 4, 10]);
  });
  it('or its own only', () => {
    expect(diamond({ weightRule: 'absolute' })).toEqual([1, 2, 3, 4]);
  });
  it("or what the DAG's own strategy said when it was stored", () => {
    expect(diamond({ weightRule: 'custom', customWeight: 77 })).toEqual([77, 77, 77, 77]);
  });
  it('is never more than an int32', () => {
    expect(diamond({ weightRule: 'downstream', priorityWeight: 2 ** 31 - 2 })).toEqual([
      2 ** 31 - 1,
      2 ** 31 - 1,
      2 ** 31 - 1,
      2 ** 31 - 2,
    ]);
    expect(diamond({ weightRule: 'custom', customWeight: -1e12 })[0]).toBe(-(2 ** 31));
  });
});
