import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BaseOperator, BashOperator, BranchOperator, DAG, EmptyOperator, ShortCircuitOperator, TaskGroup } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { serializeDag } from '../../src/dag/serialize';

beforeEach(() => openRegistry());

const taskOf = (dag: DAG, id: string) => serializeDag(dag).spec.tasks.find((task) => task.id === id)!;
const edgesOf = (dag: DAG) => serializeDag(dag).spec.edges.map(({ from, to }) => `${from}>${to}`);

class Free<Mapped extends string = never> extends BaseOperator<string, { name: string }, Mapped> {
  execute() {
    return this.options.name;
  }
}

describe('what is stored', () => {
  test('keys in the order of the file, literals by their length only, and an edge from each task that is mapped over', () => {
    const dag = new DAG('d');
    const orders = dag.task('orders', () => [1]);
    const one = dag.task('one', () => 1);
    dag.task('ship', { expand: { z: ['secret', 'b'], order: orders, pair: { a: 1 }, of: [one, one] }, maxMapLength: 5 }, () => 1);
    expect(taskOf(dag, 'ship').expand).toEqual({
      kind: 'product',
      keys: [
        { name: 'z', target: 'input', source: { kind: 'literal', length: 2 } },
        { name: 'order', target: 'input', source: { kind: 'task', taskId: 'orders' } },
        { name: 'pair', target: 'input', source: { kind: 'literal', length: 1 } },
        { name: 'of', target: 'input', source: { kind: 'literal', length: 2 } },
      ],
      maxMapLength: 5,
    });
    expect(JSON.stringify(serializeDag(dag).spec)).not.toContain('secret');
    expect(edgesOf(dag)).toEqual(['one>ship', 'orders>ship']);
  });

  test('options of an operator are expanded as options, also by a zip, and one that is expanded is not missing', () => {
    const dag = new DAG('d');
    const bash = new BashOperator('bash', { dag, env: {}, expandZip: { command: ['a', 'b'], cwd: ['/', '/tmp'] } });
    new Free('free', { dag, expand: { name: bash } });
    expect(taskOf(dag, 'bash').expand).toEqual({
      kind: 'zip',
      keys: [
        { name: 'command', target: 'option', source: { kind: 'literal', length: 2 } },
        { name: 'cwd', target: 'option', source: { kind: 'literal', length: 2 } },
      ],
    });
    expect(taskOf(dag, 'bash').options).toEqual({ env: {} });
    expect(taskOf(dag, 'free').expand!.keys[0]).toMatchObject({ target: 'option', source: { kind: 'task', taskId: 'bash' } });
  });

  test('a mapped group follows what it is mapped over, and its inner tasks are read from outside by `all`', () => {
    const dag = new DAG('d');
    const orders = dag.task('orders', () => [1]);
    const group = new TaskGroup('g', { dag, expand: { order: orders }, maxMapLength: 3 });
    const inner = group.task('inner', ({ inputs }) => inputs.order);
    group.task('next', { inputs: { inner } }, ({ inputs }) => inputs.inner);
    dag.task('sum', { inputs: { all: group.all(inner) } }, ({ inputs }) => inputs.all);
    dag.task('each', { expand: { one: group.all(inner.output) } }, ({ inputs }) => inputs.one);
    inner.then(new EmptyOperator('order_only', { dag }));
    const { spec } = serializeDag(dag);
    expect(spec.groups[0]).toEqual({
      id: 'g',
      parent: null,
      doc: null,
      expand: { kind: 'product', keys: [{ name: 'order', target: 'input', source: { kind: 'task', taskId: 'orders' } }], maxMapLength: 3 },
    });
    expect(edgesOf(dag)).toEqual(['g.inner>each', 'g.inner>g.next', 'g.inner>order_only', 'g.inner>sum', 'orders>g.inner']);
    expect(taskOf(dag, 'sum').inputs).toEqual({ all: 'g.inner' });
  });

  test('template files that are elements travel with the code', () => {
    const dagsFolder = mkdtempSync(path.join(tmpdir(), 'thence-elements-'));
    for (const name of ['a.sh', 'b.sh']) writeFileSync(path.join(dagsFolder, name), `echo ${name}`);
    const dag = new DAG('d');
    new BashOperator('bash', { dag, expand: { command: ['a.sh', 'b.sh', 'echo'] } });
    expect(serializeDag(dag, { dagsFolder, filePath: 'd.ts' }).files).toEqual({ 'a.sh': 'echo a.sh', 'b.sh': 'echo b.sh' });
  });

  test('an empty list is a warning, since configuration may be empty for once', () => {
    const dag = new DAG('d');
    dag.task('none', { expand: { n: [] as number[] } }, () => 1);
    expect(serializeDag(dag).warnings).toEqual([
      expect.stringMatching(/task "none" \(made at .*\) maps `n` over an empty list: it is skipped in every run/),
    ]);
  });
});

