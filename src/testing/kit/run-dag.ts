/**
 * One run of a DAG inside a unit test, in milliseconds: the scheduler's own decisions on the memory ledger, tasks in this process, on a
 * clock that jumps to the next thing that is due. Two tasks that run at the same time do so on that clock only: their code runs one after the
 * other, so that a test comes out the same every time.
 */
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { checkConf } from '../../commands/check-conf';
import { runIdOf } from '../../commands/run-ids';
import { didYouMean } from '../../core/did-you-mean';
import { ThenceError } from '../../core/errors';
import type { JsonObject, JsonValue } from '../../core/json';
import { isRunFinished, type RunType } from '../../core/states';
import type { DataInterval, Instant } from '../../core/time';
import type { AttemptOutcome, ResumeInfo } from '../../core/workload';
import type { DAG } from '../../dag/dag';
import { show } from '../../dag/option-checks';
import { TriggerClasses, type Trigger } from '../../dag/trigger';
import type { AnyParams, DateInput } from '../../dag/types';
import { serializeDag } from '../../dag/serialize';
import { toIsoDate } from '../../dag/dates';
import { createDecide } from '../../engine/decide';
import { createMemoryExecutionApi } from '../../execution-api/memory-execution-api';
import type { ClaimedAttempt } from '../../ledger/ledger';
import { MemoryLedger } from '../../ledger/memory/memory-ledger';
import { describeWait } from '../../runner/defer';
import { parseConnection } from '../../secrets/parse-connection';
import { timetableOfDag } from '../../timetables/next-run';
import { loadedFrom, type LoadedFrom } from './load-dag';
import { behaviourOf, type MockBehaviour, type TaskMock } from './mocks';
import { TestRunner } from './test-runner';
import type { TestRun } from './test-run';

export interface RunDagOptions {
  /** What takes the place of tasks, by id: a value that it returns, a function, `fails(…)`, `takes(…)`. */
  readonly mocks?: { readonly [taskId: string]: TaskMock };
  /** When the run begins on the clock of the test. @default now */
  readonly now?: DateInput;
  /** @default the clock's time */
  readonly logicalDate?: DateInput;
  /** @default 'manual' */
  readonly runType?: RunType;
  readonly conf?: JsonObject;
  /** By id: a URI or JSON, as in THENCE_CONN_<ID>. */
  readonly connections?: { readonly [id: string]: string };
  readonly variables?: { readonly [key: string]: string };
  /** What deferred tasks' waits come to, by task id; a wait for a time needs none. An Error fails the wait. */
  readonly events?: { readonly [taskId: string]: JsonValue | Error };
  /** Trigger classes that its tasks are deferred with. They do not run: `events` says what they yield. */
  readonly triggers?: readonly (abstract new (...args: never) => Trigger)[];
  /** Slots by name, -1 without limit. @default every pool of the DAG has no limit */
  readonly pools?: { readonly [name: string]: number };
  /** Tasks at once. @default 32 */
  readonly parallelism?: number;
}

const LANE = 'default';
const FOREVER_MS = 1e15;
const MAX_XCOM_BYTES = 1024 * 1024;
/** A DAG that never comes to an end is found by its number of hops. */
const MOST_HOPS = 1_000_000;

/**
 * @example
 * const run = await runDag(dag, { mocks: { fetch: [1, 2, 3], post: fails('down', { times: 1 }) } });
 * run.expectStates({ fetch: 'success', post: 'success' }).expectOrder('fetch', 'post');
 *
 * @throws when conf does not fit the params, a mock names no task, or the run waits for something that never comes
 */
