import type { Command } from 'commander';
import { listPools } from '../../read-model/cli/pools';
import { withDatabase } from '../context';
import { readConfig } from '../read-config';
import { printRows, withOutput } from '../output';
import type { Format } from '../output';

export function pools(command: Command): void {
  withOutput(command.command('list'))
    .description('List the pools: their slots, and how many are taken now.')
    .addHelpText('after', '\nExample:\n  $ thence pools list -o json')
    .action(async ({ output }: { output: Format }) => {
      const found = await withDatabase(readConfig(), listPools);
      printRows(
        found.map(({ name, slots, occupied_slots, description }) => ({ pool: name, slots, occupied_slots, description })),
        output,
        'no pools',
      );
    });
}
