import { createRequire } from 'node:module';
import type { Command } from 'commander';
import { didYouMean } from '../../core/did-you-mean';
import { ThenceError } from '../../core/errors';
import { compileDag } from '../../dag-spec/compiled-dag';
import { findDag } from '../../read-model/cli/dags';
import { listTaskInstances } from '../../read-model/cli/runs';
import type { ListedTaskInstance } from '../../read-model/cli/runs';
import { parseCount, showInstant } from '../arguments';
import { withDatabase } from '../context';
import { blockerLine } from '../../read-model/why/blocker';
import { findTaskBlockers } from '../../read-model/why/find-blockers';
import { findNamedRun } from '../find-run';
import { toTree } from '../graph-text';
import { print, printRows, withOutput } from '../output';
import type { Format } from '../output';
import { readConfig } from '../read-config';
import { clearTasks } from './clear';
import { runTask } from './run-task';
import { markTasks } from './verdicts';

const load = createRequire(__filename);

export function tasks(command: Command): void {
  withOutput(command.command('list'))
    .argument('<dag_id>')
    .description('List the tasks of a DAG, in an order in which they could run.')
    .option('-t, --tree', 'as a tree')
    .addHelpText('after', '\nExamples:\n  $ thence tasks list hello\n  $ thence tasks list hello --tree')
    .action(async (dagId: string, { output, tree }: { output: Format; tree?: boolean }) => {
      const { spec } = await withDatabase(readConfig(), (db) => findDag(db, dagId));
      const dag = compileDag('shown', spec);
      if (tree === true) return print(toTree(dag));
      printRows(
        [...dag.tasks.values()].map(({ spec: task, upstream, downstream }) => ({
          task_id: task.id,
          operator: task.operator,
          trigger_rule: task.triggerRule,
          retries: task.retries,
          pool: task.pool,
          upstream: upstream.join(','),
          downstream: downstream.join(','),
        })),
        output,
        `DAG "${dagId}" has no tasks`,
      );
    });

  command
    .command('test')
    .argument('<dag_id>')
    .argument('<task_id>')
    .argument('[logical_date]', 'ISO 8601; without an offset in the timezone of the DAG; a day alone is its scheduled run. Default: now')
    .description('Run one task once, here and now, without what stands before it; nothing is stored.')
    .option('-t, --task-params <json>', 'a JSON object; overrides the params of the DAG')
    .option('-f, --dagfile-path <file>', 'the DAG file, instead of looking through the DAGs folder')
    .option('--dags-folder <folder>', 'where the DAG files are (THENCE_DAGS_FOLDER)')
    .addHelpText(
      'after',
      `
Its inputs from other tasks are absent, as are their XComs. Prints its log as it comes; exit code 1 if it fails.

Example:
  $ thence tasks test hello greet 2026-01-31`,
    )
    .action((dagId: string, taskId: string, date: string | undefined, options: object) =>
      (load('./dags-test') as typeof import('./dags-test')).testTask(dagId, taskId, date, options),
    );

  withOutput(command.command('render'))
    .argument('<dag_id>')
    .argument('<task_id>')
    .argument('[logical_date]', 'as of "tasks test"')
    .description('Print the options of a task with their templates filled in, without running it; nothing is stored.')
    .option('--map-index <number>', 'which instance of a mapped task (default: 0)', parseCount(0))
    .option('--outputs <json>', 'what other tasks returned: a JSON object by task id')
    .option('-t, --task-params <json>', 'a JSON object; overrides the params of the DAG')
    .option('-f, --dagfile-path <file>', 'the DAG file, instead of looking through the DAGs folder')
    .option('--dags-folder <folder>', 'where the DAG files are (THENCE_DAGS_FOLDER)')
    .addHelpText(
      'after',
      `
Secrets are masked. What a run has had is on the page of its task.

Examples:
  $ thence tasks render hello report 2026-01-31
  $ thence tasks render sales load --outputs '{"extract": [1, 2, 3]}' -o json`,
    )
    .action((dagId: string, taskId: string, date: string | undefined, options: { output: Format }) =>
      (load('./dags-test') as typeof import('./dags-test')).renderTask(dagId, taskId, date, options),
    );

  runTask(command);
  clearTasks(command);
  markTasks(command);

  command
    .command('state')
    .argument('<dag_id>')
    .argument('<task_id>')
    .argument('<logical_date_or_run_id>')
    .description('Print the state of a task in a run; of a mapped one, how many of its instances are in which.')
    .option('--map-index <number>', 'of one mapped instance', parseCount(0))
    .addHelpText('after', '\nExample:\n  $ thence tasks state hello greet 2026-01-31')
    .action(async (dagId: string, taskId: string, which: string, { mapIndex }: { mapIndex?: number }) => {
      await withDatabase(readConfig(), async (db) => {
        const { run } = await findNamedRun(db, dagId, which);
        const instances = await listTaskInstances(db, run.pk);
        const found = instances.filter(
          (instance) => instance.task_id === taskId && (mapIndex === undefined || instance.map_index === mapIndex),
        );
        if (found.length > 0) return print(mapIndex === undefined ? stateOf(found) : (found[0]!.state ?? 'none'));
        if (mapIndex !== undefined && instances.some((instance) => instance.task_id === taskId))
          throw new ThenceError('NOT_FOUND', `task "${taskId}" of run "${run.run_id}" has no instance with the map index ${mapIndex}`);
        if (instances.length === 0)
          throw new ThenceError('NOT_FOUND', `run "${run.run_id}" of "${dagId}" has not started: its tasks are made when it does`);
        const known = instances.map((instance) => instance.task_id);
        throw new ThenceError(
          'NOT_FOUND',
          `run "${run.run_id}" of "${dagId}" has no task "${taskId}"${didYouMean(taskId, known) || `; its tasks are ${known.join(', ')}`}`,
        );
      });
    });

  withOutput(command.command('failed-deps'))
    .argument('<dag_id>')
    .argument('<task_id>')
    .argument('<logical_date_or_run_id>')
    .description('Say why a task does not run: everything that keeps it, from the rules that the scheduler decides by.')
    .option('--map-index <number>', 'of one mapped instance', parseCount(0))
    .addHelpText('after', '\nExample:\n  $ thence tasks failed-deps hello greet 2026-01-31')
    .action(async (dagId: string, taskId: string, which: string, options: { output: Format; mapIndex?: number }) => {
      const { mapIndex = -1, output } = options;
      const found = await withDatabase(readConfig(), async (db) => {
        const { run } = await findNamedRun(db, dagId, which);
        return findTaskBlockers(db.pool, { dagId, runId: run.run_id, taskId, mapIndex });
      });
      if (!found)
        throw new ThenceError(
          'NOT_FOUND',
          `that run of "${dagId}" has no task "${taskId}"${mapIndex < 0 ? '' : ` with the map index ${mapIndex}`}`,
        );
      printRows(
        found.blockers.map(({ kind, ...blocker }) => ({ kind, reason: blockerLine(blocker) })),
        output,
        `nothing keeps task "${taskId}": it is ${found.state ?? 'none'}${found.error === null ? '' : `: ${found.error}`}`,
      );
    });

  withOutput(command.command('states-for-dag-run'))
    .argument('<dag_id>')
    .argument('<logical_date_or_run_id>')
    .description('List the states of all tasks in a run.')
    .addHelpText('after', '\nExample:\n  $ thence tasks states-for-dag-run hello 2026-01-31 -o json')
    .action(async (dagId: string, which: string, { output }: { output: Format }) => {
      const { run, instances } = await withDatabase(readConfig(), async (db) => {
        const { run } = await findNamedRun(db, dagId, which);
        return { run, instances: await listTaskInstances(db, run.pk) };
      });
      const isMapped = instances.some((instance) => instance.map_index >= 0);
      printRows(
        instances.map((instance) => ({
          dag_id: dagId,
          logical_date: showInstant(run.logical_date),
          task_id: instance.task_id,
          ...(isMapped ? { map_index: instance.map_index } : {}),
          state: instance.state ?? 'none',
          try_number: instance.try_number,
          start_date: showInstant(instance.start_date),
          end_date: showInstant(instance.end_date),
        })),
        output,
        `run "${run.run_id}" has not started yet`,
      );
    });
}

/** 'success', or of several instances '3 success, 1 failed': those that are removed do not count. */
function stateOf(instances: readonly ListedTaskInstance[]): string {
  if (instances.length === 1) return instances[0]!.state ?? 'none';
  const counts = new Map<string, number>();
  for (const { state } of instances) if (state !== 'removed') counts.set(state ?? 'none', (counts.get(state ?? 'none') ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}
