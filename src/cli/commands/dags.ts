import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { RUN_STATES } from '../../core/states';
import { compileDag } from '../../dag-spec/compiled-dag';
import { findDag, listDags, listImportErrors } from '../../read-model/cli/dags';
import { listRuns } from '../../read-model/cli/runs';
import { isSchedulerAlive, listSessions } from '../../read-model/cli/sessions';
import { parseConf, parseCount, parseDate, showInstant } from '../arguments';
import { actor, withCommands, withDatabase } from '../context';
import { findNamedRun } from '../find-run';
import { toDot, toMermaid, toTree } from '../graph-text';
import { upcomingRuns } from '../next-execution';
import { pickColumns, print, printRecord, printRows, withOutput } from '../output';
import type { Format } from '../output';
import { endWith } from '../program';
import { readConfig } from '../read-config';
import { clearRuns } from './clear';
import { deleteDag } from './dags-delete';
import { runVerdicts } from './verdicts';
import { note } from '../report-error';

const load = createRequire(__filename);

/** What is there (list, details, show …), what may be done to it (trigger, pause …), and DAG files without a database (test, check). */
export function dags(command: Command): void {
  readCommands(command);
  runCommands(command);
  writeCommands(command);
  clearRuns(command);
  deleteDag(command);
  runVerdicts(command);
  fileCommands(command);
}

const listColumns = ['dag_id', 'fileloc', 'owners', 'is_paused', 'schedule', 'next_run', 'tags'];

function readCommands(command: Command): void {
  withOutput(command.command('list'))
    .description('List the DAGs.')
    .option('--columns <names>', `which columns, with commas between them: ${listColumns.join(', ')}`)
    .option('--tags <names>', 'only DAGs with one of these tags')
    .option('-l, --local', 'those of the files in the DAGs folder as they are now, without a database')
    .addHelpText(
      'after',
      '\nExamples:\n  $ thence dags list\n  $ thence dags list -o json --columns dag_id,is_paused\n  $ thence dags list --local',
    )
    .action(async ({ output, columns, tags, local }: { output: Format; columns?: string; tags?: string; local?: boolean }) => {
      const filter = { tags: tags?.split(',').map((tag) => tag.trim()) };
      if (local === true) return (load('./dags-list-local') as typeof import('./dags-list-local')).listLocalDags(output, columns, filter);
      const found = await withDatabase(readConfig(), (db) => listDags(db, filter));
      const rows = found.map((dag) => ({
        dag_id: dag.dag_id,
        fileloc: dag.file_path,
        owners: dag.owner,
        is_paused: dag.is_paused,
        schedule: dag.timetable_summary,
        next_run: showInstant(dag.next_run_after),
        tags: dag.tags.join(','),
      }));
      printRows(pickColumns(rows, columns, listColumns), output, 'no DAGs; "thence dags list-import-errors" shows files that failed');
    });

  withOutput(command.command('details'))
    .argument('<dag_id>')
    .description('Print everything about a DAG.')
    .addHelpText('after', '\nExample:\n  $ thence dags details hello -o yaml')
    .action(async (dagId: string, { output }: { output: Format }) => {
      const { spec, ...dag } = await withDatabase(readConfig(), (db) => findDag(db, dagId));
      printRecord(
        {
          dag_id: dag.dag_id,
          description: dag.description,
          fileloc: dag.file_path,
          owners: dag.owner,
          tags: [...dag.tags],
          is_active: dag.is_active,
          is_paused: dag.is_paused,
          timetable_summary: dag.timetable_summary,
          timetable_description: dag.timetable_description,
          timezone: dag.timezone,
          start_date: spec.startDate,
          end_date: spec.endDate,
          catchup: spec.catchup,
          missed_runs: typeof spec.missedRuns === 'object' ? spec.missedRuns.window : (spec.missedRuns ?? (spec.catchup ? 'all' : 'last')),
          max_active_runs: dag.max_active_runs,
          on_max_active_runs: spec.onMaxActiveRuns ?? 'queue',
          max_active_tasks: dag.max_active_tasks,
          next_dagrun_logical_date: showInstant(dag.next_logical_date),
          next_dagrun_data_interval_start: showInstant(dag.next_interval_start),
          next_dagrun_data_interval_end: showInstant(dag.next_interval_end),
          next_dagrun_run_after: showInstant(dag.next_run_after),
          params: spec.params,
          tasks: spec.tasks.map((task) => task.id),
          version: dag.version,
          last_parsed_time: showInstant(dag.last_parsed_at),
        },
        output,
      );
    });

  command
    .command('show')
    .argument('<dag_id>')
    .description('Print the graph of a DAG.')
    .addOption(
      new Option('-f, --format <format>', 'tree for reading, dot for Graphviz, mermaid for Markdown')
        .choices(['tree', 'dot', 'mermaid'])
        .default('tree'),
    )
    .option('-s, --save <file>', 'write it to a file')
    .addHelpText('after', '\nExamples:\n  $ thence dags show hello\n  $ thence dags show hello --format dot | dot -Tsvg > hello.svg')
    .action(async (dagId: string, { format, save }: { format: 'tree' | 'dot' | 'mermaid'; save?: string }) => {
      const { spec } = await withDatabase(readConfig(), (db) => findDag(db, dagId));
      const text = { tree: toTree, dot: toDot, mermaid: toMermaid }[format](compileDag('shown', spec));
      if (save === undefined) return print(text);
      writeFileSync(save, `${text}\n`);
      note(`wrote ${save}`);
    });

  withOutput(command.command('list-import-errors'))
    .description('List the DAG files that could not be loaded, and why. Exit code 1 if there are any.')
    .addHelpText('after', '\nExample:\n  $ thence dags list-import-errors')
    .action(async ({ output }: { output: Format }) => {
      const found = await withDatabase(readConfig(), listImportErrors);
      printRows(
        found.map(({ file_path, line, col, message }) => ({
          filepath: [file_path, line, col].filter((part) => part !== null).join(':'),
          error: message,
        })),
        output,
        'no import errors',
      );
      if (found.length > 0) endWith(1);
    });

  withOutput(command.command('next-execution'))
    .argument('<dag_id>')
    .description('Print the logical date of the next run.')
    .option('-n, --num-executions <number>', 'of that many runs', parseCount(1, 10_000), 1)
    .addOption(
      new Option('--field <field>', 'what to print of each')
        .choices(['logical_date', 'data_interval_start', 'data_interval_end', 'run_after'])
        .default('logical_date'),
    )
    .option('--table', 'print all fields, as -o says')
    .addHelpText('after', '\nExamples:\n  $ thence dags next-execution hello\n  $ thence dags next-execution hello -n 5 --table')
    .action(async (dagId: string, options: { output: Format; numExecutions: number; field: string; table?: boolean }, self: Command) => {
      const config = readConfig();
      const { dag, runs } = await withDatabase(config, (db) => upcomingRuns(db, dagId, options.numExecutions, config));
      if (dag.is_paused) note(`DAG "${dagId}" is paused: its runs are made after "thence dags unpause ${dagId}"`);
      const rows = runs.map((run) => ({
        logical_date: showInstant(run.logicalDate),
        data_interval_start: showInstant(run.interval.start),
        data_interval_end: showInstant(run.interval.end),
        run_after: showInstant(run.runAfter),
      }));
      if (options.table === true || self.getOptionValueSource('output') === 'cli') return printRows(rows, options.output, 'no next run');
      if (rows.length === 0) note(`DAG "${dagId}" has no next run (schedule: ${dag.timetable_summary ?? 'none'})`);
      for (const row of rows) print(String(row[options.field as keyof typeof row]));
    });
}

