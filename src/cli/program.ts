import { createRequire } from 'node:module';
import { Command } from 'commander';
import { packageVersion } from '../config/package-root';

/** Gives a command its options and what it does; resolves to nothing, and sets the exit code through `endWith`. */
export type Register = (command: Command) => void;

interface Group {
  readonly name: string;
  readonly summary: string;
  /** The module is loaded when its command is called, so that `thence --help` loads none of the heavy ones. */
  load(): Register;
}

const load = createRequire(__filename);
const processes = () => load('./commands/processes') as typeof import('./commands/processes');

const groups: readonly Group[] = [
  {
    name: 'standalone',
    summary: 'everything in one go: database, scheduler, DAG processor, triggerer and web server',
    load: () => processes().standalone,
  },
  { name: 'scheduler', summary: 'start a scheduler with its executors', load: () => processes().scheduler },
  { name: 'dag-processor', summary: 'watch the DAGs folder and store what its files make', load: () => processes().dagProcessor },
  { name: 'triggerer', summary: 'wait for deferred tasks, thousands at once', load: () => processes().triggerer },
  { name: 'webserver', summary: 'start the web UI and the REST API', load: () => processes().webserver },
  {
    name: 'init',
    summary: 'make a new project that works at once',
    load: () => (load('./commands/init') as typeof import('./commands/init')).init,
  },
  {
    name: 'dags',
    summary: 'list, show, trigger, pause, clear, delete, test and check DAGs',
    load: () => (load('./commands/dags') as typeof import('./commands/dags')).dags,
  },
  {
    name: 'tasks',
    summary: 'list tasks, test and run one, look at states, clear and mark them',
    load: () => (load('./commands/tasks') as typeof import('./commands/tasks')).tasks,
  },
  {
    name: 'backfill',
    summary: 'run a DAG over a range of dates',
    load: () => (load('./commands/backfill') as typeof import('./commands/backfill')).backfill,
  },
  {
    name: 'variables',
    summary: 'list, set, import and export variables',
    load: () => (load('./commands/variables') as typeof import('./commands/variables')).variables,
  },
  {
    name: 'connections',
    summary: 'list, set, test, import and export connections',
    load: () => (load('./commands/connections') as typeof import('./commands/connections')).connections,
  },
  {
    name: 'pools',
    summary: 'list, set, import and export pools and their slots',
    load: () => (load('./commands/pools') as typeof import('./commands/pools')).pools,
  },
  {
    name: 'users',
    summary: 'list, create and delete users, reset their passwords',
    load: () => (load('./commands/users') as typeof import('./commands/users')).users,
  },
  {
    name: 'jobs',
    summary: 'check that schedulers and the other processes are alive',
    load: () => (load('./commands/jobs') as typeof import('./commands/jobs')).jobs,
  },
  {
    name: 'db',
    summary: 'migrate, check, reset and clean the database',
    load: () => (load('./commands/db') as typeof import('./commands/db')).db,
  },
  {
    name: 'config',
    summary: 'show the settings and where they came from, change the secret key',
    load: () => (load('./commands/config') as typeof import('./commands/config')).config,
  },
  {
    name: 'info',
    summary: 'show versions, folders and the database in use',
    load: () => (load('./commands/info') as typeof import('./commands/info')).info,
  },
  { name: 'version', summary: 'print the version', load: () => (load('./commands/info') as typeof import('./commands/info')).version },
];

let exitCode = 0;

/** For results that are not errors: failed runs, a check that says no. */
export function endWith(code: number): void {
  exitCode = code;
}

/** @throws CommanderError for wrong usage (already reported), ThenceError for what a person can put right. */
export async function runProgram(args: readonly string[]): Promise<number> {
  await buildProgram(args).parseAsync(args, { from: 'user' });
  return exitCode;
}

function buildProgram(args: readonly string[]): Command {
  const program = new Command('thence')
    .description('A workflow scheduler: DAG files in TypeScript, runs in the browser.')
    .usage('<command> [options]')
    .version(packageVersion, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ thence init my-project        a new project
  $ thence standalone             everything, at http://127.0.0.1:8080
  $ thence dags test hello        one run of a DAG file, right here, without any of that

"thence <command> --help" explains each command. Settings: "thence config list".`,
    );
  const called = args[0] === 'help' ? args[1] : args[0];
  for (const group of groups) {
    const command = program.command(group.name).summary(group.summary).description(sentence(group.summary));
    if (called === group.name) group.load()(command);
  }
  return program;
}

function sentence(summary: string): string {
  return `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;
}
