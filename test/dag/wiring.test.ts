import fc from 'fast-check';
import type { FunctionOperator } from 'thence';
import { BaseOperator, BashOperator, chain, crossDownstream, DAG, EmptyOperator, TaskGroup, type TaskContext } from 'thence';
import { compileDag } from '../../src/dag-spec/compiled-dag';
import { setRenderedOptions } from '../../src/dag/base-operator';
import { openRegistry, sealRegistry, takeMadeDags } from '../../src/dag/registry';
import { serializeDag } from '../../src/dag/serialize';

beforeEach(() => openRegistry());

const edgesOf = (dag: DAG): string[] => serializeDag(dag).spec.edges.map(({ from, to }) => `${from}>${to}`);
type Six = [EmptyOperator, EmptyOperator, EmptyOperator, EmptyOperator, EmptyOperator, EmptyOperator];
/** A new DAG with one task for each letter. */
function tasks(ids: string): [DAG, ...Six] {
  const dag = new DAG('d');
  return [dag, ...([...ids].map((id) => new EmptyOperator(id, { dag })) as Six)];
}

describe('wiring', () => {
  test('then returns what comes next, after returns what came before, and lists take part on both sides', () => {
    const [dag, a, b, c, d, e] = tasks('abcde');
    expect(a.then(b)).toBe(b);
    expect(c.after(b)).toBe(b);
    const list = [a, b];
    expect(d.after(list)).toBe(list);
    c.then([d, e]).then(new EmptyOperator('f', { dag }));
    expect(edgesOf(dag)).toEqual(['a>b', 'a>d', 'b>c', 'b>d', 'c>d', 'c>e', 'd>f', 'e>f']);
  });

  test('chain joins steps in order, and neighbouring lists of equal length in pairs', () => {
    const [dag, a, b, c, d, e, f] = tasks('abcdef');
    chain(a, [b, c], [d, e], f);
    expect(edgesOf(dag)).toEqual(['a>b', 'a>c', 'b>d', 'c>e', 'd>f', 'e>f']);
    expect(() => chain([a], [b, c])).toThrow(/chain\(\) got lists of 1 and 2 side by side.*crossDownstream/);
  });

  test('crossDownstream joins each with each', () => {
    const [dag, a, b, c, d] = tasks('abcd');
    crossDownstream([a, b], [c, d]);
    expect(edgesOf(dag)).toEqual(['a>c', 'a>d', 'b>c', 'b>d']);
  });

  test('a label stays, also when an input names the same edge later', () => {
    const dag = new DAG('d');
    const a = dag.task('a', () => 1);
    const b = new EmptyOperator('b', { dag });
    a.then(b, { label: 'ok' });
    a.then(b);
    expect(serializeDag(dag).spec.edges).toEqual([{ from: 'a', to: 'b', label: 'ok' }]);
  });

  test('a misspelled option of an edge, a label that is no string, and a task in the place of options are refused', () => {
    const [, a, b, c] = tasks('abc');
    expect(() => a.then(b, { lable: 'ok' } as never)).toThrow(/unknown option `lable` of the edge from "a" to "b"; did you mean "label"\?/);
    expect(() => a.then(b, { label: 5 } as never)).toThrow(/`label` of the edge from "a" to "b" is 5; allowed is a string/);
    expect(() => a.then(b, c as never)).toThrow(/the second argument .* is its options.*one list: \.then\(\[b, c\]\)/);
  });

  test('ids that no address can hold are refused', () => {
    for (const id of ['.', '..', '__proto__']) expect(() => new DAG(id)).toThrow(/is not valid: allowed are .*, except \. \.\. __proto__/);
    const dag = new DAG('d');
    expect(() => new EmptyOperator('..', { dag })).toThrow(/task id "\.\."/);
    expect(() => new TaskGroup('.', { dag })).toThrow(/group id "\."/);
    expect(() => new DAG('a.b..c')).not.toThrow();
  });

  test('a BashOperator without a command is refused', () => {
    const dag = new DAG('d');
    expect(() => new BashOperator('a', { dag } as never)).toThrow(/`command` of task "a".* is undefined; allowed is a string/);
  });

  test('task.output stands for its task', () => {
    const dag = new DAG('d');
    const a = dag.task('a', () => 1);
    const b = dag.task('b', { inputs: { a: a.output } }, ({ inputs }) => inputs.a);
    chain(b, dag.task('c', () => 1).output);
    expect(edgesOf(dag)).toEqual(['a>b', 'b>c']);
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      'a cycle',
      () => {
        const [, a, b, c] = tasks('abc');
        chain(a, b, c);
        c.then(a);
      },
      /"c" \(made at test\/dag\/wiring\.test\.ts:\d+:\d+\) cannot come before "a" \(made at .*\): that closes a cycle in DAG "d"/,
    ],
    [
      'a task after itself',
      () => {
        const [, a] = tasks('a');
        a.then(a);
      },
      /"a" .* cannot come before "a" .*: that closes a cycle/,
    ],
    [
      'a task before its own group',
      () => {
        const group = new TaskGroup('g', { dag: new DAG('d') });
        group.task('a', () => 1).then(group);
      },
      /"g\.a" .* cannot come before "g" .* cycle/,
    ],
    [
      'a cycle through a group',
      () => {
        const [dag, x] = tasks('x');
        const g = new TaskGroup('g', { dag });
        g.then(x);
        x.then(g.task('late', () => 1));
      },
      /"x" .* cannot come before "g\.late" .* cycle/,
    ],
    [
      'an edge between two DAGs',
      () => {
        const [, a] = tasks('a');
        a.then(new EmptyOperator('b', { dag: new DAG('other') }));
      },
      /"a" .* cannot come before "b" .*: they are in two DAGs, "d" and "other"/,
    ],
    [
      'a duplicate id',
      () => {
        const [dag] = tasks('a');
        new BashOperator('a', { dag, command: '' });
      },
      /DAG "d" already has "a" \(made at .*wiring.*\); a second one was made at .*wiring/,
    ],
    [
      'a group and a task of one id',
      () => {
        const [dag] = tasks('a');
        new TaskGroup('a', { dag });
      },
      /DAG "d" already has "a"/,
    ],
    [
      'an empty list',
      () => {
        const [, a] = tasks('a');
        a.then([]);
      },
      /"a"\.then\(\) got an empty list/,
    ],
    [
      'an empty list in a chain',
      () => {
        const [, a] = tasks('a');
        chain([], a);
      },
      /chain\(\) got an empty list/,
    ],
    [
      'something that is no task',
      () => {
        const [dag, a] = tasks('a');
        a.then(dag as never);
      },
      /"a"\.then\(\) takes a task, a group, or a list of them; it was given a DAG/,
    ],
    [
      'null',
      () => {
        const [, a] = tasks('a');
        a.after([a, null as never]);
      },
      /"a"\.after\(\) takes .* it was given null/,
    ],
    [
      'a bad task id',
      () => {
        const [dag] = tasks('');
        dag.task('a b', () => 1);
      },
      /task id "a b" in DAG "d" \(made at .*wiring.*\) is not valid: allowed are 1 to 200 of A-Z a-z 0-9 _ \. -/,
    ],
    ['an id that is too long', () => new DAG('x'.repeat(201)), /DAG id "x+" .*is not valid/],
    ['an id that is none', () => new DAG(undefined as never), /DAG id undefined .*is not valid/],
    ['a task without a home', () => new EmptyOperator('a', {} as never), /task "a" .* needs a `dag` or a `group`/],
    [
      'a task with two homes',
      () => {
        const [dag] = tasks('');
        new EmptyOperator('a', { dag, group: new TaskGroup('g', { dag }) } as never);
      },
      /has both a `dag` and a `group`/,
    ],
    [
      'an input that is no task',
      () => {
        const [dag] = tasks('');
        dag.task('a', { inputs: { x: 5 as never } }, () => 1);
      },
      /input `x` of task "a" .* is 5; allowed is a task, or a list of tasks/,
    ],
    [
      'inputs in a list',
      () => {
        const [dag, a] = tasks('a');
        dag.task('b', { inputs: [a] as never }, () => 1);
      },
      /`inputs` of task "b" .* is .*; allowed is an object of names and tasks, such as \{ orders \}/,
    ],
    [
      'an input that is an empty list',
      () => {
        const [dag] = tasks('');
        dag.task('a', { inputs: { x: [] } }, () => 1);
      },
      /input `x` of task "a" .* is an empty list/,
    ],
    [
      'a task without a function',
      () => {
        const [dag] = tasks('');
        dag.task('a', undefined as never);
      },
      /task "a" .* needs `run`, a function/,
    ],
  ])('%s throws at once, naming both ends and the place', (_name, make, message) => {
    expect(() => {
      make();
    }).toThrow(message);
  });

  test('any wiring that is accepted has a topological order, and what is refused would close a cycle', () => {
    const pairs = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 25 });
    fc.assert(
      fc.property(pairs, fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }), (edges, homes) => {
        openRegistry();
        const dag = new DAG('d');
        const outer = new TaskGroup('g0', { dag });
        const groups = [outer, new TaskGroup('g1', { group: outer })];
        const made = homes.map((home, index) => new EmptyOperator(`t${index}`, home < 2 ? { group: groups[home]! } : { dag }));
        groups.forEach((group, index) => new EmptyOperator(`in${index}`, { group })); // no group is empty
        const nodes = [...made, ...groups];
        for (const [from, to] of edges) {
          try {
            nodes[from]!.then(nodes[to]!);
          } catch (error) {
            expect((error as Error).message).toMatch(/closes a cycle/);
          }
        }
        expect(() => compileDag('v', serializeDag(dag).spec)).not.toThrow();
      }),
      { numRuns: 100 },
    );
  });

  test('wiring a long chain in either order is quick enough to be linear', () => {
    for (const reverse of [false, true]) {
      const dag = new DAG('d');
      const made = Array.from({ length: 2000 }, (_, index) => new EmptyOperator(`t${index}`, { dag }));
      const steps = made.slice(1).map((task, index) => () => {
        made[index]!.then(task);
      });
      for (const step of reverse ? steps.toReversed() : steps) step();
      expect(dag.edges.size).toBe(1999);
    }
  });
});

