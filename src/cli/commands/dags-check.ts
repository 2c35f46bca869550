import path from 'node:path';
import type { ImportError } from '../../dag-processor/import-error';
import { loadDagsFolder } from '../../dag-processor/load-dags-folder';
import { dagFilesOf, describeImportError } from '../../testing/find-dag-file';
import { print } from '../output';
import { endWith } from '../program';
import { readConfig } from '../read-config';
import { note } from '../report-error';
import { checkTypes, frameOf } from '../type-check';
import type { TypeProblem } from '../type-check';

/** `thence dags check`: types, then loading, as the DAG processor does it. Prints each problem as `file:line:column`, with the lines around it. */
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

  const one = files.filePaths.length === 1 ? files.filePaths[0] : undefined;
  const loaded = await loadDagsFolder({ ...config, dagsFolder: files.dagsFolder }, { filePath: one });
  for (const error of loaded.errors) report(describeImportError(located(error, files.dagsFolder)), null);
  for (const warning of loaded.files.flatMap(({ warnings }) => warnings)) note(`warning: ${warning}`);

  const counted = `${plural(files.filePaths.length, 'file')}, ${plural(loaded.specs.length, 'DAG')}`;
  print(errors === 0 ? `${counted}, no errors` : `${counted}, ${plural(errors, 'error')}`);
  if (errors > 0) endWith(1);
}

function placed({ file, line, column, message }: TypeProblem): string {
  return file === null ? message : `${path.relative('', file)}:${line}:${column}: ${message}`;
}

function located(error: ImportError, dagsFolder: string): ImportError {
  return { ...error, filePath: here(error.filePath, dagsFolder), file: error.file === null ? null : here(error.file, dagsFolder) };
}

/** Relative to the working directory, as people and their terminals open it. */
function here(file: string, dagsFolder: string): string {
  return path.relative('', path.join(dagsFolder, file));
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
