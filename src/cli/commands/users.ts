import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Option } from 'commander';
import type { Command } from 'commander';
import { forgetAdminPassword, generatePassword } from '../../auth/ensure-admin';
import { ROLES } from '../../commands/change-users';
import { ThenceError } from '../../core/errors';
import { listUsers } from '../../read-model/cli/users';
import { showInstant } from '../arguments';
import { actor, withCommands, withDatabase } from '../context';
import { print, printRows, withOutput } from '../output';
import type { Format } from '../output';
import { readConfig } from '../read-config';
import { note } from '../report-error';

interface PasswordOptions {
  readonly username: string;
  readonly password?: string;
  readonly useRandomPassword?: boolean;
}

export function users(command: Command): void {
  withOutput(command.command('list'))
    .description('List those who may sign in.')
    .addHelpText('after', '\nExample:\n  $ thence users list')
    .action(async ({ output }: { output: Format }) => {
      const found = await withDatabase(readConfig(), listUsers);
      printRows(
        found.map(({ username, role, created_at }) => ({ username, role, created_at: showInstant(created_at) })),
        output,
        'no users; "thence standalone" makes the user "admin", "thence users create" any other',
      );
    });

  withPassword(command.command('create'))
    .description('Make a user.')
    .addOption(new Option('-r, --role <role>', 'what the user may do').choices(ROLES).default(ROLES[0]))
    .addHelpText('after', '\nExamples:\n  $ thence users create -u ada\n  $ thence users create -u ada --use-random-password')
    .action(async ({ username, role, ...options }: PasswordOptions & { role: string }) => {
      const { password, random } = await passwordOf(options);
      await withCommands(readConfig(), (commands) => commands.createUser({ username, password, role }, actor));
      print(`user "${username}" is created${random ? `; the password is ${password}` : ''}`);
    });

  command
    .command('delete')
    .requiredOption('-u, --username <name>')
    .description('Delete a user, who is signed out at once.')
    .addHelpText('after', '\nExample:\n  $ thence users delete -u ada')
    .action(async ({ username }: { username: string }) => {
      await withCommands(readConfig(), (commands) => commands.deleteUser(username, actor));
      print(`user "${username}" is deleted`);
    });

  withPassword(command.command('reset-password'))
    .description('Give a user another password. Sessions in browsers end; tokens of the API run out within 24 hours.')
    .addHelpText('after', '\nExample:\n  $ thence users reset-password -u admin --use-random-password')
    .action(async ({ username, ...options }: PasswordOptions) => {
      const config = readConfig();
      const { password, random } = await passwordOf(options);
      await withCommands(config, (commands) => commands.setPassword({ username, password }, actor));
      if (username === 'admin') {
        forgetAdminPassword(config.home);
        if (config.adminPassword !== null)
          note('THENCE_ADMIN_PASSWORD is set: the next start of "thence standalone" gives admin that password again');
      }
      print(`user "${username}" has another password${random ? `: ${password}` : ''}`);
    });
}

function withPassword(command: Command): Command {
  return command
    .requiredOption('-u, --username <name>')
    .option('-p, --password <password>', 'at least 8 characters; left out, it is asked for, or read from stdin')
    .option('--use-random-password', 'make one up and print it');
}

async function passwordOf({
  password,
  useRandomPassword,
}: Omit<PasswordOptions, 'username'>): Promise<{ password: string; random: boolean }> {
  if (password !== undefined && useRandomPassword === true)
    throw new ThenceError('USAGE', 'give --password or --use-random-password, not both');
  if (useRandomPassword === true) return { password: generatePassword(), random: true };
  if (password !== undefined) return { password, random: false };
  if (!process.stdin.isTTY) return { password: readFileSync(0, 'utf8').replace(/\r?\n$/, ''), random: false };
  const [first, second] = [await ask('Password: '), await ask('Again: ')];
  if (first !== second) throw new ThenceError('USAGE', 'the two passwords are not the same');
  return { password: first, random: false };
}

/** What is typed is not shown. */
async function ask(question: string): Promise<string> {
  process.stderr.write(question);
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silence, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
