import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BashOperator, chain, DAG, EmptyOperator, TaskGroup, type WeightInfo } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { serializeDag } from '../../src/dag/serialize';

beforeEach(() => openRegistry());

const specOf = (dag: DAG) => serializeDag(dag).spec;
const taskOf = (dag: DAG, id: string) => specOf(dag).tasks.find((task) => task.id === id)!;
const edgesOf = (dag: DAG) => specOf(dag).edges.map(({ from, to }) => `${from}>${to}`);
const task = (dag: DAG, id: string, options: object = {}) => dag.task(id, options, () => 1);

describe('setup and teardown', () => {
  test('asTeardown makes setups of what it takes down, comes after them, and waits for all that is before it', () => {
    const dag = new DAG('d');
    const [up, work, down] = [task(dag, 'up'), task(dag, 'work'), task(dag, 'down')];
    expect(down.asTeardown({ setups: [up], onFailureFailDagrun: true })).toBe(down);
    chain(up, work, down);
    expect(taskOf(dag, 'up')).toMatchObject({ setup: true, triggerRule: 'all_success' });
    expect(taskOf(dag, 'down')).toMatchObject({ teardown: { onFailureFailDagrun: true }, triggerRule: 'all_done_setup_success' });
    expect(taskOf(dag, 'work').setup).toBeUndefined();
    expect(edgesOf(dag)).toEqual(['up>down', 'up>work', 'work>down']);
    expect(serializeDag(dag).warnings).toEqual([]);
  });

  test('a rule that the file gives to a teardown stays', () => {
    const dag = new DAG('d');
    task(dag, 'down', { triggerRule: 'always' }).asTeardown({ setups: task(dag, 'up') });
    expect(taskOf(dag, 'down').triggerRule).toBe('always');
  });

  test('what follows a group follows its work, not its teardowns', () => {
    const dag = new DAG('d');
    const group = new TaskGroup('g', { dag });
    const inner = (id: string) => group.task(id, () => 1);
    const [up, a, b, first, second] = [inner('up'), inner('a'), inner('b'), inner('first'), inner('second')];
    chain(up.asSetup(), [a, b], first.asTeardown({ setups: up }));
    first.then(second.asTeardown({ setups: up }));
    group.then(task(dag, 'after'));
    expect(edgesOf(dag).filter((edge) => edge.endsWith('>after'))).toEqual(['g.a>after', 'g.b>after']);
    const only = new TaskGroup('only', { dag });
    only.task('down', () => 1).asTeardown();
    only.then(task(dag, 'last'));
    expect(edgesOf(dag)).toContain('only.down>last');
  });

  test('a teardown with no setup before it is a warning', () => {
    const dag = new DAG('d');
    task(dag, 'work').then(task(dag, 'down').asTeardown());
    expect(serializeDag(dag).warnings).toEqual([expect.stringMatching(/task "down" \(made at .*\) is a teardown with no setup before it/)]);
  });

  test.each<[string, (dag: DAG) => unknown, RegExp]>([
    [
      'a teardown as a setup',
      (dag) => task(dag, 't').asTeardown().asSetup(),
      /task "t" .* is a teardown already and cannot be a setup as well/,
    ],
    [
      'a setup as a teardown',
      (dag) => task(dag, 't').asSetup().asTeardown(),
      /task "t" .* is a setup already and cannot be a teardown as well/,
    ],
    [
      'itself among its setups',
      (dag) => {
        const t = task(dag, 't');
        t.asTeardown({ setups: t });
      },
      /asTeardown\(\) of task "t" .* names the task itself/,
    ],
    ['no setups', (dag) => task(dag, 't').asTeardown({ setups: [] }), /`setups` of asTeardown\(\) of task "t" .* is an empty list/],
    [
      'a setup that is no task',
      (dag) => task(dag, 't').asTeardown({ setups: 'up' as never }),
      /`setups` of .* is "up"; allowed is a task, or a list of tasks/,
    ],
    [
      'a misspelled option',
      (dag) => task(dag, 't').asTeardown({ setup: [] } as never),
      /unknown option `setup` of asTeardown\(\) of task "t" .*; did you mean "setups"/,
    ],
    [
      'a setup that comes after its teardown',
      (dag) => {
        const [up, down] = [task(dag, 'up'), task(dag, 'down')];
        down.then(up);
        down.asTeardown({ setups: up });
      },
      /closes a cycle/,
    ],
  ])('%s is refused', (_name, make, message) => {
    const dag = new DAG('d');
    expect(() => void make(dag)).toThrow(message);
  });

  test('right after a setup only all_success is allowed, but for teardowns', () => {
    const dag = new DAG('d');
    const up = task(dag, 'up').asSetup();
    up.then(task(dag, 'down').asTeardown({ setups: up }));
    expect(() => serializeDag(dag)).not.toThrow();
    up.then(task(dag, 'work', { triggerRule: 'all_done' }));
    expect(() => serializeDag(dag)).toThrow(
      /task "work" \(made at .*\) comes right after the setup "up" and has the trigger rule 'all_done': .* only 'all_success'/,
    );
  });
});

