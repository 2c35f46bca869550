/** What came of a run in a test, and assertions on it that say what was there instead. */
import type { RunState, TaskReason, TaskState } from '../../core/states';
import type { JsonValue } from '../../core/json';
import type { LogLine } from '../../logs/log-store';

export interface TestTask {
  readonly id: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  readonly state: TaskState;
  readonly reason: TaskReason | null;
  readonly tryNumber: number;
  /** On the clock of the test. */
  readonly startDate: Date | null;
  readonly endDate: Date | null;
  /** What it returned, after JSON; undefined: nothing. */
  readonly output: JsonValue | undefined;
  readonly log: readonly LogLine[];
  /** What its last try threw. */
  readonly error: { readonly name: string; readonly message: string } | null;
}

/** A callback that was called. */
export interface TestCallback {
  readonly event: string;
  /** null: of the DAG. */
  readonly task: string | null;
  readonly error: string | null;
}

/** Of a task that has one instance its state; of a mapped one the states of its instances, in the order of their index. */
export type ExpectedStates = { readonly [task: string]: TaskState | 'none' | readonly (TaskState | 'none')[] };

export class TestRun {
  constructor(
    readonly state: RunState,
    /** In topological order; instances by map index. */
    readonly tasks: readonly TestTask[],
    /** Every try that began, in order: 'load', 'load[2]', a second try 'load#2'. */
    readonly order: readonly string[],
    readonly callbacks: readonly TestCallback[],
    /** On the clock of the test. */
    readonly startDate: Date,
    readonly endDate: Date | null,
  ) {}

  /** @throws when the run has no such task, or it is mapped and no index is given */
  task(id: string, mapIndex?: number): TestTask {
    const found = this.tasks.filter((task) => task.id === id && (mapIndex === undefined || task.mapIndex === mapIndex));
    if (found.length === 1) return found[0]!;
    const known = [...new Set(this.tasks.map((task) => task.id))].join(', ');
    if (found.length === 0)
      throw new Error(`the run has no task "${id}"${mapIndex === undefined ? '' : ` with the map index ${mapIndex}`}; it has ${known}`);
    throw new Error(`task "${id}" has ${found.length} instances: name one, as in task('${id}', 0), or use outputs('${id}')`);
  }

  /** @throws as `task` */
  output(id: string, mapIndex?: number): JsonValue | undefined {
    return this.task(id, mapIndex).output;
  }

  /** Of all instances of a mapped task, in the order of their index. */
  outputs(id: string): (JsonValue | undefined)[] {
    return this.tasks.filter((task) => task.id === id).map(({ output }) => output);
  }

  /** Ready to be compared as a whole. */
  get states(): ExpectedStates {
    const states: Record<string, TaskState | 'none' | (TaskState | 'none')[]> = {};
    for (const { id, mapIndex, state } of this.tasks) {
      if (mapIndex < 0) states[id] = state ?? 'none';
      else ((states[id] ??= []) as (TaskState | 'none')[]).push(state ?? 'none');
    }
    return states;
  }

  /** @throws naming every task that is in another state; tasks that are not named may be in any */
  expectStates(expected: ExpectedStates): this {
    const { states } = this;
    const wrong = Object.entries(expected).filter(([id, state]) => JSON.stringify(states[id]) !== JSON.stringify(state));
    if (wrong.length === 0) return this;
    const lines = wrong.map(
      ([id, state]) => `  ${id}: expected ${show(state)}, was ${id in states ? show(states[id]!) : 'not there'}${this.why(id)}`,
    );
    throw new Error(`the states of the run (${this.state}) are not the expected ones:\n${lines.join('\n')}`);
  }

  /** The first try of each began after the first try of the one before it. @throws naming the two that did not */
  expectOrder(...ids: readonly string[]): this {
    const at = ids.map((id) => this.order.findIndex((name) => name.split(/[#[]/)[0] === id));
    for (const [i, place] of at.entries()) {
      if (place < 0) throw new Error(`task "${ids[i]}" never began; these did: ${this.order.join(', ') || 'none'}`);
      if (i > 0 && place < at[i - 1]!)
        throw new Error(`task "${ids[i]}" began before "${ids[i - 1]}"; the order was ${this.order.join(', ')}`);
    }
    return this;
  }

  private why(id: string): string {
    const error = this.tasks.find((task) => task.id === id && task.error)?.error;
    return error ? ` (${error.name}: ${error.message})` : '';
  }
}

const show = (state: ExpectedStates[string]): string =>
  typeof state === 'object' && state !== null ? `[${state.join(', ')}]` : String(state);
