/** What a person says about runs and tasks: `tasks mark`, `dags mark`, `dags delete-run`, `dags note`. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { MarkTasksRequest } from '../../commands/commands';
import { ThenceError } from '../../core/errors';
import { parseCount } from '../arguments';
import { confirm } from '../confirm';
import { actor, withCommands } from '../context';
import { findNamedRun } from '../find-run';
import { print, printRows, withOutput } from '../output';
import type { Format } from '../output';
import { readConfig } from '../read-config';
import { note } from '../report-error';

const whichRun = 'a run id, a logical date, or the day of one';

interface MarkOptions {
  readonly taskId: string[];
  readonly mapIndex?: number;
  readonly state: MarkTasksRequest['state'];
  readonly upstream?: boolean;
  readonly downstream?: boolean;
  readonly past?: boolean;
  readonly future?: boolean;
  readonly note?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly output: Format;
}

export function markTasks(command: Command): void {
  withOutput(command.command('mark'))
    .argument('<dag_id>')
    .argument('<logical_date_or_run_id>', whichRun)
    .description('Say what came of tasks, whatever came of them: what runs is stopped, what stands below is decided anew.')
    .requiredOption('--task-id <id...>', 'these tasks')
    .addOption(new Option('--state <state>', 'what they are now').choices(['success', 'failed', 'skipped']).makeOptionMandatory())
    .option('--map-index <number>', 'only this instance of a mapped task', parseCount(0))
    .option('-u, --upstream', 'also the tasks above them')
    .option('-d, --downstream', 'also the tasks below them')
    .option('--past', 'also in the runs before it')
    .option('--future', 'also in the runs after it')
    .option('--note <text>', 'a note on each task instance')
    .option('--dry-run', 'only list them')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ thence tasks mark hello 2026-01-31 --task-id greet --state success')
    .action(mark);
}

async function mark(dagId: string, which: string, options: MarkOptions): Promise<void> {
  const { taskId, mapIndex, state } = options;
  if (mapIndex !== undefined && taskId.length !== 1)
    throw new ThenceError('USAGE', '--map-index is of one mapped task: name just that with --task-id');
  await withCommands(readConfig(), async (commands, db) => {
    const { run } = await findNamedRun(db, dagId, which);
    const request: MarkTasksRequest = {
      dagId,
      runId: run.run_id,
      tasks: mapIndex === undefined ? taskId : [[taskId[0]!, mapIndex]],
      state,
      upstream: options.upstream,
      downstream: options.downstream,
      past: options.past,
      future: options.future,
      note: options.note,
    };
    const { items } = await commands.planMark(request);
    printRows(
      items.map((item) => ({
        dag_id: dagId,
        run_id: item.runId,
        task_id: item.taskId,
        map_index: item.mapIndex,
        state: item.state ?? 'none',
        action: item.action === 'mark' ? `mark ${state}` : item.action,
      })),
      options.output,
      options.mapIndex === undefined
        ? `nothing to mark: they are ${state} already`
        : `nothing to mark: there is no instance ${options.mapIndex}, or it is ${state} already`,
    );
    const count = items.filter(({ action }) => action === 'mark').length;
    if (count === 0) return;
    const sentence = `${count} task instance${count === 1 ? '' : 's'}`;
    if (options.dryRun) return note(`dry run, nothing was marked: ${sentence}`);
    await confirm(`${sentence} will be marked ${state}.`, options.yes);
    await commands.markTasks(request, actor);
    note(`marked ${state}: ${sentence}`);
  });
}

export function runVerdicts(command: Command): void {
  command
    .command('mark')
    .argument('<dag_id>')
    .argument('<logical_date_or_run_id>', whichRun)
    .addOption(new Option('--state <state>', 'what the run is now').choices(['success', 'failed']).makeOptionMandatory())
    .description('Mark a run: success makes all its tasks successful; failed stops what runs and skips the rest, teardowns excepted.')
    .addHelpText('after', '\nExample:\n  $ thence dags mark hello 2026-01-31 --state failed')
    .action(async (dagId: string, which: string, { state }: { state: 'success' | 'failed' }) => {
      const runId = await withCommands(readConfig(), async (commands, db) => {
        const { run } = await findNamedRun(db, dagId, which);
        await commands.markRun({ dagId, runId: run.run_id, state }, actor);
        return run.run_id;
      });
      print(`run "${runId}" is marked ${state}`);
    });

  command
    .command('delete-run')
    .argument('<dag_id>')
    .argument('<logical_date_or_run_id>', whichRun)
    .option('-y, --yes', 'do not ask')
    .description('Delete a run that is not running, with its values and logs.')
    .addHelpText('after', '\nExample:\n  $ thence dags delete-run hello 2026-01-31 --yes')
    .action(async (dagId: string, which: string, { yes }: { yes?: boolean }) => {
      const runId = await withCommands(readConfig(), async (commands, db) => {
        const { run } = await findNamedRun(db, dagId, which);
        await confirm(`Run "${run.run_id}" (${run.state}) of DAG "${dagId}" and its logs will be deleted.`, yes);
        await commands.deleteRun({ dagId, runId: run.run_id }, actor);
        return run.run_id;
      });
      print(`run "${runId}" is deleted`);
    });

  command
    .command('note')
    .argument('<dag_id>')
    .argument('<logical_date_or_run_id>', whichRun)
    .argument('<text>', 'empty: no note any more')
    .option('--task-id <id>', 'on a task instance of the run')
    .option('--map-index <number>', 'of a mapped task', parseCount(0))
    .description('Put a note on a run, or on one of its task instances.')
    .addHelpText('after', "\nExample:\n  $ thence dags note hello 2026-01-31 'the source was late' --task-id greet")
    .action(async (dagId: string, which: string, text: string, { taskId, mapIndex }: { taskId?: string; mapIndex?: number }) => {
      if (mapIndex !== undefined && taskId === undefined)
        throw new ThenceError('USAGE', '--map-index is of a mapped task: name that with --task-id');
      await withCommands(readConfig(), async (commands, db) => {
        const { run } = await findNamedRun(db, dagId, which);
        const at = { dagId, runId: run.run_id, note: text === '' ? null : text };
        await (taskId === undefined ? commands.setRunNote(at, actor) : commands.setTaskNote({ ...at, taskId, mapIndex }, actor));
      });
      print('the note is saved');
    });
}
