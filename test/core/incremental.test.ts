import fc from 'fast-check';
import type { Change } from '../../src/core/run-view';
import { isFinished } from '../../src/core/states';
import { compileDag } from '../../src/dag-spec/compiled-dag';
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';
import { TRIGGER_RULES } from '../../src/dag-spec/spec';
import type { ExpandSpec, GroupSpec, TaskKind, TaskSpec } from '../../src/dag-spec/spec';
import { dagSpec } from '../support/factories';
import { keyOf, resolveNaively } from './naive-resolve';
import { RunWorld } from './run-world';
import type { Row } from './run-world';

const SIZE = 10;

/** Random graphs: an edge only goes from an earlier to a later task, and so does what a mapping is over. */
const drawings = fc.record({
  size: fc.integer({ min: 1, max: SIZE }),
  edges: fc.array(fc.tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1)), { maxLength: 24 }),
  tasks: fc.array(
    fc.record({
      rule: fc.oneof(
        { weight: 2, arbitrary: fc.constant('all_success' as const) },
        { weight: 3, arbitrary: fc.constantFrom(...TRIGGER_RULES) },
      ),
      kind: fc.constantFrom<TaskKind>('task', 'task', 'task', 'empty', 'branch', 'short_circuit'),
      ignores: fc.boolean(),
      role: fc.constantFrom('work', 'work', 'work', 'setup', 'teardown', 'counting teardown'),
      group: fc.constantFrom(null, null, 'g', 'h', 'h.inner', 'plain'),
      // Mapped over a literal, over the outputs of earlier tasks, or not at all.
      over: fc.constantFrom('nothing', 'nothing', 'literal', 'source', 'sources'),
      source: fc.nat(SIZE - 1),
      weight: fc.integer({ min: 1, max: 3 }),
      perRun: fc.constantFrom(undefined, undefined, 1, 2),
      usesPast: fc.constantFrom(undefined, undefined, undefined, true as const),
    }),
    { minLength: SIZE, maxLength: SIZE },
  ),
  sourceOf: fc.record({ g: fc.constantFrom(null, 0, 1, 2), h: fc.constantFrom(null, 0, 1, 2) }),
  maxActiveTasks: fc.integer({ min: 1, max: 6 }),
  failFast: fc.constantFrom(undefined, undefined, undefined, true as const),
});
type Drawing = typeof drawings extends fc.Arbitrary<infer Value> ? Value : never;

function draw({ size, edges, tasks, sourceOf, maxActiveTasks, failFast }: Drawing): CompiledDag {
  const given = tasks.slice(0, size);
  const over = (at: number | null): ExpandSpec['keys'][number]['source'] =>
    at === null ? { kind: 'literal', length: 2 } : { kind: 'task', taskId: `t${at}` };
  const expand = (...at: (number | null)[]): ExpandSpec => ({
    kind: 'product',
    keys: at.map((each, i) => ({ name: `k${i}`, target: 'input', source: over(each) })),
  });
  // A group is mapped over one of the first tasks, if that comes before all of its own.
  const groupExpand = (group: 'g' | 'h') => {
    const first = given.findIndex((task) => task.group?.split('.')[0] === group);
    const at = sourceOf[group];
    return expand(at !== null && at < first ? at : null);
  };
  const groups: GroupSpec[] = [
    { id: 'g', parent: null, doc: null, expand: groupExpand('g') },
    { id: 'h', parent: null, doc: null, expand: groupExpand('h') },
    { id: 'h.inner', parent: 'h', doc: null },
    { id: 'plain', parent: null, doc: null },
  ];
  const specs = given.map((task, i): Partial<TaskSpec> & { id: string } => ({
    id: `t${i}`,
    triggerRule: task.rule,
    kind: task.kind,
    ...(task.kind === 'short_circuit' && task.ignores ? { ignoreDownstreamTriggerRules: true } : {}),
    ...(task.role === 'setup' ? { setup: true } : {}),
    ...(task.role.endsWith('teardown') ? { teardown: { onFailureFailDagrun: task.role === 'counting teardown' } } : {}),
    group: task.group,
    priorityWeight: task.weight,
    ...(task.perRun ? { maxActiveTisPerDagRun: task.perRun } : {}),
    ...(task.usesPast ? { dependsOnPast: true } : {}),
    ...((task.group === null || task.group === 'plain') && task.over !== 'nothing'
      ? {
          expand: task.over === 'literal' || i === 0 ? expand(null) : expand(task.source % i, ...(task.over === 'sources' ? [null] : [])),
        }
      : {}),
  }));
  const forward = edges.filter(([from, to]) => from < to && to < size).map(([from, to]) => `t${from} t${to}`);
  return compileDag(
    'v',
    dagSpec({
      dagId: 'd',
      maxActiveTasks,
      ...(failFast ? { failFast } : {}),
      groups,
      tasks: specs,
      edges: [...new Set(forward)].map((edge) => edge.split(' ') as unknown as [string, string]),
    }),
  );
}