describe('a task is not a promise', () => {
  const message =
    /task "a" \(made at test\/dag\/wiring\.test\.ts:\d+:\d+\) is not a promise: it was awaited.*return `task\.output` or `\{ task \}`/;
  const make = () => new DAG('d').task('a', () => 1) as unknown as Promise<unknown>;

  test.each<[string, (task: Promise<unknown>) => Promise<unknown>]>([
    [
      'await task',
      async (task) => {
        await task;
      },
    ],
    ['an async return of a task', async (task) => task],
    ['Promise.resolve(task)', (task) => Promise.resolve(task)],
    ['Promise.all([task])', (task) => Promise.all([task])],
    [
      'task.then(a function)',
      async (task) => {
        void task.then(() => 1);
      },
    ],
  ])('%s rejects with the place and the cure, and adds no edge', async (_name, misuse) => {
    const task = make();
    await expect(misuse(task)).rejects.toThrow(message);
    expect((task as unknown as FunctionOperator).dag.edges.size).toBe(0);
  });

  test('task.output leaves an async function', async () => {
    const task = new DAG('d').task('a', () => 1);
    expect((await (async () => task.output)()).task).toBe(task);
  });
});

describe('options', () => {
  test.each<[object, RegExp]>([
    [{ retrys: 2 }, /unknown option `retrys` of task "a" \(made at test\/dag\/wiring\.test\.ts:\d+:\d+\); did you mean "retries"\?/],
    [{ comand: 'x' }, /unknown option `comand` .* did you mean "command"/],
    [{ zebra: true }, /unknown option `zebra` of task "a".*; allowed are command, cwd, dag, dependsOnPast, doc/],
    [{ retries: -1 }, /`retries` of task "a" .* is -1; allowed is a whole number from 0/],
    [{ retries: '2' }, /`retries` .* is "2"/],
    [{ retryDelay: [] }, /`retryDelay` .* is \[\]; allowed is a duration, or a list of at least one/],
    [{ retryDelay: '5m' }, /`retryDelay` .* is "5m"; allowed is a duration: an object like/],
    [{ retryDelay: ['PT1M', { minuts: 1 }] }, /allowed is a list in which each is a duration/],
    [{ executionTimeout: 0 }, /`executionTimeout` .* is 0; allowed is a duration longer than 0/],
    [{ triggerRule: 'all_sucess' }, /`triggerRule` .* is "all_sucess"; allowed is one of 'all_success',.* did you mean "all_success"/],
    [{ poolSlots: 0 }, /`poolSlots` .* is 0; allowed is a whole number from 1 to 2147483647/],
    [{ priorityWeight: 2 ** 31 }, /`priorityWeight` .* allowed is a whole number from -2147483648/],
    [{ pool: '' }, /`pool` .* is ""; allowed is a string of 1 to 200 characters/],
    [{ resources: { memory: 5 } }, /`resources` .* is \{"memory":5\}; allowed is \{ memoryMb \}/],
  ])('%j is refused where the task is made', (options, message) => {
    expect(() => new BashOperator('a', { dag: new DAG('d'), command: '', ...options })).toThrow(message);
  });

  test('misspelled options of DAGs, groups and defaultArgs are refused too', () => {
    expect(() => new DAG('d', { shedule: '@daily' } as never)).toThrow(
      /unknown option `shedule` of DAG "d" \(made at .*\); did you mean "schedule"/,
    );
    expect(() => new DAG('d', { maxActiveRuns: 0 })).toThrow(/`maxActiveRuns` of DAG "d" .* is 0; allowed is a whole number from 1/);
    expect(() => new DAG('d', { defaultArgs: { retrys: 1 } as never })).toThrow(/unknown option `retrys` of `defaultArgs` of DAG "d"/);
    expect(() => new TaskGroup('g', { dag: new DAG('d'), docs: '' } as never)).toThrow(/unknown option `docs` of group "g"/);
  });

  test('an option of tasks that is given to a DAG is sent to its place', () => {
    for (const name of ['retries', 'retires'])
      expect(() => new DAG('d', { [name]: 3 })).toThrow(
        /unknown option `ret\w+` of DAG "d" .*; `retries` is an option of tasks: `defaultArgs: { retries: … }` gives it to all of the DAG/,
      );
  });

  test("a task's own option wins over those of inner groups, outer groups and the DAG, in this order", () => {
    const dag = new DAG('d', { defaultArgs: { retries: 1, pool: 'dag', queue: 'dag', owner: 'dag' } });
    const outer = new TaskGroup('outer', { dag, defaultArgs: { pool: 'outer', queue: 'outer' } });
    const inner = new TaskGroup('inner', { group: outer, defaultArgs: { queue: 'inner' } });
    const task = inner.task('t', { retries: 0, owner: undefined }, () => 1);
    expect(task.options).toMatchObject({ retries: 0, queue: 'inner', pool: 'outer', owner: 'dag' });
    expect(Object.isFrozen(task.options)).toBe(true);
  });

  test('a class that does not name its options takes any', () => {
    class Greet extends BaseOperator<string, { name: string }> {
      #secret = 'private';
      execute(_: TaskContext) {
        return `${this.options.name} ${this.#secret}`;
      }
    }
    const greet = new Greet('g', { dag: new DAG('d'), name: '{{ ds }}' });
    setRenderedOptions(greet, { name: 'rendered' });
    expect(greet.execute(null as never)).toBe('rendered private');
    setRenderedOptions(greet, {});
    expect(greet.options.name).toBe('{{ ds }}');
  });
});

describe('the registry', () => {
  test('every DAG made while loading is taken once, in order', () => {
    const made = ['a', 'b', 'c'].map((id) => new DAG(id));
    expect(takeMadeDags()).toEqual(made);
    expect(takeMadeDags()).toEqual([]);
  });

  test('after loading a new DAG, task or group is refused', () => {
    const dag = new DAG('d');
    sealRegistry();
    expect(() => new DAG('late')).toThrow(/DAG "late" .* is made too late: its file has finished loading/);
    expect(() => dag.task('late', () => 1)).toThrow(/task "late" of DAG "d" is made too late/);
    openRegistry();
    expect(() => new DAG('again')).not.toThrow();
  });
});
