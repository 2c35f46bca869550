import os from 'node:os';
import type { Command } from 'commander';
import { maskUrl } from '../../config/settings';
import { packageRoot, packageVersion } from '../../config/package-root';
import { hasEmbeddedDatabase, readConfig } from '../read-config';
import { print, printRecord, withOutput } from '../output';
import type { Format } from '../output';

export function version(command: Command): void {
  command.addHelpText('after', '\nExample:\n  $ thence version').action(() => print(packageVersion));
}

export function info(command: Command): void {
  withOutput(command)
    .addHelpText('after', '\nStarts and changes nothing. For reports of defects.\n\nExample:\n  $ thence info -o yaml')
    .action(({ output }: { output: Format }) => {
      const config = readConfig();
      const embedded = hasEmbeddedDatabase(config) ? `embedded, in ${config.home}` : `embedded, not made yet (will be in ${config.home})`;
      printRecord(
        {
          thence: packageVersion,
          installed_in: packageRoot,
          node: process.version,
          platform: `${process.platform} ${process.arch} ${os.release()}`,
          cpus: os.availableParallelism(),
          memory_mb: Math.round(os.totalmem() / 1024 ** 2),
          home: config.home,
          dags_folder: config.dagsFolder,
          database: config.databaseUrl === null ? embedded : maskUrl(config.databaseUrl),
          executor: config.executors.join(','),
          parallelism: config.parallelism,
          web: `http://${config.host}:${config.port}`,
        },
        output,
      );
    });
}