export async function runDag(dag: DAG<AnyParams>, options: RunDagOptions = {}): Promise<TestRun> {
  if ((dag as Partial<typeof dag> | null)?.nodes === undefined)
    throw new ThenceError(
      'INVALID_VALUE',
      `runDag takes a DAG, and was given ${show(dag)}: a file is loaded with \`await loadDag('dags/hello.ts')\``,
    );
  const from = loadedFrom(dag);
  const { spec, files } = serializeDag(dag, from ?? sourceOf(dag));
  checkNames(
    spec.tasks.map(({ id }) => id),
    options,
  );
  const timezone = spec.timezone;
  const begin = options.now === undefined ? Date.now() : Date.parse(toIsoDate(options.now, timezone, '`now` of runDag()'));
  const clock = new VirtualClock(begin);
  const mocks = new Map(Object.entries(options.mocks ?? {}).map(([id, mock]): [string, MockBehaviour] => [id, behaviourOf(mock)]));

  const pools = options.pools ?? Object.fromEntries(spec.tasks.map((task) => [task.pool, -1]));
  const ledger = new MemoryLedger({ clock, pools: { default_pool: -1, ...pools } });
  const onOneLane = { ...spec, tasks: spec.tasks.map((task) => ({ ...task, executor: null })) };
  ledger.addDag({ spec: onOneLane, filePath: FILE });
  const conf = checkConf({ dagId: spec.dagId, version: randomUUID(), spec }, options.conf ?? {});
  const logicalDate =
    options.logicalDate === undefined ? begin : Date.parse(toIsoDate(options.logicalDate, timezone, '`logicalDate` of runDag()'));
  const { runType = 'manual' } = options;
  const [created] = await ledger.createRuns([
    {
      dagId: spec.dagId,
      runId: runIdOf(runType, logicalDate),
      runType,
      logicalDate,
      interval: intervalOf(spec, logicalDate),
      runAfter: begin,
      conf,
      triggeredBy: 'test',
      triggeringUser: null,
      note: null,
      backfill: null,
    },
  ]);

  const secrets = {
    getVariable: async (key: string) => options.variables?.[key] ?? null,
    getConnection: async (id: string) => {
      const text = options.connections?.[id];
      return text === undefined ? null : parseConnection(id, text, `the connection "${id}" of runDag()`);
    },
  };
  const runner = new TestRunner({
    dag,
    files,
    mocks,
    triggers: triggersFor(options, from),
    clock,
    api: createMemoryExecutionApi({ ledger, bundles: [], secrets }),
    filePath: FILE,
  });
  const state = await new Loop(ledger, created!.run, clock, runner, options).run();
  return runner.result(ledger, created!.run, state, begin);
}

const FILE = 'dag.test.ts';

/** Time stands still until somebody moves it. */
export class VirtualClock {
  constructor(private at: Instant) {}
  now(): Instant {
    return this.at;
  }
  moveTo(at: Instant): void {
    this.at = Math.max(this.at, at);
  }
}

class Loop {
  private readonly decide = createDecide();
  /** Tries that have run and end later on the clock. */
  private readonly ending: { readonly at: Instant; readonly outcome: AttemptOutcome }[] = [];
  private running = 0;

  constructor(
    private readonly ledger: MemoryLedger,
    private readonly pk: number,
    private readonly clock: VirtualClock,
    private readonly runner: TestRunner,
    private readonly options: RunDagOptions,
  ) {}

  async run() {
    const { ledger, pk } = this;
    const session = await ledger.openSession({
      kind: 'test', host: 'test', bootId: '', pid: process.pid, version: '', lanes: [LANE], capacity: 1, leaseMs: FOREVER_MS,
    }); // prettier-ignore
    for (let hops = 0; hops < MOST_HOPS; hops++) {
      const started = await ledger.startQueuedRuns(1);
      const outcomes = this.takeEnded();
      const { runs } = await ledger.attention(session, [LANE], 100);
      const capacity = new Map([[LANE, Math.max(0, (this.options.parallelism ?? 32) - this.running)]]);
      const result = await ledger.hop({ session, started: [], outcomes, runs: [...new Set([...started, ...runs])], capacity }, this.decide);
      const expanded = await ledger.expandTasks(100);
      const late = await ledger.timeOutRuns(1);
      const again = await ledger.retryRuns(1);
      this.stopCancelled((await ledger.attention(session, [LANE], 1)).cancels.map(({ attemptId }) => attemptId));
      for (const claimed of result.claimed) await this.begin(claimed);
      await this.runner.callBack(ledger);

      const run = ledger.run(pk)!;
      if (isRunFinished(run.state) && run.retryAt === null && this.running === 0) return run.state;
      if (result.claimed.length + expanded.length + late.length + again.length > 0 || run.woken || run.state === 'queued') continue;
      await this.jump(session);
    }
    throw new ThenceError('CONFLICT', `the run did not come to an end in ${MOST_HOPS} steps`);
  }

  private async begin(claimed: ClaimedAttempt): Promise<void> {
    this.running++;
    const { outcome, takesMs } = await this.runner.run(claimed, MAX_XCOM_BYTES);
    this.ending.push({ at: this.clock.now() + takesMs, outcome });
  }