/** What happens, as numbers that are read one after the other. */
class Dice {
  private at = 0;
  constructor(private readonly numbers: readonly number[]) {}
  below(limit: number): number {
    return this.numbers[this.at++ % this.numbers.length]! % limit;
  }
  oneOf<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

it('is in the same states as evaluating every instance anew, after every batch of whatever happens', () => {
  let mappedRuns = 0;
  fc.assert(
    fc.property(drawings, fc.array(fc.nat(9973), { minLength: 30, maxLength: 80 }), (drawing, numbers) => {
      const dag = draw(drawing);
      const dice = new Dice(numbers);
      const world = new RunWorld(dag);
      for (const id of dag.usesPast) if (dice.below(2) === 0) world.waitsForPast.add(id);
      let changed: Change[] | null = null;

      for (let step = 0; step < 60; step++) {
        const theirs = resolveNaively(dag, world);
        const alreadyExpanding = new Set(world.expanding);
        const mine = world.resolve(changed);
        const expand = [...world.expanding].filter((owner) => !alreadyExpanding.has(owner)).sort();
        const answer = mine.failFast
          ? { failFast: true }
          : { failFast: false, states: world.states(), expand, ends: mine.ends, waitsForPast: mine.waitsForPast };
        const expected = theirs.failFast ? { failFast: true } : { ...theirs, instances: undefined, states: statesOf(theirs.instances) };
        // A comparison of texts: expect is slow, and this one almost always agrees.
        if (JSON.stringify(answer, keys) !== JSON.stringify(expected, keys)) expect(answer).toEqual(expected);
        changed = mine.failFast ? null : happen(world, dice);
        if (changed?.length === 0) break;
      }
      if (world.lengths.size > 0) mappedRuns++;
    }),
    { numRuns: 400 },
  );
  expect(mappedRuns).toBeGreaterThan(50);
});

const keys = ['failFast', 'states', 'expand', 'ends', 'waitsForPast'];

const statesOf = (instances: ReturnType<typeof resolveNaively>['instances']) =>
  instances.map((each) => `${keyOf(each)} ${each.state}${each.admissible ? ' admissible' : ''}`).sort();

/** One batch; null: a ledger would not know what changed. Empty: nothing can happen any more. */
function happen(world: RunWorld, dice: Dice): Change[] | null {
  const admissible = world.instances.filter((row) => row.admissible);
  const running = world.instances.filter((row) => row.state === 'running');
  const sleeping = world.instances.filter((row) => row.mapIndex >= 0 && row.state === 'up_for_retry');
  const finished = world.instances.filter((row) => isFinished(row.state) && row.state !== 'removed');

  switch (dice.below(9)) {
    case 0:
      if (world.expanding.size === 0) break;
      expandOne(world, dice);
      return null;
    case 1:
      if (world.waitsForPast.size === 0) break;
      world.waitsForPast.delete(dice.oneOf([...world.waitsForPast]));
      return null;
    case 2:
      // A person undecides some instances.
      if (finished.length === 0 || dice.below(3) > 0) break;
      for (let i = 0; i <= dice.below(3); i++) Object.assign(dice.oneOf(finished), { state: null, reason: 'cleared', branch: null });
      return null;
    case 3:
      if (dice.below(4) > 0) break;
      world.held = !world.held;
      return null;
    case 4:
      if (dice.below(3) > 0) break;
      world.dagRoom =
        dice.below(2) === 0 ? null : { tasks: dice.below(4), byTask: new Map([[dice.oneOf(world.dag.order).spec.id, dice.below(3)]]) };
      return null;
    case 5:
      if (sleeping.length === 0) break;
      return [change(Object.assign(dice.oneOf(sleeping), { state: 'scheduled' }))];
    default:
  }
  if (admissible.length + running.length === 0) {
    if (world.expanding.size > 0) expandOne(world, dice);
    else if (world.held) world.held = false;
    else if (world.dagRoom) world.dagRoom = null;
    else if (world.waitsForPast.size > 0) world.waitsForPast.clear();
    else if (sleeping.length > 0) for (const row of sleeping) row.state = 'scheduled';
    else return [];
    return null;
  }
  // Claims change nothing that is to be decided, and are not told.
  for (const row of admissible) if (dice.below(2) === 0) Object.assign(row, { state: 'running', admissible: false });
  const startable = world.instances.filter((row) => row.admissible || row.state === 'running');
  const batch = new Set(Array.from({ length: 1 + dice.below(3) }, () => dice.oneOf(startable)));
  return [...batch].map((row) => change(end(world, row, dice)));
}

const change = ({ taskId, mapIndex }: Row): Change => ({ taskId, mapIndex });

function end(world: RunWorld, row: Row, dice: Dice): Row {
  const { spec, downstream } = world.dag.tasks.get(row.taskId)!;
  // A task that is not mapped would be due at once.
  const states = ['success', 'success', 'failed', 'skipped', ...(row.mapIndex >= 0 ? (['up_for_retry'] as const) : [])] as const;
  const state = dice.oneOf(states);
  const chooses = state === 'success' && (spec.kind === 'branch' || spec.kind === 'short_circuit') && dice.below(4) > 0;
  const targets = [...downstream, ...['plain', 'g'].filter((id) => world.dag.spec.groups.some((group) => group.id === id))];
  const branch = !chooses ? null : spec.kind === 'short_circuit' ? [] : targets.filter(() => dice.below(2) === 0);
  return Object.assign(row, { state, reason: 'executed', admissible: false, branch });
}

function expandOne(world: RunWorld, dice: Dice): void {
  const owner = dice.oneOf([...world.expanding]);
  const known = world.dag.expansions.get(owner)!.tasks.flatMap((id) => world.lengths.get(id) ?? []);
  world.makeInstances(owner, known[0] ?? dice.below(4), 1 + dice.below(3));
}
