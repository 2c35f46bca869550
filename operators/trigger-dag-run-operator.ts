import { DateTime } from 'luxon';
import { durationToMs, type DurationInput } from '../src/core/duration';
import { ThenceError } from '../src/core/errors';
import type { JsonObject } from '../src/core/json';
import { isRunFinished, RUN_STATES, type RunState } from '../src/core/states';
import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import { madeAt } from '../src/dag/location';
import { boolean, listOf, oneOf, positiveDuration } from '../src/dag/option-checks';
import { SkipError } from '../src/dag/task-errors';
import type { DateInput, OperatorOptions } from '../src/dag/types';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineOf, nowOf } from './engine-access';
import { anyOf, checkOwnOptions, filledText, plainObject } from './own-options';

export interface TriggerDagRunOptions {
  /** Any DAG of the same thence. */
  dagId: string;
  /** Checked by that DAG's params. */
  conf?: JsonObject;
  /** ISO 8601 text (a template), a Date or a luxon DateTime. @default the moment of triggering */
  logicalDate?: DateInput;
  /** A template, such as 'for__{{ run_id }}': the same id twice triggers one run. @default made up anew with each try */
  runId?: string;
  /** Clears the run that is there already with this id or logical date, and so runs it again. @default false */
  resetDagRun?: boolean;
  /** Skips this task when there is such a run already. @default false: it fails */
  skipWhenAlreadyExists?: boolean;
  /** Succeeds or fails with the run. @default false: it only triggers it */
  waitForCompletion?: boolean;
  /** Between two looks at the run. @default 60 s; of a deferrable one 5 s */
  pokeInterval?: DurationInput;
  /** @default ['success'] */
  allowedStates?: readonly RunState[];
  /** @default ['failed'] */
  failedStates?: readonly RunState[];
  /** Waits in the triggerer, without a process. @default false */
  deferrable?: boolean;
}

const states = listOf(oneOf(...RUN_STATES));
const checks = {
  dagId: filledText,
  conf: plainObject,
  logicalDate: anyOf('an ISO 8601 date, a template of one, a Date, or a luxon DateTime', filledText, (value) =>
    value instanceof Date || DateTime.isDateTime(value) ? null : '',
  ),
  runId: filledText,
  resetDagRun: boolean,
  skipWhenAlreadyExists: boolean,
  waitForCompletion: boolean,
  pokeInterval: positiveDuration,
  allowedStates: states,
  failedStates: states,
  deferrable: boolean,
};

/** What was triggered: the task's output, and its XCom `trigger_run_id` from the moment of triggering on. */
export interface TriggeredDagRun {
  dagId: string;
  runId: string;
}

const RUN_ID_KEY = 'trigger_run_id';

/** Triggers a run of another DAG, as a person would: it is checked alike, and stands in the audit log under the name of the task. */
export class TriggerDagRunOperator<Mapped extends string = never> extends BaseOperator<TriggeredDagRun, TriggerDagRunOptions, Mapped> {
  static override readonly templateFields: readonly string[] = ['dagId', 'conf', 'logicalDate', 'runId'];
  static override readonly optionNames: readonly string[] | undefined = Object.keys(checks);

  constructor(id: string, options: OperatorOptions<TriggerDagRunOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, checks, ['dagId']);
    const { resetDagRun, skipWhenAlreadyExists, waitForCompletion, deferrable, pokeInterval } = this.options;
    const wrong =
      resetDagRun && skipWhenAlreadyExists
        ? '`resetDagRun` and `skipWhenAlreadyExists`, which exclude each other'
        : !waitForCompletion && (deferrable || pokeInterval !== undefined)
          ? `\`${deferrable ? 'deferrable' : 'pokeInterval'}\`, which says how to wait, but not \`waitForCompletion\``
          : null;
    if (wrong) throw new ThenceError('DAG_FILE', `task "${this.id}"${madeAt(this)} has ${wrong}`);
  }

  async execute(context: TaskContext): Promise<TriggeredDagRun> {
    const { dagId, conf = {}, runId = null, resetDagRun, skipWhenAlreadyExists, waitForCompletion } = this.options;
    const run = await engineOf(context).triggerRun({
      dagId,
      runId,
      logicalDate: this.logicalDate(context),
      conf,
      ifExists: resetDagRun ? 'clear' : skipWhenAlreadyExists ? 'keep' : 'fail',
    });
    await context.xcom.push(RUN_ID_KEY, run.runId);
    if (run.became === 'kept') throw new SkipError(`DAG "${dagId}" has the run "${run.runId}" already`);
    context.log.info(`${run.became === 'cleared' ? 'Cleared' : 'Triggered'} run "${run.runId}" of DAG "${dagId}"`);
    if (run.isPaused) context.log.warn(`DAG "${dagId}" is paused: the run starts when it is unpaused`);
    const triggered = { dagId, runId: run.runId };
    return waitForCompletion ? this.follow(context, triggered) : triggered;
  }

  /** Goes on after the deferral. */
  async afterRun(context: TaskContext): Promise<TriggeredDagRun> {
    const runId = (await context.xcom.pull(null, { key: RUN_ID_KEY })) as string;
    return this.follow(context, { dagId: this.options.dagId, runId });
  }

  private async follow(context: TaskContext, run: TriggeredDagRun): Promise<TriggeredDagRun> {
    const { allowedStates: allowed = ['success'], failedStates: failed = ['failed'], deferrable, pokeInterval } = this.options;
    const intervalMs = durationToMs(pokeInterval ?? (deferrable ? 5_000 : 60_000), 'pokeInterval');
    for (;;) {
      const state = await engineOf(context).getRunState(run);
      if (state === null) throw new Error(`the run "${run.runId}" of DAG "${run.dagId}" is there no more`);
      if (failed.includes(state)) throw new Error(`the run "${run.runId}" of DAG "${run.dagId}" is ${state}`);
      if (allowed.includes(state)) return run;
      if (isRunFinished(state)) context.log.warn(`The run is ${state}, which is neither allowed nor failed: waiting until it is run again`);
      if (deferrable)
        context.defer(
          { kind: 'dag-run', args: { ...run, allowed, failed }, intervalMs, firstCheckAt: nowOf(context) + intervalMs },
          { resume: 'afterRun' },
        );
      await sleep(intervalMs, undefined, { signal: context.signal }).catch(() => context.signal.throwIfAborted());
    }
  }

  private logicalDate({ dag }: TaskContext): string | null {
    const given = this.options.logicalDate;
    if (given === undefined) return null;
    const date =
      given instanceof Date
        ? DateTime.fromJSDate(given)
        : DateTime.isDateTime(given)
          ? given
          : DateTime.fromISO(given, { zone: dag.options.timezone ?? 'UTC' });
    if (date.isValid) return date.toUTC().toISO();
    throw new ThenceError('INVALID_VALUE', `\`logicalDate\` of task "${this.id}" is ${String(given)}, which is no ISO 8601 date`);
  }
}
