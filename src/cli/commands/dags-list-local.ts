import { loadDagsFolder } from '../../dag-processor/load-dags-folder';
import { timetableOfDag } from '../../timetables/next-run';
import { pickColumns, printRows } from '../output';
import type { Format } from '../output';
import { readConfig } from '../read-config';
import { note } from '../report-error';

const localColumns = ['dag_id', 'fileloc', 'owners', 'schedule', 'tags'];

/** `thence dags list --local`: the DAG files as they are now. What only a database knows is not there. */
export async function listLocalDags(
  output: Format,
  columns: string | undefined,
  { tags }: { readonly tags?: readonly string[] },
): Promise<void> {
  const { files, errors } = await loadDagsFolder(readConfig());
  const rows = files.flatMap(({ filePath, specs }) =>
    specs
      .filter((spec) => tags === undefined || spec.tags.some((tag) => tags.includes(tag)))
      .map((spec) => ({
        dag_id: spec.dagId,
        fileloc: filePath,
        owners: spec.owner,
        schedule: timetableOfDag(spec).summary,
        tags: spec.tags.join(','),
      })),
  );
  rows.sort((a, b) => (a.dag_id < b.dag_id ? -1 : 1));
  printRows(pickColumns(rows, columns, localColumns), output, 'no DAGs');
  if (errors.length > 0) note(`${errors.length} file${errors.length === 1 ? '' : 's'} could not be loaded: "thence dags check" shows why`);
}
