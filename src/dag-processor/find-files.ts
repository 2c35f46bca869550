/** Which files of a dags folder are DAG files. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import ignore from 'ignore';
import type { Ignore } from 'ignore';
import { ThenceError } from '../core/errors';

const CODE = /\.([cm]?[jt]s)$/;
const DECLARATION = /\.d\.[cm]?ts$/;
export const IGNORE_FILE = '.thenceignore';

/**
 * Relative paths with forward slashes, sorted. Left out are node_modules, folders and files that begin with a dot, declaration files, and
 * what a `.thenceignore` names (gitignore syntax, at every level).
 * @throws ThenceError (NOT_FOUND) when there is no such folder.
 */
export async function findFiles(root: string): Promise<string[]> {
  const there = await stat(root).catch(() => null);
  if (there?.isDirectory() !== true) {
    const why = there === null ? 'does not exist' : 'is not a folder';
    throw new ThenceError('NOT_FOUND', `The dags folder ${root} ${why}: make it, or name another one with THENCE_DAGS_FOLDER`);
  }
  const found: string[] = [];
  await walk(root, '', [], new Set(), found);
  return found.sort();
}

interface Rules {
  readonly base: string;
  readonly rules: Ignore;
}

/** `seen` holds real paths of the folders above, so that a symbolic link to one of them does not go round for ever. */
async function walk(root: string, folder: string, outer: readonly Rules[], above: ReadonlySet<string>, found: string[]): Promise<void> {
  const here = path.join(root, folder);
  const { ino, dev } = await stat(here);
  const id = `${dev}:${ino}`;
  if (above.has(id)) return;
  const entries = await readdir(here, { withFileTypes: true });
  const own = entries.some((entry) => entry.name === IGNORE_FILE) ? await readFile(path.join(here, IGNORE_FILE), 'utf8') : null;
  const rules = own === null ? outer : [...outer, { base: folder, rules: ignore().add(own) }];
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const relative = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const target = entry.isSymbolicLink() ? await stat(path.join(root, relative)).catch(() => null) : entry;
    if (target?.isDirectory() === true) {
      if (!isIgnored(`${relative}/`, rules)) await walk(root, relative, rules, new Set([...above, id]), found);
    } else if (target?.isFile() === true && CODE.test(entry.name) && !DECLARATION.test(entry.name) && !isIgnored(relative, rules)) {
      found.push(relative);
    }
  }
}

/** The innermost file that has a say decides, as in git. */
function isIgnored(relative: string, all: readonly Rules[]): boolean {
  for (const { base, rules } of all.toReversed()) {
    const { ignored, unignored } = rules.test(base === '' ? relative : relative.slice(base.length + 1));
    if (ignored || unignored) return ignored;
  }
  return false;
}

/** Cheap look at a text: what imports nothing makes no DAGs, and is neither bundled nor run. */
export function importsSomething(text: string): boolean {
  return /\bimport\b|\brequire\b/.test(text);
}

/** Whether loading these sources together may make DAGs: one of them has to reach thence, or the file itself to speak of DAGs. */
export function mayMakeDags(file: string, sources: readonly string[]): boolean {
  return /dag/i.test(file) || sources.some((text) => /['"]thence['"]/.test(text));
}

const FROM_THENCE =
  /(?:import|const|let|var)\s+(type\s)?\s*\{([^}]*)\}\s*(?:from\s*|=\s*(?:await\s+)?(?:require|import)\s*\(\s*)['"]thence['"]/g;

/** Whether a text imports the class DAG of thence as a value: then it is expected to make one. */
export function importsDagClass(text: string): boolean {
  const named = ([, typeOnly, names]: RegExpMatchArray) =>
    typeOnly === undefined && names!.split(',').some((name) => /^\s*DAG\b/.test(name));
  return [...text.matchAll(FROM_THENCE)].some(named);
}