function runCommands(command: Command): void {
  withOutput(command.command('list-runs'))
    .argument('<dag_id>')
    .description('List the runs of a DAG, the newest first.')
    .addOption(new Option('--state <state>', 'only runs in this state').choices(RUN_STATES))
    .option('--no-backfill', 'without runs of backfills')
    .option('-s, --start-date <date>', 'from this logical date on')
    .option('-e, --end-date <date>', 'up to this logical date')
    .option('--limit <number>', 'at most that many', parseCount(1))
    .addHelpText('after', '\nExample:\n  $ thence dags list-runs hello --state failed -o json')
    .action(
      async (
        dagId: string,
        options: { output: Format; state?: string; backfill: boolean; startDate?: string; endDate?: string; limit?: number },
      ) => {
        const runs = await withDatabase(readConfig(), async (db) => {
          const { timezone } = await findDag(db, dagId);
          return listRuns(db, {
            dagId,
            state: options.state,
            noBackfill: !options.backfill,
            from: options.startDate === undefined ? undefined : parseDate(options.startDate, timezone, '--start-date'),
            to: options.endDate === undefined ? undefined : parseDate(options.endDate, timezone, '--end-date'),
            limit: options.limit,
          });
        });
        printRows(
          runs.map((run) => ({
            dag_id: run.dag_id,
            run_id: run.run_id,
            state: run.state,
            run_after: showInstant(run.run_after),
            logical_date: showInstant(run.logical_date),
            start_date: showInstant(run.start_date),
            end_date: showInstant(run.end_date),
          })),
          options.output,
          `DAG "${dagId}" has no such runs`,
        );
      },
    );

  command
    .command('state')
    .argument('<dag_id>')
    .argument('<logical_date_or_run_id>')
    .description('Print the state of a run (and its conf, if it has one).')
    .addHelpText('after', '\nExample:\n  $ thence dags state hello 2026-01-31')
    .action(async (dagId: string, which: string) => {
      const { run } = await withDatabase(readConfig(), (db) => findNamedRun(db, dagId, which));
      print(Object.keys(run.conf).length === 0 ? run.state : `${run.state}, ${JSON.stringify(run.conf)}`);
    });
}

