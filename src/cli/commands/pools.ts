import type { Command } from 'commander';
import { poolEntry, poolInputs } from '../../commands/exchange';
import { ThenceError } from '../../core/errors';
import { listPools } from '../../read-model/cli/pools';
import type { ListedPool } from '../../read-model/cli/pools';
import { actor, withCommands, withDatabase } from '../context';
import { print, printRows, withOutput } from '../output';
import type { Format, Row } from '../output';
import { readConfig } from '../read-config';
import { formatOf, readRecords, writeRecords } from '../record-file';
import { note } from '../report-error';

const formats = ['json', 'yaml'] as const;

export function pools(command: Command): void {
  withOutput(command.command('list'))
    .description('List the pools: their slots, and how many are taken now.')
    .addHelpText('after', '\nExample:\n  $ thence pools list -o json')
    .action(async ({ output }: { output: Format }) => {
      printRows((await withDatabase(readConfig(), listPools)).map(rowOf), output, 'no pools');
    });

  withOutput(command.command('get'))
    .argument('<name>')
    .description('Show a pool.')
    .addHelpText('after', '\nExample:\n  $ thence pools get default_pool')
    .action(async (name: string, { output }: { output: Format }) => {
      const found = (await withDatabase(readConfig(), listPools)).find((pool) => pool.name === name);
      if (!found) throw new ThenceError('NOT_FOUND', `there is no pool "${name}"; "thence pools list" shows all`);
      printRows([rowOf(found)], output, '');
    });

  command
    .command('set')
    .argument('<name>')
    .argument('<slots>', '-1: without a limit')
    .argument('[description]', 'left out: it stays as it is')
    .description('Make a pool, or change one. It may get smaller than what runs in it: nothing more starts until enough has ended.')
    .option('--include-deferred', 'deferred tasks keep their slots')
    .addHelpText('after', '\nExample:\n  $ thence pools set api 4 "calls to the API at once"')
    .action(async (name: string, slots: string, description: string | undefined, { includeDeferred }: { includeDeferred?: boolean }) => {
      const pool = { name, slots: slotsOf(slots), description, includeDeferred: includeDeferred ?? false };
      const { created } = await withCommands(readConfig(), (commands) => commands.storePools([pool], {}, actor));
      print(`pool "${name}" is ${created.length > 0 ? 'created' : 'updated'}`);
    });

  command
    .command('delete')
    .argument('<name>')
    .description('Delete a pool. Tasks that name it do not start until there is one of this name again.')
    .addHelpText('after', '\nExample:\n  $ thence pools delete api')
    .action(async (name: string) => {
      await withCommands(readConfig(), (commands) => commands.deletePools([name], {}, actor));
      print(`pool "${name}" is deleted`);
    });

  command
    .command('import')
    .argument('<file>', 'JSON or YAML: {"name": {"slots": 4, "description": "…", "include_deferred": false}}; - is stdin (JSON)')
    .description('Make or change all pools of a file, or none if one of them is refused.')
    .addHelpText('after', '\nExample:\n  $ thence pools import pools.json')
    .action(async (file: string) => {
      const inputs = poolInputs(readRecords(file, formats), file);
      const stored = await withCommands(readConfig(), (commands) => commands.storePools(inputs, {}, actor));
      print(`${stored.created.length} created, ${stored.updated.length} updated`);
    });

  command
    .command('export')
    .argument('<file>', 'a .json or .yaml file; - is stdout (JSON)')
    .description('Write all pools to a file that "pools import" reads.')
    .addHelpText('after', '\nExample:\n  $ thence pools export pools.json')
    .action(async (file: string) => {
      const format = formatOf(file, formats);
      const found = await withDatabase(readConfig(), listPools);
      const records = found.map((pool) => [pool.name, poolEntry(pool)] as const);
      writeRecords(file, Object.fromEntries(records), format);
      if (file !== '-') note(`${records.length} pools are in ${file}`);
    });
}

function rowOf({ name, slots, occupied_slots, include_deferred, description }: ListedPool): Row {
  return { pool: name, slots, occupied_slots, include_deferred, description };
}

function slotsOf(given: string): number {
  if (/^(-1|\d+)$/.test(given)) return Number(given);
  throw new ThenceError('USAGE', `the slots of a pool are "${given}"; allowed is a whole number from 0, or -1 for no limit`);
}
