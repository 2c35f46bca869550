import { Option } from 'commander';
import type { Command } from 'commander';
import { DateTime } from 'luxon';
import { REPROCESS_BEHAVIORS } from '../../commands/commands';
import type { BackfillPlan, BackfillRequest, Commands, ReprocessBehavior } from '../../commands/commands';
import { ThenceError } from '../../core/errors';
import { findBackfill, listBackfills } from '../../read-model/cli/backfills';
import { isSchedulerAlive } from '../../read-model/cli/sessions';
import { parseConf, parseCount, parseDate, showDuration, showInstant } from '../arguments';
import { followBackfill } from '../backfill-progress';
import { actor, withCommands, withDatabase } from '../context';
import { print, printRows, withOutput } from '../output';
import type { Format } from '../output';
import { endWith } from '../program';
import { readConfig } from '../read-config';
import { note } from '../report-error';

interface CreateOptions {
  readonly dagId: string;
  readonly fromDate: string;
  readonly toDate: string;
  readonly maxActiveRuns: number;
  readonly reprocessBehavior: ReprocessBehavior;
  readonly runBackwards?: boolean;
  readonly taskId?: string[];
  readonly taskRegex?: string;
  readonly upstream?: boolean;
  readonly downstream?: boolean;
  readonly ownVersion?: boolean;
  readonly dagRunConf?: string;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly output: Format;
}

export function backfill(command: Command): void {
  withOutput(command.command('create'))
    .description(
      'Run a DAG for each of its data intervals in a range of dates. The scheduler carries it out, also while the DAG is paused.',
    )
    .requiredOption('--dag-id <id>', 'the DAG')
    .requiredOption('--from-date <date>', 'first logical date. ISO 8601; without an offset it is in the timezone of the DAG')
    .requiredOption('--to-date <date>', 'last logical date, inclusive; a day without a time is all of that day')
    .option('--max-active-runs <number>', 'so many runs at once, apart from the limit of the DAG', parseCount(1, 10_000), 10)
    .addOption(new Option('--reprocess-behavior <which>', 'which runs that exist start again').choices(REPROCESS_BEHAVIORS).default('none'))
    .option('--run-backwards', 'the newest first')
    .option('--dag-run-conf <json>', 'a JSON object: the conf of each run')
    .option('--task-id <id...>', 'only these tasks')
    .option('-t, --task-regex <pattern>', 'only tasks whose id this regular expression matches')
    .option('-u, --upstream', 'also the tasks above them')
    .option('-d, --downstream', 'also the tasks below them')
    .option('--own-version', 'runs that start again do so on the code that they had, not on the newest')
    .option('--dry-run', 'only list the intervals, what is there for each, and what would be done')
    .option('--detach', 'do not wait for its end')
    .addHelpText(
      'after',
      `
Shows the progress and waits for the end; exit code 1 if runs failed. Ctrl-C detaches, the backfill goes on.

Examples:
  $ thence backfill create --dag-id hello --from-date 2026-01-01 --to-date 2026-01-31 --dry-run
  $ thence backfill create --dag-id hello --from-date 2026-01-01 --to-date 2026-01-31 --max-active-runs 4 --reprocess-behavior failed
  $ thence backfill create --dag-id hello --from-date 2026-01-01 --to-date 2026-01-31 --reprocess-behavior completed --task-id greet --upstream`,
    )
    .action(create);

  withOutput(command.command('list'))
    .description('List the backfills, the newest first.')
    .option('--dag-id <id>', 'only of this DAG')
    .addHelpText('after', '\nExample:\n  $ thence backfill list --dag-id hello')
    .action(async ({ dagId, output }: { dagId?: string; output: Format }) => {
      const found = await withDatabase(readConfig(), (db) => listBackfills(db, dagId ?? null));
      printRows(
        found.map((each) => ({
          id: each.id,
          dag_id: each.dag_id,
          state: each.state,
          from_date: showInstant(each.from_date),
          to_date: showInstant(each.to_date),
          total: each.total,
          success: each.success,
          failed: each.failed,
          running: each.running,
          queued: each.queued,
          skipped: each.skipped,
          left: each.eta_ms === null ? null : showDuration(each.eta_ms),
          tasks: each.task_ids?.join(',') ?? null,
          created_at: showInstant(each.created_at),
          completed_at: showInstant(each.completed_at),
        })),
        output,
        'no backfills',
      );
    });

  command
    .command('cancel')
    .argument('<backfill_id>', 'as "thence backfill list" shows it', parseCount(1))
    .description('Cancel a backfill: it starts no more runs; those that run go on to their end, unless they are to be stopped.')
    .option('--stop-running', 'also mark its running runs failed')
    .addHelpText('after', '\nExample:\n  $ thence backfill cancel 3')
    .action(async (id: number, { stopRunning }: { stopRunning?: boolean }) => {
      await withCommands(readConfig(), (commands) => commands.cancelBackfill(id, actor, { stopRunning }));
      print(`backfill ${id} is cancelled`);
    });
  onOne(
    command,
    'pause',
    'Pause a backfill: it starts no runs until it is unpaused.',
    (commands, id) => commands.pauseBackfill(id, actor),
    'paused',
  );
  onOne(command, 'unpause', 'Let a paused backfill go on.', (commands, id) => commands.unpauseBackfill(id, actor), 'unpaused');
}

