/**
 * Resolution in the most obvious way, as a yardstick: every instance on its own, everything evaluated again and again until nothing
 * changes. It shares the rules' truth table and what a branch leaves out with the real one, and nothing else: no tallies, no order,
 * no notion of what changed, setups and short circuits found by walking the graph.
 */
import { leftOutByBranch } from '../../src/core/branches';
import { isFinished } from '../../src/core/states';
import type { TaskState } from '../../src/core/states';
import { countUpstreams, evaluateRule } from '../../src/core/trigger-rules';
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';
import type { TaskSpec } from '../../src/dag-spec/spec';

export interface Instance {
  readonly taskId: string;
  /** -1: not mapped, or a placeholder. */
  readonly mapIndex: number;
  readonly state: TaskState;
  readonly admissible: boolean;
  readonly branch: readonly string[] | null;
  readonly reason?: string | null;
}

export interface World {
  readonly instances: readonly Instance[];
  /** How many instances an expanded task will have. */
  readonly lengths: ReadonlyMap<string, number>;
  readonly expanding: ReadonlySet<string>;
  readonly waitsForPast: ReadonlySet<string>;
  readonly held: boolean;
  readonly dagRoom: { readonly tasks: number; readonly byTask: ReadonlyMap<string, number> } | null;
}

export interface NaiveResolution {
  readonly instances: readonly Instance[];
  readonly expand: readonly string[];
  readonly failFast: boolean;
  readonly waitsForPast: boolean;
  readonly ends: 'success' | 'failed' | null;
}

export const keyOf = ({ taskId, mapIndex }: Pick<Instance, 'taskId' | 'mapIndex'>) => `${taskId}[${mapIndex}]`;

type Say = 'wait' | 'ready' | 'past' | 'skipped' | 'upstream_failed';

