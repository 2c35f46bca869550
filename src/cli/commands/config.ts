import type { Command } from 'commander';
import { describeConfig } from '../../config/load-config';
import { didYouMean } from '../../core/did-you-mean';
import { ThenceError } from '../../core/errors';
import { readConfig } from '../read-config';
import { print, printRows, withOutput } from '../output';
import type { Format } from '../output';

export function config(command: Command): void {
  withOutput(command.command('list'))
    .description('Print each setting, its value and where it came from. Secrets are masked.')
    .addHelpText('after', '\nExample:\n  $ thence config list -o yaml')
    .action(({ output }: { output: Format }) => {
      printRows(
        describeConfig(readConfig()).map(({ key, value, source, variable }) => ({ key, value, source, variable })),
        output,
        'no settings',
      );
    });

  command
    .command('get-value')
    .argument('<key>', 'key of the config file, or name of the variable')
    .description('Print the value of one setting. Secrets are masked.')
    .addHelpText('after', '\nExamples:\n  $ thence config get-value dagsFolder\n  $ thence config get-value THENCE_PORT')
    .action((key: string) => {
      const entries = describeConfig(readConfig());
      const entry = entries.find((each) => each.key === key || each.variable === key);
      if (!entry)
        throw new ThenceError(
          'NOT_FOUND',
          `there is no setting "${key}"${didYouMean(
            key,
            entries.flatMap((each) => [each.key, each.variable]),
          )}`,
        );
      print(entry.value);
    });
}