describe('what is refused, where it is written', () => {
  const source = (dag: DAG) => dag.task('source', () => [1]);
  const mappedGroup = (dag: DAG) => new TaskGroup('g', { dag, expand: { n: [1, 2] } });
  test.each<[string, (dag: DAG) => unknown, RegExp]>([
    [
      'both kinds of expansion',
      (dag) => dag.task('t', { expand: { a: [1] }, expandZip: { b: [1] } } as never, () => 1),
      /task "t" \(made at test\/dag\/mapping\.test\.ts:\d+:\d+\) has both `expand` and `expandZip`/,
    ],
    ['no key', (dag) => dag.task('t', { expand: {} }, () => 1), /`expand` of task "t" .* names nothing to map over/],
    [
      'a list in place of names',
      (dag) => dag.task('t', { expand: [1] as never }, () => 1),
      /`expand` of task "t" .* is \[1\]; allowed is an object/,
    ],
    [
      'a task in place of names',
      (dag) => dag.task('t', { expand: source(dag) } as never, () => 1),
      /`expand` of task "t" .* is task "source"; allowed is an object of names/,
    ],
    [
      'a number',
      (dag) => dag.task('t', { expand: { n: 5 as never } }, () => 1),
      /`expand\.n` of task "t" .* is 5; allowed is a list, a plain object/,
    ],
    [
      'a Set',
      (dag) => dag.task('t', { expand: { n: new Set([1]) as never } }, () => 1),
      /`expand\.n` .* is a Set; allowed is a list, a plain object, or a task/,
    ],
    [
      'a task without an output',
      (dag) => dag.task('t', { expand: { n: new EmptyOperator('e', { dag }) as never } }, () => 1),
      /`expand\.n` .* is task "e" .*, which has no output to map over/,
    ],
    [
      'lists of different lengths in a zip',
      (dag) => dag.task('t', { expandZip: { a: [1, 2], b: [1] } }, () => 1),
      /`expandZip` of task "t" .* pairs lists of different lengths: `a` has 2, `b` has 1; for all combinations use `expand`/,
    ],
    [
      'more combinations than allowed',
      (dag) => dag.task('t', { expand: { a: Array(40).fill(1), b: Array(30).fill(1) } }, () => 1),
      /`expand` of task "t" .* makes 1200 instances; at most 1024 are allowed \(`maxMapLength`\)/,
    ],
    [
      'an unknown option',
      (dag) => new BashOperator('t', { dag, command: 'x', expand: { comand: ['x'] } } as never),
      /`expand\.comand` of task "t" .*: there is no such option to map over; did you mean "command"/,
    ],
    [
      'an option given twice',
      (dag) => new BashOperator('t', { dag, command: 'x', expand: { command: ['x'] } } as never),
      /`command` of task "t" .* is given twice, in `expand` and beside it/,
    ],
    [
      'an input given twice',
      (dag) => dag.task('t', { inputs: { n: source(dag) }, expand: { n: [1] } }, () => 1),
      /`n` of task "t" .* is given twice, in `expand` and beside it/,
    ],
    [
      'an option that every task has',
      (dag) => new BashOperator('t', { dag, command: 'x', expand: { retries: [1] } } as never),
      /`expand\.retries` .*: there is no such option to map over; allowed are command, cwd, env/,
    ],
    [
      'a task of another DAG',
      (dag) => dag.task('t', { expand: { n: new DAG('other').task('far', () => [1]) } }, () => 1),
      /`expand\.n` of task "t" .* is task "far" .* of DAG "other": a task can read only outputs of its own DAG, here "d"/,
    ],
    [
      'an input of another DAG',
      (dag) => dag.task('t', { inputs: { n: new DAG('other').task('far', () => [1]) } }, () => 1),
      /input `n` of task "t" .* is task "far" .* of DAG "other"/,
    ],
    [
      'a mapped branch',
      (dag) => new BranchOperator('t', { dag, expand: { n: [1] }, run: () => null } as never),
      /task "t" .* has `expand` and decides what follows it, which it cannot do once per element: map a TaskGroup/,
    ],
    [
      'a mapped short circuit',
      (dag) => new ShortCircuitOperator('t', { dag, expand: { n: [1] }, run: () => true } as never),
      /task "t" .* has `expand` and decides what follows it/,
    ],
    [
      'a mapped EmptyOperator',
      (dag) => new EmptyOperator('t', { dag, expand: { n: [1] } } as never),
      /`expand\.n` of task "t" .*: there is no such option to map over; it has no options of its own/,
    ],
    [
      'a mapped task in a mapped group',
      (dag) => mappedGroup(dag).task('t', { expand: { m: [1] } }, () => 1),
      /task "g\.t" .* is mapped and lies in the mapped group "g": a mapping inside a mapping is not possible/,
    ],
    [
      'a mapped group deep in a mapped group',
      (dag) => new TaskGroup('inner', { group: new TaskGroup('middle', { group: mappedGroup(dag) }), expand: { m: [1] } }),
      /group "inner" .* is mapped and lies in the mapped group "g"/,
    ],
    [
      'an inner task of a mapped group from outside',
      (dag) => dag.task('t', { inputs: { x: mappedGroup(dag).task('in', () => 1) } }, () => 1),
      /input `x` of task "t" .* is task "g\.in" .* inside the mapped group "g", which has one output per index: use `all\(…\)` of that group/,
    ],
    [
      'an inner task of a mapped group from another expansion',
      (dag) => dag.task('t', { expand: { x: mappedGroup(dag).task('in', () => [1]) } }, () => 1),
      /`expand\.x` of task "t" .* inside the mapped group "g"/,
    ],
    [
      'an input that is named as what the group is mapped over',
      (dag) => mappedGroup(dag).task('t', { inputs: { n: source(dag) } }, () => 1),
      /input `n` of task "g\.t" .* is what its mapped group "g" is mapped over: give the input another name/,
    ],
    [
      'all of a task from inside its own group',
      (dag) => {
        const group = mappedGroup(dag);
        group.task('t', { inputs: { x: group.all(group.task('in', () => 1)) } }, () => 1);
      },
      /input `x` of task "g\.t" .* is all of task "g\.in" .*, from inside its mapped group "g": in there use the task itself/,
    ],
    [
      'all of a task of another group',
      (dag) => mappedGroup(dag).all(source(dag)),
      /all\(\) of group "g" .* takes a task of the group, which task "source" .* is not/,
    ],
    [
      'all of a group that is not mapped',
      (dag) => {
        const group = new TaskGroup('g', { dag });
        group.all(group.task('in', () => 1));
      },
      /all\(\) of group "g" .*: the group is not mapped/,
    ],
    [
      'a length for a group that is not mapped',
      (dag) => new TaskGroup('g', { dag, maxMapLength: 5 }),
      /group "g" .* has `maxMapLength` and no `expand`/,
    ],
  ])('%s', (_name, make, message) => {
    const dag = new DAG('d');
    expect(() => void make(dag)).toThrow(message);
  });

  test('a branch in a mapped group that leads out of it is refused when the DAG is stored', () => {
    const dag = new DAG('d');
    const group = new TaskGroup('g', { dag, expand: { n: [1] } });
    const which = new BranchOperator('which', { group, run: () => null });
    which.then(group.task('in', () => 1));
    expect(() => serializeDag(dag)).not.toThrow();
    which.then(dag.task('out', () => 1));
    expect(() => serializeDag(dag)).toThrow(/task "out" .* comes right after the branch "g\.which", and outside of its mapped group "g"/);
  });
});
