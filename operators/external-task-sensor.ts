import { DateTime } from 'luxon';
import { didYouMean } from '../src/core/did-you-mean';
import { parseDuration, type DurationInput } from '../src/core/duration';
import { ThenceError } from '../src/core/errors';
import { judgeExternal } from '../src/core/external-task';
import { TASK_STATES, type TaskState } from '../src/core/states';
import type { BuiltInWait, ExternalQuery, ExternalStates } from '../src/core/waits';
import type { TaskContext } from '../src/dag/context';
import { madeAt } from '../src/dag/location';
import { boolean, duration, func, listOf, oneOf } from '../src/dag/option-checks';
import { FailError, SkipError } from '../src/dag/task-errors';
import type { OperatorOptions } from '../src/dag/types';
import { BaseSensor, type SensorOptions } from './base-sensor';
import { anyOf, checkOwnOptions, filledText } from './own-options';
import { engineOf } from './engine-access';

type State = TaskState & string;
type DateGiven = Date | DateTime | string;

export interface ExternalTaskSensorOptions {
  /** The DAG to wait for; it may be this one, in another run. */
  dagId: string;
  /** One task of it. Of a mapped task: all its instances. Without this and the next two: the whole run. */
  taskId?: string;
  taskIds?: readonly string[];
  /** All tasks of a group, and of the groups in it. */
  taskGroup?: string;
  /** The run to wait for is so much older: its logical date is this run's minus this. @default the same logical date */
  executionDelta?: DurationInput;
  /** Or a function of this run's logical date, which returns that of the run, or of several that are all waited for. */
  logicalDate?: (logicalDate: DateTime<true>, context: TaskContext) => DateGiven | readonly DateGiven[];
  /** Or the run's id. */
  runId?: string;
  /** All that is waited for is in one of these. @default ['success'] */
  allowedStates?: readonly State[];
  /** One in one of these fails the task (with `softFail`: skips it). @default none: it is waited for until the timeout */
  failedStates?: readonly State[];
  /** One in one of these skips the task. @default none */
  skippedStates?: readonly State[];
  /** Fails when there is no such DAG, task or group, instead of waiting for it. @default false */
  checkExistence?: boolean;
}

const states = listOf(oneOf(...TASK_STATES));
const checks = {
  dagId: filledText,
  taskId: filledText,
  taskIds: anyOf('a list of at least one task id', (value) => (Array.isArray(value) && value.length > 0 ? listOf(filledText)(value) : '')),
  taskGroup: filledText,
  executionDelta: duration,
  logicalDate: func,
  runId: filledText,
  allowedStates: states,
  failedStates: states,
  skippedStates: states,
  checkExistence: boolean,
};

/** Waits for runs, tasks or groups of another DAG. It may look at any DAG. */
export class ExternalTaskSensor<Mapped extends string = never> extends BaseSensor<undefined, ExternalTaskSensorOptions, Mapped> {
  static override readonly templateFields: readonly string[] = ['dagId', 'taskId', 'taskIds', 'taskGroup', 'runId'];
  static override readonly optionNames: readonly string[] | undefined = Object.keys(checks);

