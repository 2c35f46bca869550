/** `tasks run`: have the scheduler run one task instance, and look on. */
import { createRequire } from 'node:module';
import type { Command } from 'commander';
import { instanceName } from '../../core/workload';
import { isSchedulerAlive } from '../../read-model/cli/sessions';
import { parseCount } from '../arguments';
import { actor, withCommands } from '../context';
import { findNamedRun } from '../find-run';
import { endWith } from '../program';
import { readConfig } from '../read-config';
import { note } from '../report-error';

const load = createRequire(__filename);

interface RunOptions {
  readonly mapIndex?: number;
  readonly force?: boolean;
  readonly detach?: boolean;
}

export function runTask(command: Command): void {
  command
    .command('run')
    .argument('<dag_id>')
    .argument('<task_id>')
    .argument('<logical_date_or_run_id>', 'a run id, a logical date, or the day of one')
    .description('Have the scheduler run one task of a run that exists, alone, and follow it: its log, and what it waits for.')
    .option('--map-index <number>', 'this instance of a mapped task', parseCount(0))
    .option('--force', 'also when it has succeeded or was skipped, or waits in the middle of a try')
    .option('--detach', 'do not wait for its end')
    .addHelpText(
      'after',
      `
It is a clear of this task instance alone: what stands above it has to allow it, as always, and what has run below it keeps its states.
Exit code 0 when it succeeded or was skipped, 1 when it failed. Ctrl-C detaches, the task goes on.

Examples:
  $ thence tasks run hello greet 2026-01-31
  $ thence tasks run hello greet manual__1 --force --detach`,
    )
    .action(run);
}

async function run(dagId: string, taskId: string, which: string, { mapIndex = -1, force, detach }: RunOptions): Promise<void> {
  const config = readConfig();
  await withCommands(config, async (commands, db) => {
    const { run } = await findNamedRun(db, dagId, which);
    const at = { dagId, runId: run.run_id, taskId, mapIndex };
    const { was, lastTry } = await commands.runTask({ ...at, force }, actor);
    note(`task "${instanceName(at)}" of run "${run.run_id}" was ${was ?? 'none'} and is to run now`);
    if (detach) {
      if (!(await isSchedulerAlive(db))) note('no scheduler is alive: it runs when one does ("thence standalone" or "thence scheduler")');
      return;
    }
    const { followTask } = load('../follow-task') as typeof import('../follow-task');
    const { FileLogStore } = load('../../logs/file-log-store') as typeof import('../../logs/file-log-store');
    endWith(await followTask(db, new FileLogStore(config.home), { ...at, lastTry }));
  });
}