  /** What has ended by now, the earliest first. */
  private takeEnded(): AttemptOutcome[] {
    const ended = this.ending.filter(({ at }) => at <= this.clock.now()).sort((a, b) => a.at - b.at);
    for (const each of ended) this.ending.splice(this.ending.indexOf(each), 1);
    this.running -= ended.length;
    return ended.map(({ outcome }) => outcome);
  }

  /** A try that was stopped ends at once, whatever it would have taken. */
  private stopCancelled(ids: readonly string[]): void {
    for (const [i, { outcome }] of this.ending.entries()) {
      if (ids.includes(outcome.attemptId)) this.ending[i] = { at: this.clock.now(), outcome };
    }
  }

  /** To the next thing that is due. */
  private async jump(session: string): Promise<void> {
    const { ledger, clock, pk } = this;
    const { nextDueInMs } = await ledger.attention(session, [LANE], 1);
    const { retryAt, deadlineAt } = ledger.run(pk)!;
    const waits = ledger.waits().map((wait) => ({ wait, end: this.endOfWait(wait) }));
    const now = clock.now();
    const times = [
      ...this.ending.map(({ at }) => at),
      ...(nextDueInMs === null ? [] : [now + nextDueInMs]),
      ...waits.map(({ end }) => end.at),
      ...[retryAt, deadlineAt].flatMap((at) => at ?? []),
    ];
    if (times.length === 0 || Math.min(...times) === Infinity) throw this.stuck();
    clock.moveTo(Math.min(...times));
    const over = waits.filter(({ end }) => end.at <= clock.now());
    await ledger.fireWaits(over.map(({ wait, end }) => ({ wait: wait.id, generation: wait.generation, event: end.event })));
  }

  private endOfWait({ spec, task }: ReturnType<MemoryLedger['waits']>[number]): { at: Instant; event: ResumeInfo['event'] } {
    const { events = {} } = this.options;
    const timeout = spec.timeoutAt ?? Infinity;
    const now = this.clock.now();
    if (spec.kind === 'time') {
      const at = Number(spec.args['at']);
      return at <= timeout ? { at, event: { kind: 'event', payload: { at } } } : { at: timeout, event: { kind: 'timeout' } };
    }
    if (Object.hasOwn(events, task.id)) {
      const event = events[task.id]!;
      return { at: now, event: event instanceof Error ? { kind: 'failed', message: event.message } : { kind: 'event', payload: event } };
    }
    return { at: timeout, event: { kind: 'timeout' } };
  }

  private stuck(): Error {
    const waits = this.ledger
      .waits()
      .map(({ task, spec }) => `task "${task.id}" waits for ${describeWait(spec)}: say what it comes to in \`events\``);
    const open = this.ledger.tasksOf(this.pk).filter(({ state }) => state === 'scheduled').map(({ id, pool }) => `task "${id}" waits for a slot of pool "${pool}"`); // prettier-ignore
    return new ThenceError('CONFLICT', `the run does not go on: ${[...waits, ...open].join('; ') || 'nothing is due'}`);
  }
}

/** The interval that the schedule has for this date, else that of a run triggered then. */
function intervalOf(spec: ReturnType<typeof serializeDag>['spec'], logicalDate: Instant): DataInterval | null {
  if (spec.timetable.kind === 'custom') return null;
  const timetable = timetableOfDag(spec);
  for (const { interval } of timetable.runsBetween(logicalDate, logicalDate)) return interval;
  return timetable.manualInterval(logicalDate);
}

function triggersFor({ triggers = [] }: RunDagOptions, from: LoadedFrom | null): TriggerClasses {
  if (from && triggers.length === 0) return from.triggers;
  const known = new TriggerClasses();
  for (const trigger of triggers) known.note(trigger);
  return known;
}

function sourceOf({ madeAt }: DAG<AnyParams>): { dagsFolder: string; filePath: string } | undefined {
  const file = madeAt?.replace(/:\d+:\d+$/, '');
  return file?.startsWith('/') ? { dagsFolder: dirname(file), filePath: file.slice(dirname(file).length + 1) } : undefined;
}

function checkNames(known: readonly string[], { mocks = {}, events = {} }: RunDagOptions): void {
  for (const [what, names] of [
    ['mocks', Object.keys(mocks)],
    ['events', Object.keys(events)],
  ] as const) {
    const unknown = names.find((name) => !known.includes(name));
    if (unknown === undefined) continue;
    throw new ThenceError(
      'INVALID_VALUE',
      `\`${what}\` names the task "${unknown}", which the DAG does not have${didYouMean(unknown, known) || `; it has ${known.join(', ')}`}`,
    );
  }
}
