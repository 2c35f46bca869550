/** `tasks clear` and `dags clear`: list what will run again, ask, do it. */
import type { Command } from 'commander';
import type { ClearTasksRequest, TaskPick, TaskPlan } from '../../commands/commands';
import { ThenceError } from '../../core/errors';
import type { Database } from '../../db/database';
import { listDags } from '../../read-model/cli/dags';
import { isSchedulerAlive } from '../../read-model/cli/sessions';
import { parseConf, parseCount, parseDate } from '../arguments';
import { confirm } from '../confirm';
import { actor, withCommands } from '../context';
import { printRows, withOutput } from '../output';
import type { Format } from '../output';
import { readConfig } from '../read-config';
import { note } from '../report-error';

interface ClearOptions {
  readonly runId?: string;
  readonly startDate?: string;
  readonly endDate?: string;
  readonly past?: boolean;
  readonly future?: boolean;
  readonly onlyFailed?: boolean;
  readonly onlyRunning?: boolean;
  readonly conf?: string;
  readonly note?: string;
  readonly latestVersion?: boolean;
  readonly ownVersion?: boolean;
  readonly preventRunningTask?: boolean;
  readonly resetDagRuns: boolean;
  readonly dagRegex?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly output: Format;
}

interface TaskOptions extends ClearOptions {
  readonly taskRegex?: string;
  readonly taskId?: string[];
  readonly mapIndex?: number;
  readonly upstream?: boolean;
  readonly downstream?: boolean;
}

export function clearTasks(command: Command): void {
  withClearOptions(command.command('clear'))
    .description('Let task instances run again, as if they had not run yet.')
    .option('-t, --task-regex <pattern>', 'only tasks whose id this regular expression matches')
    .option('--task-id <id...>', 'only these tasks')
    .option('--map-index <number>', 'only this instance of the mapped task that --task-id names', parseCount(0))
    .option('-u, --upstream', 'also the tasks above them')
    .option('-d, --downstream', 'also the tasks below them')
    .addHelpText(
      'after',
      `
Lists what will run again and asks. What rules had decided below a cleared task is decided anew; setups and teardowns are cleared with
their task. Tasks that run are stopped and start again.

Examples:
  $ thence tasks clear hello --run-id manual__1 --task-id greet --downstream
  $ thence tasks clear hello -s 2026-01-01 -e 2026-01-31 --only-failed --yes
  $ thence tasks clear hello -t '^load_' --dry-run`,
    )
    .action((dagId: string, options: TaskOptions) =>
      clear(dagId, options, {
        taskPattern: options.taskRegex,
        tasks: picksOf(options),
        upstream: options.upstream,
        downstream: options.downstream,
      }),
    );
}

export function clearRuns(command: Command): void {
  withClearOptions(command.command('clear'))
    .description('Let runs start again, with all their tasks or with those that failed.')
    .addHelpText(
      'after',
      `
Examples:
  $ thence dags clear hello --run-id manual__1
  $ thence dags clear hello -s 2026-01-01 -e 2026-01-31 --only-failed --yes`,
    )
    .action((dagId: string, options: ClearOptions) => clear(dagId, options, {}));
}

function withClearOptions(command: Command): Command {
  return withOutput(command)
    .argument('<dag_id>')
    .option('--run-id <id>', 'only in this run')
    .option('-s, --start-date <date>', 'in runs from this logical date on')
    .option('-e, --end-date <date>', 'in runs up to this logical date; a day without a time is all of that day')
    .option('--past', 'with --run-id: also in the runs before it')
    .option('--future', 'with --run-id: also in the runs after it')
    .option('-f, --only-failed', 'only what has failed')
    .option('-r, --only-running', 'only what runs')
    .option('-R, --dag-regex', 'dag_id is a regular expression: all DAGs that it matches')
    .option('-c, --conf <json>', "a JSON object in place of the runs' conf")
    .option('--note <text>', 'a note on each task instance')
    .option('--latest-version', 'go on with the newest code, whatever the DAG says')
    .option('--own-version', 'go on with the code that each run had')
    .option('--prevent-running-task', 'do nothing if one of them runs')
    .option('--no-reset-dag-runs', 'leave runs that have ended as they are: what is cleared waits in them')
    .option('--dry-run', 'only list them')
    .option('-y, --yes', 'do not ask');
}

