import { createRequire } from 'node:module';
import type { Command } from 'commander';
import type { Config } from '../../config/config';
import { parseCount } from '../arguments';
import { readConfig } from '../read-config';
import { endWith } from '../program';

const load = createRequire(__filename);

export function standalone(command: Command): void {
  withWebOptions(withDagsFolder(command))
    .addHelpText(
      'after',
      `
Everything that thence is, on this machine: the embedded database (unless THENCE_DATABASE_URL is set), a scheduler with its executors, the
DAG processor, a triggerer and the web server. On the first start the password of the user "admin" is printed once. Stop with Ctrl-C; what runs is
given time to end, and what was lost starts again at the next start.

Examples:
  $ thence standalone
  $ THENCE_EXECUTOR=thread thence standalone --port 9000 --dags-folder ./flows`,
    )
    .action(async (options: Options) => {
      const { runStandalone } = load('../../processes/standalone') as typeof import('../../processes/standalone');
      endWith(await runStandalone(readConfig(overridesOf(options))));
    });
}

export function scheduler(command: Command): void {
  withDagsFolder(command)
    .addHelpText(
      'after',
      '\nSeveral schedulers may run on one database, on one host or many.\n\nExample:\n  $ THENCE_DATABASE_URL=postgres://… thence scheduler',
    )
    .action(async (options: Options) => {
      const { runScheduler } = load('../../processes/scheduler') as typeof import('../../processes/scheduler');
      endWith(await runScheduler(readConfig(overridesOf(options))));
    });
}

export function dagProcessor(command: Command): void {
  withDagsFolder(command)
    .addHelpText('after', '\nExample:\n  $ thence dag-processor --dags-folder ./flows')
    .action(async (options: Options) => {
      const { runDagProcessor } = load('../../processes/dag-processor') as typeof import('../../processes/dag-processor');
      endWith(await runDagProcessor(readConfig(overridesOf(options))));
    });
}

export function triggerer(command: Command): void {
  withDagsFolder(command)
    .option(
      '--capacity <number>',
      'triggers of users at once (THENCE_TRIGGERER_CAPACITY); other waits have no limit',
      parseCount(1, 1_000_000),
    )
    .addHelpText(
      'after',
      `
Deferred tasks wait here and hold no slot. Several triggerers may run on one database; when one dies, the others take its waits over.

Example:
  $ thence triggerer --capacity 5000`,
    )
    .action(async (options: Options) => {
      const { runTriggerer } = load('../../processes/triggerer') as typeof import('../../processes/triggerer');
      endWith(await runTriggerer(readConfig(overridesOf(options))));
    });
}

export function webserver(command: Command): void {
  withWebOptions(command)
    .addHelpText('after', '\nExample:\n  $ thence webserver --host 0.0.0.0 --port 8080')
    .action(async (options: Options) => {
      const { runWebserver } = load('../../processes/webserver') as typeof import('../../processes/webserver');
      endWith(await runWebserver(readConfig(overridesOf(options))));
    });
}

interface Options {
  readonly host?: string;
  readonly port?: number;
  readonly dagsFolder?: string;
  readonly capacity?: number;
}

function withWebOptions(command: Command): Command {
  return command
    .option('--host <address>', 'address to listen on (THENCE_HOST)')
    .option('-p, --port <number>', 'port to listen on (THENCE_PORT)', parseCount(0, 65_535));
}

function withDagsFolder(command: Command): Command {
  return command.option('--dags-folder <folder>', 'where the DAG files are (THENCE_DAGS_FOLDER)');
}

function overridesOf({ host, port, dagsFolder, capacity }: Options): Partial<Config> {
  return { host, port, dagsFolder, triggererCapacity: capacity };
}