async function create(options: CreateOptions): Promise<void> {
  checkOrder(options.fromDate, options.toDate);
  const request: BackfillRequest = {
    dagId: options.dagId,
    from: options.fromDate,
    to: options.toDate,
    maxActiveRuns: options.maxActiveRuns,
    reprocessBehavior: options.reprocessBehavior,
    runBackwards: options.runBackwards ?? false,
    conf: parseConf(options.dagRunConf, '--dag-run-conf'),
    tasks: options.taskId,
    taskPattern: options.taskRegex,
    upstream: options.upstream,
    downstream: options.downstream,
    runOnLatestVersion: options.ownVersion !== true,
  };
  await withCommands(readConfig(), async (commands, db) => {
    if (options.dryRun === true) return printPlan(await commands.dryRunBackfill(request), options.output);
    const created = await commands.createBackfill(request, actor);
    print(`backfill ${created.id} of "${created.dagId}": ${created.total} interval${created.total === 1 ? '' : 's'}`);
    if (!(await isSchedulerAlive(db)))
      note('no scheduler is alive: the backfill begins when one does ("thence standalone" or "thence scheduler")');
    if (options.detach === true) return print(`"thence backfill list" shows its progress`);
    endWith(await followBackfill(() => findBackfill(db, created.id)));
  });
}

function printPlan(plan: BackfillPlan, format: Format): void {
  const elsewhere = plan.timezone !== 'UTC';
  printRows(
    plan.items.map((item) => ({
      logical_date: showInstant(item.logicalDate),
      data_interval_start: showInstant(item.interval.start),
      data_interval_end: showInstant(item.interval.end),
      ...(elsewhere ? { [`start in ${plan.timezone}`]: item.local.start, [`end in ${plan.timezone}`]: item.local.end } : {}),
      action: item.action,
      existing_run: item.existing === null ? null : `${item.existing.runId} (${item.existing.state})`,
    })),
    format,
    `DAG "${plan.dagId}" has no interval in this range`,
  );
  if (plan.tasks) note(`only the task${plan.tasks.length === 1 ? '' : 's'} ${plan.tasks.join(', ')}`);
  const count = (action: string) => plan.items.filter((item) => item.action === action).length;
  note(
    `dry run, nothing was stored: ${plan.items.length} interval${plan.items.length === 1 ? '' : 's'}, ${count('create')} to create, ${count('clear')} to run again, ${count('skip')} to leave as they are`,
  );
}

/** Before the database is asked; dates of which only one has an offset are compared there, where the DAG's timezone is known. */
function checkOrder(fromDate: string, toDate: string): void {
  const [from, to] = [parseDate(fromDate, 'UTC', '--from-date'), parseDate(toDate, 'UTC', '--to-date')];
  const hasOffset = (given: string) => DateTime.fromISO(given, { setZone: true, zone: 'Etc/GMT-11' }).zoneName !== 'Etc/GMT-11';
  if (from > to && hasOffset(fromDate) === hasOffset(toDate)) {
    throw new ThenceError(
      'USAGE',
      `--from-date ${fromDate} is after --to-date ${toDate}; the range goes from the earlier date to the later one (--run-backwards runs it from its end)`,
    );
  }
}

function onOne(
  command: Command,
  name: string,
  description: string,
  act: (commands: Commands, id: number) => Promise<void>,
  done: string,
): void {
  command
    .command(name)
    .argument('<backfill_id>', 'as "thence backfill list" shows it', parseCount(1))
    .description(description)
    .addHelpText('after', `\nExample:\n  $ thence backfill ${name} 3`)
    .action(async (id: number) => {
      await withCommands(readConfig(), (commands) => act(commands, id));
      print(`backfill ${id} is ${done}`);
    });
}