describe('options of tasks', () => {
  test('limits, callbacks and lineage are stored, and left out where they are not given', () => {
    const dag = new DAG('d');
    task(dag, 'plain');
    task(dag, 'all', {
      dependsOnPast: true,
      waitForDownstream: true,
      maxActiveTisPerDag: 2,
      maxActiveTisPerDagRun: 3,
      onSkipped: () => 1,
      onExecute: [{ notify: () => 1 }],
      inlets: ['s3://a', { table: 't' }],
      outputs: [1],
    });
    expect(taskOf(dag, 'all')).toMatchObject({
      dependsOnPast: true,
      waitForDownstream: true,
      maxActiveTisPerDag: 2,
      maxActiveTisPerDagRun: 3,
      callbacks: ['execute', 'skipped'],
      inlets: ['s3://a', { table: 't' }],
      outlets: [1],
    });
    const added = Object.keys(taskOf(dag, 'all')).filter((name) => !(name in taskOf(dag, 'plain')));
    expect(added.sort()).toEqual([
      'callbacks',
      'dependsOnPast',
      'inlets',
      'maxActiveTisPerDag',
      'maxActiveTisPerDagRun',
      'outlets',
      'waitForDownstream',
    ]);
  });

  test.each<[object, RegExp]>([
    [
      { onSuccess: 'mail' },
      /`onSuccess` of task "t" .* is "mail"; allowed is a function, a Notifier \(an object with notify\(context\)\), or a list/,
    ],
    [{ onFailure: [() => 1, {}] }, /`onFailure` of task "t"/],
    [{ inlets: ['a', new Date(0)] }, /`inlets` of task "t" .*; allowed is a list in which each is JSON/],
    [{ outlets: [() => 1] }, /`outlets` of task "t"/],
    [{ outlets: [1], outputs: [1] }, /task "t" .* has both `outlets` and `outputs`, which are the same/],
    [{ maxActiveTisPerDag: 0 }, /`maxActiveTisPerDag` .* is 0; allowed is a whole number from 1/],
    [{ maxMapLength: 2e6 }, /`maxMapLength` .* allowed is a whole number from 1 to 1000000/],
    [{ weightRule: 'upwards' }, /`weightRule` .* is "upwards"; allowed is one of 'downstream', 'upstream', 'absolute'.*, or a function/],
  ])('%j is refused', (options, message) => {
    expect(() => task(new DAG('d'), 't', options)).toThrow(message);
  });

  test('a weight function is asked once with the place of the task in the graph; its answer takes the place of the rule', () => {
    const dag = new DAG('d');
    const asked: WeightInfo[] = [];
    const weightRule = (info: WeightInfo) => {
      asked.push(info);
      return info.ancestors.length * 10 + info.descendants.length + 0.4;
    };
    chain(task(dag, 'a'), task(dag, 'b'), task(dag, 'c', { weightRule, priorityWeight: 7, pool: 'small' }), task(dag, 'd'));
    expect(taskOf(dag, 'c')).toMatchObject({ weightRule: 'custom', customWeight: 21, priorityWeight: 7 });
    expect(asked).toEqual([
      {
        ...{ id: 'c', operator: 'FunctionOperator', group: null, priorityWeight: 7, pool: 'small', queue: 'default' },
        ...{ upstream: ['b'], downstream: ['d'], ancestors: ['b', 'a'], descendants: ['d'] },
      },
    ]);
    expect(taskOf(dag, 'a').customWeight).toBeUndefined();
  });

  test.each<[() => unknown, RegExp]>([
    [() => 'high', /`weightRule` of task "t" .* returned "high"; allowed is a number/],
    [() => NaN, /returned NaN/],
    [
      () => {
        throw new Error('no idea');
      },
      /`weightRule` of task "t" .* threw: no idea/,
    ],
  ])('a weight function that answers with no number is refused', (weightRule, message) => {
    const dag = new DAG('d');
    task(dag, 't', { weightRule });
    expect(() => serializeDag(dag)).toThrow(message);
  });

  test('a label for a task that is not mapped is a warning, unless the whole DAG has it', () => {
    const dag = new DAG('d');
    task(dag, 't', { mapIndexTemplate: 'x' });
    expect(serializeDag(dag).warnings).toEqual([expect.stringMatching(/task "t" .* has `mapIndexTemplate` and is not mapped/)]);
    const limited = new DAG('limited');
    task(limited, 't', { maxMapLength: 5 });
    const group = new TaskGroup('g', { dag: limited, expand: { x: [1] } });
    group.task('u', { maxMapLength: 5 }, () => 1);
    expect(serializeDag(limited).warnings).toEqual([
      expect.stringMatching(/task "t" .* has `maxMapLength` and no `expand`: there is nothing to limit$/),
      expect.stringMatching(/task "g\.u" .* there is nothing to limit \(that of a mapped group is an option of the group\)$/),
    ]);
    const all = new DAG('all', { defaultArgs: { mapIndexTemplate: 'x' } });
    task(all, 't');
    expect(serializeDag(all).warnings).toEqual([]);
  });
});

