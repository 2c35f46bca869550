import type { Command } from 'commander';
import { countOldRuns, deleteOldRuns } from '../../commands/delete-old-runs';
import { maskUrl } from '../../config/settings';
import { ThenceError } from '../../core/errors';
import { migrate, pendingMigrations, undoMigrations } from '../../db/migrate';
import { parseDate, showInstant } from '../arguments';
import { confirm } from '../confirm';
import { withDatabase, withDatabaseUrl } from '../context';
import { readConfig } from '../read-config';
import { print } from '../output';

export function db(command: Command): void {
  command
    .command('migrate')
    .description('Bring the schema to this version. Makes the embedded database if there is none. Safe to run twice, and by two at once.')
    .addHelpText('after', '\nExample:\n  $ THENCE_DATABASE_URL=postgres://user@host/thence thence db migrate')
    .action(async () => {
      await withDatabaseUrl(
        readConfig(),
        async (url) => {
          const applied = await migrate(url);
          print(applied.length === 0 ? `${maskUrl(url)} is up to date` : `${maskUrl(url)}: applied ${applied.join(', ')}`);
        },
        { create: true },
      );
    });

  command
    .command('check')
    .description('Check that the database answers and its schema is that of this version. Exit code 1 if not.')
    .addHelpText('after', '\nExample:\n  $ thence db check && thence scheduler')
    .action(async () => {
      await withDatabaseUrl(readConfig(), async (url) => {
        const pending = await pendingMigrations(url);
        if (pending.length > 0)
          throw new ThenceError('UNAVAILABLE', `${maskUrl(url)} lacks the migrations ${pending.join(', ')}; run "thence db migrate"`);
        print(`${maskUrl(url)} answers and is up to date`);
      });
    });

  command
    .command('reset')
    .description('Delete every table of thence with all runs and their history, and make them anew, empty.')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ thence db reset --yes')
    .action(async ({ yes }: { yes?: boolean }) => {
      await withDatabaseUrl(readConfig(), async (url) => {
        await confirm(`All DAG runs, logs' index, users and pools in ${maskUrl(url)} will be deleted.`, yes);
        await undoMigrations(url);
        await migrate(url);
        print(`${maskUrl(url)} is empty and up to date`);
      });
    });

  command
    .command('clean')
    .description('Delete finished runs that ended before a date, with their task instances and XComs.')
    .requiredOption('--clean-before-timestamp <date>', 'ISO 8601; without an offset it is UTC')
    .option('--dag-ids <ids>', 'only these DAGs (with commas between them)')
    .option('--dry-run', 'only say how many')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ thence db clean --clean-before-timestamp 2026-01-01 --dry-run')
    .action(async (options: { cleanBeforeTimestamp: string; dagIds?: string; dryRun?: boolean; yes?: boolean }) => {
      const before = parseDate(options.cleanBeforeTimestamp, 'UTC', '--clean-before-timestamp');
      const dagIds = options.dagIds?.split(',').map((id) => id.trim()) ?? null;
      await withDatabase(readConfig(), async (database) => {
        const found = await countOldRuns(database, { before, dagIds });
        const what = `${found} run${found === 1 ? '' : 's'} that ended before ${showInstant(before)}`;
        if (options.dryRun === true) return print(`${what} would be deleted`);
        if (found === 0) return print(`${what}: nothing to delete`);
        await confirm(`${what} will be deleted.`, options.yes);
        let deleted = 0;
        for (let batch = -1; batch !== 0; deleted += batch) batch = (await deleteOldRuns(database, { before, dagIds })).length;
        print(`deleted ${deleted} runs`);
      });
    });
}