function writeCommands(command: Command): void {
  withOutput(command.command('trigger'))
    .argument('<dag_id>')
    .description('Make a run of a DAG now.')
    .option('-c, --conf <json>', 'a JSON object; overrides the params of the DAG')
    .option('-r, --run-id <id>', 'name of the run')
    .option('-l, --logical-date <date>', 'ISO 8601; without an offset it is in the timezone of the DAG. Default: now')
    .option('--note <text>', 'a note on the run')
    .addHelpText('after', `\nExamples:\n  $ thence dags trigger hello\n  $ thence dags trigger hello -l 2026-01-31 -c '{"name": "Ada"}'`)
    .action(async (dagId: string, options: { output: Format; conf?: string; runId?: string; logicalDate?: string; note?: string }) => {
      const conf = parseConf(options.conf, '--conf');
      if (options.logicalDate !== undefined) parseDate(options.logicalDate, 'UTC', '--logical-date');
      const { run, alive } = await withCommands(readConfig(), async (commands, db) => ({
        run: await commands.triggerRun({ dagId, conf, runId: options.runId, logicalDate: options.logicalDate, note: options.note }, actor),
        alive: await isSchedulerAlive(db),
      }));
      printRecord(
        {
          dag_id: run.dagId,
          dag_run_id: run.runId,
          logical_date: showInstant(run.logicalDate),
          data_interval_start: showInstant(run.interval?.start),
          data_interval_end: showInstant(run.interval?.end),
          run_after: showInstant(run.runAfter),
          conf: run.conf,
          state: 'queued',
        },
        options.output,
      );
      if (run.isPaused) note(`DAG "${dagId}" is paused: the run starts after "thence dags unpause ${dagId}"`);
      if (!alive) note('no scheduler is alive: the run starts when one does ("thence standalone" or "thence scheduler")');
    });

  for (const [name, paused] of [
    ['pause', true],
    ['unpause', false],
  ] as const) {
    withOutput(command.command(name))
      .argument('<dag_id...>')
      .description(paused ? 'Pause DAGs: no new runs are started; tasks that run go on.' : 'Unpause DAGs: runs are made and started again.')
      .addHelpText('after', `\nExample:\n  $ thence dags ${name} hello`)
      .action(async (dagIds: string[], { output }: { output: Format }) => {
        await withCommands(readConfig(), async (commands) => {
          const rows = [];
          const failures: Error[] = [];
          for (const dagId of dagIds) {
            try {
              const { changed } = await commands.setPaused(dagId, paused, actor);
              rows.push({ dag_id: dagId, is_paused: paused, changed });
            } catch (error) {
              failures.push(error as Error);
            }
          }
          if (rows.length > 0) printRows(rows, output, '');
          if (failures[0]) throw failures[0];
        });
      });
  }

  command
    .command('reserialize')
    .argument('[dag_id...]', 'left out: all files, also those that cannot be loaded')
    .description('Have the DAG processor evaluate the files of these DAGs again, whether they changed or not.')
    .addHelpText('after', '\nExample:\n  $ thence dags reserialize hello')
    .action(async (dagIds: string[]) => {
      await withCommands(readConfig(), async (commands, db) => {
        const { files } = await commands.parseFiles(dagIds.length > 0 ? { dagIds } : {}, actor);
        print(files.length === 0 ? 'no DAG file is known yet' : `to be evaluated again: ${files.join(', ')}`);
        const [processor] = await listSessions(db, { kind: 'dag-processor', limit: 1 });
        if (files.length > 0 && processor?.alive !== true)
          note('no DAG processor is alive: it is done when one is ("thence standalone" or "thence dag-processor")');
      });
    });
}

function fileCommands(command: Command): void {
  command
    .command('test')
    .argument('<dag_id>')
    .argument('[logical_date]', 'ISO 8601; without an offset in the timezone of the DAG; a day alone is its scheduled run. Default: now')
    .description('Run a DAG once, here and now: no scheduler, web server, database or set-up is needed, and nothing is stored.')
    .option('-c, --conf <json>', 'a JSON object; overrides the params of the DAG')
    .option('-f, --dagfile-path <file>', 'the DAG file, instead of looking through the DAGs folder')
    .option('--dags-folder <folder>', 'where the DAG files are (THENCE_DAGS_FOLDER)')
    .option('--no-retry-delay', 'try failed tasks again at once')
    .addHelpText(
      'after',
      `
Prints each task's log as it comes. Exit code 1 if the run fails. To debug, start it under a debugger: breakpoints in task code are hit.

Examples:
  $ thence dags test hello
  $ thence dags test hello 2026-01-31 -c '{"name": "Ada"}' -f dags/hello.ts`,
    )
    .action((dagId: string, date: string | undefined, options: object) =>
      (load('./dags-test') as typeof import('./dags-test')).testDag(dagId, date, options),
    );

  command
    .command('check')
    .argument('[path]', 'a DAG file, or a folder of them; default: the DAGs folder')
    .description('Type-check DAG files and load them, without storing anything. Exit code 1 on errors.')
    .option('--no-types', 'only load them')
    .addHelpText(
      'after',
      "\nTypes are checked with the project's own TypeScript and tsconfig.json.\n\nExamples:\n  $ thence dags check\n  $ thence dags check dags/hello.ts",
    )
    .action((path: string | undefined, options: { types: boolean }) =>
      (load('./dags-check') as typeof import('./dags-check')).checkDags(path, options),
    );
}