describe('options of DAGs', () => {
  test('limits and callbacks are stored, and left out where they are not given', () => {
    const dag = new DAG('d', {
      maxActiveTasksPerDag: 5,
      maxConsecutiveFailedRuns: 3,
      dagrunTimeout: { hours: 1 },
      failFast: true,
      runRetries: 2,
      runRetryDelay: 'PT1M',
      onFailure: () => 1,
    });
    expect(specOf(dag)).toMatchObject({
      maxActiveTasksPerDag: 5,
      maxConsecutiveFailedRuns: 3,
      dagrunTimeoutMs: 3_600_000,
      failFast: true,
      runRetries: 2,
      runRetryDelayMs: 60_000,
      callbacks: ['failure'],
    });
    const plain = specOf(new DAG('p', { maxConsecutiveFailedRuns: 0, failFast: false, runRetries: 0 }));
    for (const name of ['maxActiveTasksPerDag', 'maxConsecutiveFailedRuns', 'dagrunTimeoutMs', 'failFast', 'runRetries', 'callbacks'])
      expect(plain).not.toHaveProperty(name);
  });

  test('a delay between retries of the run that never come is a warning', () => {
    const dag = new DAG('d', { runRetryDelay: 1000 });
    task(dag, 't');
    expect(serializeDag(dag).warnings).toEqual([expect.stringMatching(/DAG "d" .* has `runRetryDelay` and no `runRetries`/)]);
  });

  test('failFast goes with all_success only, and with teardowns', () => {
    const dag = new DAG('d', { failFast: true });
    task(dag, 'down').asTeardown({ setups: task(dag, 'up') });
    expect(() => serializeDag(dag)).not.toThrow();
    new EmptyOperator('join', { dag, triggerRule: 'all_done' });
    expect(() => serializeDag(dag)).toThrow(/DAG "d" has `failFast`, and task "join" \(made at .*\) has the trigger rule 'all_done'/);
  });
});

