/** Files beside the DAG file that travel with its code: those of `files`, and a `docMd` that names one. Read when the DAG is stored. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ignore from 'ignore';
import { ThenceError } from '../core/errors';
import type { TemplateFiles } from '../templates/template-files';

/** Where the DAG file lies, to read what is beside it. */
export interface DagSource {
  readonly dagsFolder: string;
  /** Relative to `dagsFolder`. */
  readonly filePath: string;
}

/** All of a DAG together; they are stored with every version of the code. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * @param patterns as in a .gitignore, relative to the DAG file's folder: what they would ignore is taken
 * @throws DAG_FILE for a pattern that matches nothing, a file that is no text, and for more than 16 MiB
 */
export function readTravellingFiles(patterns: readonly string[], { dagsFolder, filePath }: DagSource, owner: string): TemplateFiles {
  if (patterns.length === 0) return {};
  const where = `\`files\` of ${owner}`;
  for (const pattern of patterns)
    if (path.isAbsolute(pattern) || pattern.split(/[\\/]/).includes('..'))
      throw new ThenceError(
        'DAG_FILE',
        `${where} has "${pattern}"; allowed are patterns below the folder of the DAG file, such as 'sql/*.sql'`,
      );

  const folder = path.posix.dirname(filePath.split(path.sep).join('/'));
  const present = filesBelow(path.join(dagsFolder, folder), '');
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) continue;
    const one = ignore().add(pattern);
    if (!present.some((file) => one.ignores(file)))
      throw new ThenceError('DAG_FILE', `${where}: nothing below the folder of the DAG file matches "${pattern}"`);
  }
  const wanted = ignore().add([...patterns]);
  const files: Record<string, string> = {};
  let bytes = 0;
  for (const file of present.filter((one) => wanted.ignores(one))) {
    const content = readFileSync(path.join(dagsFolder, folder, file));
    bytes += content.byteLength;
    if (bytes > MAX_BYTES)
      throw new ThenceError(
        'DAG_FILE',
        `${where} are more than ${MAX_BYTES / 1024 / 1024} MiB together: large data does not belong into the code of a DAG`,
      );
    files[path.posix.join(folder, file)] = asText(content, file, where);
  }
  return files;
}

/** Markdown as it stands, or the content of the .md file that it names. */
export function readDocument(docMd: string | null, source: DagSource | undefined, owner: string): string | null {
  if (docMd === null || source === undefined || !/^\S+\.md$/.test(docMd)) return docMd;
  const { dagsFolder, filePath } = source;
  try {
    return readFileSync(path.join(dagsFolder, path.dirname(filePath), docMd), 'utf8');
  } catch (error) {
    throw new ThenceError(
      'DAG_FILE',
      `\`docMd\` of ${owner} names the file "${docMd}", which cannot be read beside the DAG file (${(error as Error).message})`,
    );
  }
}

/** Relative to `root`, with '/', sorted. Folders that begin with a dot, and node_modules, are left out. */
function filesBelow(root: string, folder: string): string[] {
  const entries = readdirSync(path.join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name.startsWith('.') || entry.name === 'node_modules' ? [] : filesBelow(root, name);
    return entry.isFile() ? [name] : [];
  });
}

function asText(content: Buffer, file: string, where: string): string {
  const text = content.toString('utf8');
  if (text.includes('\0') || !Buffer.from(text).equals(content))
    throw new ThenceError('DAG_FILE', `${where}: "${file}" is no text in UTF-8; only text travels with the code`);
  return text;
}
