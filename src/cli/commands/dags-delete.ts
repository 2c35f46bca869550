import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { listRuns } from '../../read-model/cli/runs';
import { findDag } from '../../read-model/cli/dags';
import { confirm } from '../confirm';
import { actor, withCommands } from '../context';
import { printRecord, withOutput } from '../output';
import type { Format } from '../output';
import { readConfig } from '../read-config';
import { note } from '../report-error';

export function deleteDag(command: Command): void {
  withOutput(command.command('delete'))
    .argument('<dag_id>')
    .description('Delete a DAG with its runs, backfills and logs. The file stays: while it is there, the DAG comes back, empty.')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ thence dags delete hello --yes')
    .action(async (dagId: string, { yes, output }: { yes?: boolean; output: Format }) => {
      const config = readConfig();
      await withCommands(config, async (commands, db) => {
        await findDag(db, dagId);
        const { length: count } = await listRuns(db, { dagId });
        await confirm(`DAG "${dagId}", ${count} run${count === 1 ? '' : 's'} and their logs will be deleted.`, yes);
        const { runs, filePath } = await commands.deleteDag(dagId, actor);
        printRecord({ dag_id: dagId, deleted_runs: runs }, output);
        if (existsSync(path.join(config.dagsFolder, filePath))) {
          note(
            `its file ${filePath} is still there: the DAG comes back, empty, when that is read again. Delete the file, or name it in .thenceignore`,
          );
        }
      });
    });
}