describe('files that travel with the code', () => {
  const folder = (files: Record<string, string | Buffer>) => {
    const dagsFolder = mkdtempSync(path.join(tmpdir(), 'thence-files-'));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.join(dagsFolder, path.dirname(name)), { recursive: true });
      writeFileSync(path.join(dagsFolder, name), content);
    }
    return dagsFolder;
  };
  const filesOf = (files: string[], dagsFolder: string, filePath = 'etl.ts') =>
    serializeDag(new DAG('d', { files }), { dagsFolder, filePath }).files;

  test('patterns are those of a .gitignore, below the folder of the DAG file, and are stored by their path in the dags folder', () => {
    const dagsFolder = folder({
      'team/sql/a.sql': 'A',
      'team/sql/b.sql': 'B',
      'team/sql/deep/c.sql': 'C',
      'team/x.csv': 'x',
      'other.sql': 'no',
      'team/node_modules/m.sql': 'no',
    });
    expect(filesOf(['sql/*.sql', '!sql/b.sql'], dagsFolder, 'team/etl.ts')).toEqual({ 'team/sql/a.sql': 'A' });
    expect(filesOf(['*.sql'], dagsFolder, 'team/etl.ts')).toEqual({
      'team/sql/a.sql': 'A',
      'team/sql/b.sql': 'B',
      'team/sql/deep/c.sql': 'C',
    });
    expect(filesOf(['sql/'], dagsFolder, 'team/etl.ts')).toHaveProperty(['team/sql/deep/c.sql']);
  });

  test.each<[string[], RegExp]>([
    [['../x.sql'], /`files` of DAG "d" .* has "\.\.\/x\.sql"; allowed are patterns below the folder of the DAG file/],
    [['/etc/passwd'], /has "\/etc\/passwd"; allowed are patterns/],
    [['*.sq'], /`files` of DAG "d" .*: nothing below the folder of the DAG file matches "\*\.sq"/],
    [['*.bin'], /"a\.bin" is no text in UTF-8/],
  ])('%j is refused', (files, message) => {
    expect(() => filesOf(files, folder({ 'a.sql': 'x', 'a.bin': Buffer.from([0xff, 0xfe, 0x41]) }))).toThrow(message);
  });

  test('docMd may be the name of a .md file beside the DAG file; text that merely ends so is text', () => {
    const dagsFolder = folder({ 'sub/readme.md': '# Read', 'etl.ts': '' });
    const docOf = (docMd: string) => serializeDag(new DAG('d', { docMd }), { dagsFolder, filePath: 'sub/etl.ts' }).spec.docMd;
    expect(docOf('readme.md')).toBe('# Read');
    expect(docOf('See readme.md')).toBe('See readme.md');
    expect(() => docOf('missing.md')).toThrow(
      /`docMd` of DAG "d" .* names the file "missing\.md", which cannot be read beside the DAG file/,
    );
  });
});

test('template files of a task win over nothing: both kinds of files are stored together', () => {
  const dagsFolder = mkdtempSync(path.join(tmpdir(), 'thence-both-'));
  writeFileSync(path.join(dagsFolder, 'run.sh'), 'echo');
  writeFileSync(path.join(dagsFolder, 'a.sql'), 'SELECT 1');
  const dag = new DAG('d', { files: ['a.sql'] });
  new BashOperator('b', { dag, command: 'run.sh' });
  expect(serializeDag(dag, { dagsFolder, filePath: 'etl.ts' }).files).toEqual({ 'run.sh': 'echo', 'a.sql': 'SELECT 1' });
});
