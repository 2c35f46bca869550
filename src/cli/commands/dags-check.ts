import path from 'node:path';
import { dagFilesOf, describeImportError, loadDagFiles } from '../../testing/find-dag-file';
import { print } from '../output';
import { endWith } from '../program';
import { readConfig } from '../read-config';
import { note } from '../report-error';
import { checkTypes, frameOf } from '../type-check';
import type { TypeProblem } from '../type-check';

/** `thence dags check`: types, then loading. Prints each problem as `file:line:column`, with the lines around it. */
export async function checkDags(given: string | undefined, { types }: { types: boolean }): Promise<void> {
  const config = readConfig();
  const files = await dagFilesOf(given ?? null, config);
  let errors = 0;
  const report = (text: string, frame: string | null) => {
    errors += 1;
    print(`${text}${frame === null ? '' : `\n\n${frame}`}\n`);
  };

  if (types) {
    const typed = files.filePaths.filter((file) => /\.[cm]?ts$/.test(file)).map((file) => path.join(files.dagsFolder, file));
    const { problems, skipped } = await checkTypes(typed);
    if (skipped !== null) note(skipped);
    for (const problem of problems) report(placed(problem), frameOf(problem));
  }

  const dagIds = new Map<string, string>();
  await loadDagFiles(files, config, (loaded) => {
    const file = here(loaded.filePath, files.dagsFolder);
    if (loaded.error !== null) {
      const place = loaded.error.file === null ? null : here(loaded.error.file, files.dagsFolder);
      report(describeImportError({ ...loaded, filePath: file, error: { ...loaded.error, file: place } }), null);
    }
    for (const { spec, warnings } of loaded.dags ?? []) {
      const other = dagIds.get(spec.dagId);
      if (other !== undefined) report(`${file}: DAG "${spec.dagId}" is made by ${other} too; a DAG id belongs to one file`, null);
      dagIds.set(spec.dagId, file);
      for (const warning of warnings) note(`warning: ${warning}`);
    }
  });

  const counted = `${plural(files.filePaths.length, 'file')}, ${plural(dagIds.size, 'DAG')}`;
  print(errors === 0 ? `${counted}, no errors` : `${counted}, ${plural(errors, 'error')}`);
  if (errors > 0) endWith(1);
}

function placed({ file, line, column, message }: TypeProblem): string {
  return file === null ? message : `${path.relative('', file)}:${line}:${column}: ${message}`;
}

/** Relative to the working directory, as people and their terminals open it. */
function here(file: string, dagsFolder: string): string {
  return path.relative('', path.join(dagsFolder, file));
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
