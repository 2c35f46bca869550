import os from 'node:os';
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
  readonly local?: boolean;
  readonly allowMultiple?: boolean;
  readonly limit?: number;
}

const kinds = ['scheduler', 'dag-processor', 'triggerer', 'webserver', 'worker'];
/** 'SchedulerJob' is what the REST API calls a scheduler. */
const jobTypes = new Map(
  kinds.map((kind) => [`${kind.replaceAll(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase())}Job`, kind]),
);

export function jobs(command: Command): void {
  command
    .command('check')
    .description('Check that processes are alive, by their lease in the database. Exit code 1 if none is: for health checks.')
    .addOption(new Option('--job-type <kind>', 'only processes of this kind').choices([...kinds, ...jobTypes.keys()]))
    .option('--hostname <name>', 'only processes on this host')
    .option('--local', 'only processes on the host of this command')
    .option('--allow-multiple', 'with --limit: more than one may be alive')
    .option('--limit <number>', 'how many to look at, those that are alive first', parseCount(1))
    .addHelpText(
      'after',
      '\nExamples:\n  $ thence jobs check --job-type scheduler --hostname "$(hostname)"\n  $ thence jobs check --job-type scheduler --allow-multiple --limit 100',
    )
    .action(async ({ jobType: type, hostname: host, local, allowMultiple = false, limit }: Options) => {
      if (local === true && host !== undefined) throw new ThenceError('USAGE', 'give --local or --hostname, not both');
      const hostname = local === true ? os.hostname() : host;
      const jobType = jobTypes.get(type ?? '') ?? type;
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