export function resolveNaively(dag: CompiledDag, world: World): NaiveResolution {
  const graph = new Graph(dag);
  const states = new Map(world.instances.map((each) => [keyOf(each), each.state]));
  const has = (id: string) => world.instances.filter(({ taskId, state }) => taskId === id && state !== 'removed');
  const nothing = { expand: [], failFast: false, waitsForPast: false, ends: null };
  const unfinishedTask = (id: string) => has(id).some((each) => !isFinished(states.get(keyOf(each))!)) || missing(world, id) > 0;

  if (dag.spec.failFast) {
    const failed = world.instances.some(
      ({ taskId, mapIndex, state, reason }) =>
        state === 'failed' && (mapIndex >= 0 || reason !== 'fail_fast') && graph.spec(taskId).teardown?.onFailureFailDagrun !== false,
    );
    const left = dag.spec.tasks.some(
      ({ id, teardown }) =>
        !teardown &&
        (has(id).some((each) => !isFinished(each.state)) || (world.lengths.has(id) && world.expanding.has(graph.mappedGroup(id) ?? id))),
    );
    if (failed && left) return { ...nothing, instances: world.instances, failFast: true };
  }

  const expand = new Set<string>();
  let past = new Set<string>();
  for (let changed = true; changed;) {
    changed = false;
    past = new Set();
    for (const { taskId, mapIndex } of world.instances) {
      const key = keyOf({ taskId, mapIndex });
      if (states.get(key) !== null) continue;
      const say = verdict(taskId, mapIndex);
      if (say === 'past') past.add(key);
      if (say === 'wait' || say === 'past') continue;
      const owner = graph.mappedGroup(taskId) ?? (graph.spec(taskId).expand ? taskId : null);
      if (say === 'ready' && owner !== null && mapIndex === -1) {
        expand.add(owner);
        continue;
      }
      const isPlainMapped = graph.spec(taskId).expand !== undefined;
      states.set(key, say !== 'ready' ? say : graph.spec(taskId).kind === 'empty' && !isPlainMapped ? 'success' : 'scheduled');
      changed = true;
    }
  }

  const instances = gate();
  const moving = expand.size > 0 || world.expanding.size > 0 || [...states.values()].some((state) => state !== null && !isFinished(state));
  const unfinished = dag.spec.tasks.some(({ id }) => unfinishedTask(id));
  const isRemoved = (id: string) =>
    !world.lengths.has(id) && world.instances.some((each) => each.taskId === id && each.mapIndex < 0 && each.state === 'removed');
  const nowLeaves = dag.spec.tasks.flatMap(({ id, teardown }) => {
    const below = graph.below(id);
    return (teardown?.onFailureFailDagrun ?? true) && below.length > 0 && below.every(isRemoved) ? [id] : [];
  });
  const leafFailed = [...graph.leaves(), ...nowLeaves].some((id) =>
    has(id).some((each) => ['failed', 'upstream_failed'].includes(states.get(keyOf(each))!)),
  );
  const waitsForPast = !moving && unfinished && past.size > 0;
  return {
    instances,
    expand: [...expand].sort(),
    failFast: false,
    waitsForPast,
    ends: moving || waitsForPast ? null : unfinished || leafFailed ? 'failed' : 'success',
  };

  /** The states that `taskId[mapIndex]` depends on in `above`. */
  function statesIn(above: string, taskId: string, mapIndex: number): TaskState[] {
    const group = graph.mappedGroup(taskId);
    const sameIndex = mapIndex >= 0 && group !== null && group === graph.mappedGroup(above) && world.lengths.has(above);
    const all = world.instances.filter((each) => each.taskId === above && (!sameIndex || each.mapIndex === mapIndex));
    const found = all.map((each) => states.get(keyOf(each))!);
    const notMade = sameIndex ? (all.length === 0 && missing(world, above) > 0 ? 1 : 0) : missing(world, above);
    return [...found, ...Array<TaskState>(notMade).fill(null)];
  }

  function leftOut(taskId: string, mapIndex: number): boolean {
    const group = graph.mappedGroup(taskId);
    return world.instances.some((chooser) => {
      const { id, kind, expand: isMapped, ignoreDownstreamTriggerRules } = graph.spec(chooser.taskId);
      if (chooser.branch === null || states.get(keyOf(chooser)) !== 'success' || isMapped) return false;
      const choosersGroup = graph.mappedGroup(id);
      if (choosersGroup !== null && (choosersGroup !== group || chooser.mapIndex !== mapIndex)) return false;
      const direct = graph.below(id).includes(taskId);
      if (kind === 'branch') return direct && leftOutByBranch(dag, id, chooser.branch).has(taskId);
      if (kind !== 'short_circuit' || chooser.branch.length > 0 || graph.spec(taskId).teardown) return false;
      return direct || (ignoreDownstreamTriggerRules === true && graph.isBelow(taskId, id));
    });
  }

  function verdict(taskId: string, mapIndex: number): Say {
    const spec = graph.spec(taskId);
    const group = graph.mappedGroup(taskId);
    const owner = group ?? (spec.expand ? taskId : null);
    const isPlaceholder = owner !== null && mapIndex === -1;
    if (isPlaceholder && world.expanding.has(owner)) return 'wait';
    if (leftOut(taskId, mapIndex)) return 'skipped';
    if (isPlaceholder && group !== null) return sources(graph.expandOf(group)!, true);

    if (!spec.teardown) {
      const setups = graph.setupsOf(taskId).filter((setup) => !graph.below(setup).includes(taskId));
      const indirect = setups.flatMap((setup) => statesIn(setup, taskId, mapIndex)).filter((state) => state !== 'removed');
      if (indirect.some((state) => state === 'failed' || state === 'upstream_failed')) return 'upstream_failed';
      if (indirect.includes('skipped')) return 'skipped';
      if (indirect.some((state) => state !== 'success')) return 'wait';
    }
    const above = dag.spec.tasks.filter(({ id }) => graph.below(id).includes(taskId));
    const all = above.flatMap(({ id }) => statesIn(id, taskId, mapIndex));
    const ofSetups = above
      .filter(({ setup }) => setup)
      .flatMap(({ id }) => statesIn(id, taskId, mapIndex))
      .filter((state) => state !== 'removed');
    const setups = {
      total: ofSetups.length,
      success: ofSetups.filter((state) => state === 'success').length,
      skipped: ofSetups.filter((state) => state === 'skipped').length,
    };
    const rule = evaluateRule(spec.triggerRule, { ...countUpstreams(all), setups });
    if (rule !== 'ready') return rule;
    if (world.waitsForPast.has(taskId)) return 'past';
    return isPlaceholder ? sources(spec.expand!, false) : 'ready';
  }

  /** Of what an expansion is over. */
  function sources(expandSpec: NonNullable<TaskSpec['expand']>, strict: boolean): Say {
    const ids = expandSpec.keys.flatMap(({ source }) => (source.kind === 'task' ? [source.taskId] : []));
    const says = ids.map((id): Say => {
      const made = world.instances.filter((each) => each.taskId === id).map((each) => states.get(keyOf(each))!);
      const found = [
        ...made.filter((state) => state !== 'removed' || !world.lengths.has(id)),
        ...Array<TaskState>(missing(world, id)).fill(null),
      ];
      const failed = found.some((state) => state === 'failed' || state === 'upstream_failed');
      if (strict && failed) return 'upstream_failed';
      if (found.some((state) => !isFinished(state))) return 'wait';
      return found.includes('success') ? 'ready' : failed ? 'upstream_failed' : 'skipped';
    });
    return says.includes('upstream_failed')
      ? 'upstream_failed'
      : says.includes('skipped')
        ? 'skipped'
        : says.includes('wait')
          ? 'wait'
          : 'ready';
  }

  function gate(): Instance[] {
    const live = (state: TaskState) => state === 'queued' || state === 'running' || state === 'restarting';
    const after = world.instances.map((each) => {
      const state = states.get(keyOf(each))!;
      return { ...each, state, admissible: each.admissible && state === 'scheduled' && !world.held };
    });
    if (world.held) return after;
    let room = dag.spec.maxActiveTasks - after.filter(({ state, admissible }) => live(state) || admissible).length;
    if (world.dagRoom) room = Math.min(room, world.dagRoom.tasks);
    const byTask = new Map(world.dagRoom?.byTask);
    const perRun = new Map(
      dag.spec.tasks.map(({ id, maxActiveTisPerDagRun = Infinity }) => [
        id,
        maxActiveTisPerDagRun - after.filter(({ taskId, state, admissible }) => taskId === id && (live(state) || admissible)).length,
      ]),
    );
    const order = (each: Instance) => dag.tasks.get(each.taskId)!;
    const waiting = after
      .filter(({ state, admissible }) => state === 'scheduled' && !admissible)
      .sort((a, b) => order(b).priority - order(a).priority || order(a).index - order(b).index || a.mapIndex - b.mapIndex);
    const through = new Set<string>();
    for (const each of waiting) {
      const { taskId } = each;
      // A task that is not mapped has one instance: its own limit per run is 1 or more.
      const own = each.mapIndex < 0 ? 1 : perRun.get(taskId)!;
      if (room <= 0 || own <= 0 || (byTask.get(taskId) ?? 1) <= 0) continue;
      room--;
      perRun.set(taskId, perRun.get(taskId)! - 1);
      if (byTask.has(taskId)) byTask.set(taskId, byTask.get(taskId)! - 1);
      through.add(keyOf(each));
    }
    return after.map((each) => ({ ...each, admissible: each.admissible || through.has(keyOf(each)) }));
  }
}