  constructor(id: string, options: OperatorOptions<ExternalTaskSensorOptions & SensorOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, checks, ['dagId']);
    this.atMostOne(['taskId', 'taskIds', 'taskGroup']);
    this.atMostOne(['executionDelta', 'logicalDate', 'runId']);
    this.checkStates();
  }

  async poke(context: TaskContext): Promise<boolean> {
    const query = this.query(context);
    const engine = engineOf(context);
    if (this.options.checkExistence) await this.checkThatItExists(context, query);
    const wanted = this.wantedStates();
    const verdict = judgeExternal({ ...query, ...wanted }, await engine.getExternalRuns(query));
    switch (verdict) {
      case 'failed':
        throw new FailError(`${describe(query)} is in one of the states ${wanted.failed.join(', ')}`);
      case 'skipped':
        throw new SkipError(`${describe(query)} is in one of the states ${wanted.skipped.join(', ')}`);
      case 'allowed':
        return true;
      case 'waiting':
        context.log.info(`${describe(query)}: not yet ${wanted.allowed.join(' or ')}`);
        return false;
    }
  }

  override waitFor(context: TaskContext): BuiltInWait {
    return { kind: 'external-task', args: { ...this.query(context), ...this.wantedStates() } };
  }

  private query(context: TaskContext): ExternalQuery {
    const { dagId, taskId, taskIds, taskGroup, runId } = this.options;
    return {
      dagId,
      taskIds: taskIds ?? (taskId === undefined ? null : [taskId]),
      groupId: taskGroup ?? null,
      logicalDates: runId === undefined ? this.logicalDates(context) : [],
      runIds: runId === undefined ? [] : [runId],
    };
  }

  private logicalDates(context: TaskContext): number[] {
    const { executionDelta, logicalDate } = this.options;
    if (logicalDate) {
      const dates = [logicalDate(context.logicalDate, context)].flat().map((date) => this.instantOf(date));
      if (dates.length === 0) throw new ThenceError('INVALID_VALUE', `\`logicalDate\` of task "${this.id}" returned no date to wait for`);
      return dates;
    }
    if (executionDelta === undefined) return [context.logicalDate.toMillis()];
    const local = context.logicalDate.setZone(context.dag.options.timezone ?? 'UTC');
    return [local.minus(parseDuration(executionDelta, `\`executionDelta\` of task "${this.id}"`)).toMillis()];
  }

  private instantOf(date: DateGiven): number {
    const parsed = typeof date === 'string' ? DateTime.fromISO(date, { zone: 'utc' }) : date;
    if ((parsed instanceof Date || DateTime.isDateTime(parsed)) && Number.isFinite(parsed.valueOf())) return parsed.valueOf();
    throw new ThenceError('INVALID_VALUE', `\`logicalDate\` of task "${this.id}" returned ${String(date)}, which is no date`);
  }

  private wantedStates(): ExternalStates {
    const { allowedStates, failedStates = [], skippedStates = [] } = this.options;
    return { allowed: allowedStates ?? ['success'], failed: failedStates, skipped: skippedStates };
  }

  private async checkThatItExists(context: TaskContext, { dagId, taskIds, groupId }: ExternalQuery): Promise<void> {
    const dag = await engineOf(context).getDagTasks(dagId);
    if (!dag) throw new FailError(`there is no DAG "${dagId}" to wait for`);
    const missing = (taskIds ?? []).find((id) => !dag.taskIds.includes(id));
    if (missing !== undefined) throw new FailError(`DAG "${dagId}" has no task "${missing}"${didYouMean(missing, dag.taskIds)}`);
    if (groupId !== null && !dag.groupIds.includes(groupId))
      throw new FailError(`DAG "${dagId}" has no group "${groupId}"${didYouMean(groupId, dag.groupIds)}`);
  }

  private atMostOne(names: readonly string[]): void {
    const given = names.filter((name) => name in this.options || this['~isExpanded'](name));
    if (given.length < 2) return;
    throw new ThenceError(
      'DAG_FILE',
      `task "${this.id}"${madeAt(this)} has ${given.map((name) => `\`${name}\``).join(' and ')}: give one of them`,
    );
  }

  private checkStates(): void {
    const { allowed, failed, skipped } = this.wantedStates();
    const twice = [...allowed, ...failed, ...skipped].find((state, at, all) => all.indexOf(state) !== at);
    if (twice === undefined) return;
    throw new ThenceError(
      'DAG_FILE',
      `task "${this.id}"${madeAt(this)} has the state '${twice}' twice among \`allowedStates\`, \`failedStates\` and \`skippedStates\``,
    );
  }
}

function describe({ dagId, taskIds, groupId, logicalDates, runIds }: ExternalQuery): string {
  const what = taskIds ? `${taskIds.join(', ')} of ` : groupId !== null ? `group ${groupId} of ` : '';
  const runs = [...logicalDates.map((at) => new Date(at).toISOString()), ...runIds];
  return `${what}DAG "${dagId}" (${runs.length > 3 ? `${runs.length} runs` : runs.join(', ')})`;
}