function picksOf({ taskId, mapIndex }: TaskOptions): ClearTasksRequest['tasks'] {
  if (mapIndex === undefined) return taskId;
  if (taskId?.length !== 1) throw new ThenceError('USAGE', '--map-index is one of a mapped task: name that with --task-id');
  return [[taskId[0]!, mapIndex]];
}

async function clear(dagId: string, options: ClearOptions, what: Partial<ClearTasksRequest>): Promise<void> {
  checkUsage(options);
  const rest: Omit<ClearTasksRequest, 'dagId'> = {
    runId: options.runId,
    from: options.startDate,
    to: options.endDate,
    past: options.past,
    future: options.future,
    onlyFailed: options.onlyFailed,
    onlyRunning: options.onlyRunning,
    resetDagRuns: options.resetDagRuns,
    version: options.latestVersion ? 'latest' : options.ownVersion ? 'own' : null,
    ...(options.conf === undefined ? {} : { conf: parseConf(options.conf, '--conf') }),
    note: options.note,
    preventRunningTask: options.preventRunningTask,
    ...what,
  };
  await withCommands(readConfig(), async (commands, db) => {
    const requests = (await dagsOf(db, dagId, options)).map((id) => ({ ...rest, dagId: id }));
    const plans = await each(requests, (request) => commands.planClear(request));
    const [pick] = what.tasks ?? [];
    printPlans(plans, options.output, nothing(pick, options));
    const count = countOf(plans);
    if (count.tasks === 0) return;
    if (options.dryRun) return note(`dry run, nothing was cleared: ${sentence(count)}`);
    await confirm(`${sentence(count)} will be cleared.`, options.yes);
    const done = countOf(await each(requests, (request) => commands.clearTasks(request, actor)));
    note(`cleared: ${sentence(done)}`);
    if (!(await isSchedulerAlive(db))) note('no scheduler is alive: they run when one does ("thence standalone" or "thence scheduler")');
  });
}

function checkUsage(options: ClearOptions): void {
  if (options.latestVersion && options.ownVersion) throw new ThenceError('USAGE', 'give --latest-version or --own-version, not both');
  if (options.runId !== undefined && (options.startDate ?? options.endDate) !== undefined) {
    throw new ThenceError('USAGE', '--run-id names one run, --start-date and --end-date a range of runs: give one of the two');
  }
  for (const [given, name] of [
    [options.startDate, '--start-date'],
    [options.endDate, '--end-date'],
  ] as const) {
    if (given !== undefined) parseDate(given, 'UTC', name);
  }
}

async function dagsOf(db: Database, dagId: string, { dagRegex }: ClearOptions): Promise<string[]> {
  if (!dagRegex) return [dagId];
  let pattern: RegExp;
  try {
    pattern = new RegExp(dagId);
  } catch (error) {
    throw new ThenceError('USAGE', `"${dagId}" is not a regular expression: ${(error as Error).message}`);
  }
  const found = (await listDags(db, {})).map((dag) => dag.dag_id).filter((id) => pattern.test(id));
  if (found.length === 0) throw new ThenceError('NOT_FOUND', `no DAG matches "${dagId}"; "thence dags list" shows all`);
  return found;
}

async function each<T>(requests: readonly ClearTasksRequest[], act: (request: ClearTasksRequest) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const request of requests) results.push(await act(request));
  return results;
}

function nothing(pick: TaskPick | undefined, { onlyFailed, onlyRunning }: ClearOptions): string {
  if (pick === undefined || typeof pick === 'string') return 'nothing to clear';
  return `nothing to clear: there is no instance ${pick[1]} of "${pick[0]}"${onlyFailed || onlyRunning ? ' in that state' : ''}`;
}

function printPlans(plans: readonly TaskPlan[], format: Format, otherwise: string): void {
  const rows = plans.flatMap(({ dagId, items }) =>
    items.map(({ runId, taskId, mapIndex, state, action, version }) => ({
      dag_id: dagId,
      run_id: runId,
      task_id: taskId,
      map_index: mapIndex,
      state: state ?? 'none',
      action,
      version,
    })),
  );
  printRows(rows, format, otherwise);
}

function countOf(plans: readonly TaskPlan[]): { tasks: number; runs: number } {
  const tasks = plans.flatMap(({ items }) => items.filter(({ action }) => action === 'clear'));
  return { tasks: tasks.length, runs: plans.flatMap(({ runs }) => runs).length };
}

function sentence({ tasks, runs }: { tasks: number; runs: number }): string {
  return `${tasks} task instance${tasks === 1 ? '' : 's'} in ${runs} run${runs === 1 ? '' : 's'}`;
}