function missing({ instances, lengths }: World, taskId: string): number {
  return (
    (lengths.get(taskId) ?? 0) -
    instances.filter((each) => lengths.has(taskId) && each.taskId === taskId && each.state !== 'removed').length
  );
}

/** The edges as they are written, with those that a mapping means. */
class Graph {
  private readonly edges: readonly (readonly [string, string])[];
  private readonly known = new Map<string, boolean>();

  constructor(private readonly dag: CompiledDag) {
    this.edges = dag.order.flatMap((task) => task.downstream.map((id) => [task.spec.id, id] as const));
  }

  spec(id: string): TaskSpec {
    return this.dag.spec.tasks.find((task) => task.id === id)!;
  }

  below(id: string): string[] {
    return this.edges.flatMap(([from, to]) => (from === id ? [to] : []));
  }

  isBelow(id: string, above: string): boolean {
    const key = `${id} ${above}`;
    let found = this.known.get(key);
    if (found === undefined) this.known.set(key, (found = this.below(above).some((next) => next === id || this.isBelow(id, next))));
    return found;
  }

  expandOf(group: string) {
    return this.dag.spec.groups.find(({ id }) => id === group)?.expand;
  }

  mappedGroup(id: string): string | null {
    for (let at = this.spec(id).group; at !== null; at = this.dag.spec.groups.find((group) => group.id === at)!.parent) {
      if (this.expandOf(at)) return at;
    }
    return null;
  }

  setupsOf(id: string): string[] {
    return this.dag.spec.tasks.flatMap((setup) => {
      if (!setup.setup || !this.isBelow(id, setup.id)) return [];
      const teardowns = this.below(setup.id).filter((below) => this.spec(below).teardown);
      return teardowns.length === 0 || teardowns.some((each) => each === id || this.isBelow(each, id)) ? [setup.id] : [];
    });
  }

  leaves(): string[] {
    const counts = (id: string) => !this.spec(id).teardown || this.spec(id).teardown!.onFailureFailDagrun;
    const ids = this.dag.spec.tasks.map(({ id }) => id);
    const leaves = ids.filter((id) => counts(id) && !this.below(id).some(counts));
    return leaves.length > 0 ? leaves : ids.filter((id) => this.below(id).length === 0);
  }
}
