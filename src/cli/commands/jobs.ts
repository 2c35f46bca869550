import { Option } from 'commander';
import type { Command } from 'commander';
import { ThenceError } from '../../core/errors';
import { listSessions } from '../../read-model/cli/sessions';
import { parseCount, showInstant } from '../arguments';
import { withDatabase } from '../context';
import { readConfig } from '../read-config';
import { print } from '../output';

interface Options {
  readonly jobType?: string;
  readonly hostname?: string;
  readonly allowMultiple?: boolean;
  readonly limit?: number;
}

export function jobs(command: Command): void {
  command
    .command('check')
    .description('Check that processes are alive, by their lease in the database. Exit code 1 if none is: for health checks.')
    .addOption(new Option('--job-type <kind>', 'only processes of this kind').choices(['scheduler', 'dag-processor', 'webserver']))
    .option('--hostname <name>', 'only processes on this host')
    .option('--allow-multiple', 'with --limit: more than one may be alive')
    .option('--limit <number>', 'how many to look at, those that are alive first', parseCount(1))
    .addHelpText(
      'after',
      '\nExamples:\n  $ thence jobs check --job-type scheduler --hostname "$(hostname)"\n  $ thence jobs check --job-type scheduler --allow-multiple --limit 100',
    )
    .action(async ({ jobType, hostname, allowMultiple = false, limit }: Options) => {
      if (allowMultiple && (limit ?? 1) <= 1) throw new ThenceError('USAGE', '--allow-multiple needs a --limit above 1');
      const sessions = await withDatabase(readConfig(), (db) => listSessions(db, { kind: jobType, host: hostname, limit }));
      const alive = sessions.filter((session) => session.alive);
      if (alive.length === 0) {
        const last =
          sessions[0] === undefined
            ? ''
            : `; the last was a ${sessions[0].kind} on ${sessions[0].host}, last heard of at ${showInstant(sessions[0].renewed_at)}`;
        throw new ThenceError(
          'UNAVAILABLE',
          `no ${jobType ?? 'process'} is alive${hostname === undefined ? '' : ` on ${hostname}`}${last}`,
        );
      }
      if (alive.length > 1 && !allowMultiple && limit !== undefined)
        throw new ThenceError('CONFLICT', `${alive.length} are alive; say --allow-multiple if that is right`);
      for (const { kind, host, pid, version } of alive) print(`alive: ${kind} ${version} on ${host}, pid ${pid}`);
    });
}
