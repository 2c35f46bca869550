import type { Command } from 'commander';
import { describeConfig } from '../../config/load-config';
import { didYouMean } from '../../core/did-you-mean';
import { ThenceError } from '../../core/errors';
import { forgetPreviousKey, loadKnownCipher, replaceHomeKey } from '../../secrets/load-cipher';
import { actor, withCommands } from '../context';
import { readConfig } from '../read-config';
import { note } from '../report-error';
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

  command
    .command('rotate-secret-key')
    .description(
      'Encrypt all stored variables and connections anew with the current secret key, or with a new one for a home that generated its own.',
    )
    .addHelpText(
      'after',
      `
Where THENCE_SECRET_KEY is configured: restart everything with THENCE_SECRET_KEY set to the new key and THENCE_SECRET_KEY_PREVIOUS to the old
one, run this command, and leave out THENCE_SECRET_KEY_PREVIOUS from then on. Nothing stands still meanwhile.
Where it is not: this command makes a new key in the home; restart what runs. All have to sign in again.

Example:
  $ THENCE_SECRET_KEY=… THENCE_SECRET_KEY_PREVIOUS=… thence config rotate-secret-key`,
    )
    .action(rotateSecretKey);
}

async function rotateSecretKey(): Promise<void> {
  const settings = readConfig();
  const isGenerated = settings.secretKey === null;
  const { variables, connections } = await withCommands(settings, async (commands) => {
    loadKnownCipher(settings);
    if (isGenerated && !replaceHomeKey(settings)) note('going on with a rotation that was interrupted');
    return commands.reencryptSecrets(actor);
  });
  if (isGenerated) forgetPreviousKey(settings);
  print(`${variables} variables and ${connections} connections are encrypted with the ${isGenerated ? 'new' : 'current'} key`);
  note(isGenerated ? 'restart what runs: it still has the old key' : 'THENCE_SECRET_KEY_PREVIOUS is no longer needed');
}
