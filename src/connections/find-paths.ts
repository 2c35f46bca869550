/** A path, or a glob with `*`, `?`, `[a-z]`, `{a,b}` inside a name and `**` for any number of folders. Names that begin with a dot need one in the pattern. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { ThenceError } from '../core/errors';

const MAGIC = /[*?[{]/;

/**
 * What is there: `pattern` itself, or the files and folders that fit it, sorted. Folders that cannot be read or are not there hold nothing.
 * @param pattern absolute
 * @param atMost stops when so many are found
 * @throws INVALID_VALUE for a pattern that is none; what the file system says of a path without magic, other than that it is not there
 */
export async function findPaths(pattern: string, atMost = Number.POSITIVE_INFINITY): Promise<string[]> {
  if (!MAGIC.test(pattern)) return (await isThere(pattern)) ? [pattern] : [];
  const parts = pattern.split(path.sep).filter((part) => part !== '');
  const found: string[] = [];
  await walk(path.parse(pattern).root, parts, atMost, found);
  return [...new Set(found)].sort();
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function walk(folder: string, [part, ...rest]: readonly string[], atMost: number, found: string[]): Promise<void> {
  if (part === undefined || found.length >= atMost) return;
  if (!MAGIC.test(part)) {
    const next = path.join(folder, part);
    if (rest.length > 0) return walk(next, rest, atMost, found);
    if (await isThere(next).catch(() => false)) found.push(next);
    return;
  }
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  if (part === '**') await walk(folder, rest.length === 0 ? ['*'] : rest, atMost, found);
  const fits = part === '**' ? null : nameRegex(part);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (found.length >= atMost) return;
    const next = path.join(folder, entry.name);
    if (fits === null) {
      if (entry.isDirectory() && !entry.name.startsWith('.')) await walk(next, [part, ...rest], atMost, found);
    } else if (fits.test(entry.name)) {
      if (rest.length === 0) found.push(next);
      else if (!entry.isFile()) await walk(next, rest, atMost, found);
    }
  }
}

const compiled = new Map<string, RegExp>();

function nameRegex(part: string): RegExp {
  let regex = compiled.get(part);
  if (!regex) {
    if (compiled.size >= 500) compiled.clear();
    compiled.set(part, (regex = compile(part)));
  }
  return regex;
}

function compile(part: string): RegExp {
  try {
    return new RegExp(`^${part.startsWith('.') ? '' : '(?!\\.)'}${source(part)}$`, 'u');
  } catch {
    throw new ThenceError('INVALID_VALUE', `the pattern "${part}" is not one: its brackets or braces do not fit together`);
  }
}

function source(glob: string): string {
  let text = '';
  let depth = 0;
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at]!;
    const close = char === '[' ? glob.indexOf(']', at + 2) : -1;
    if (char === '*') text += '.*';
    else if (char === '?') text += '.';
    else if (close > 0) {
      const set = glob.slice(at + 1, close).replace(/[\\[\]]/g, '\\$&');
      text += /^[!^]/.test(set) ? `[^${set.slice(1)}]` : `[${set}]`;
      at = close;
    } else if (char === '{' && glob.includes('}', at)) {
      depth++;
      text += '(?:';
    } else if (char === '}' && depth > 0) {
      depth--;
      text += ')';
    } else if (char === ',' && depth > 0) text += '|';
    else text += char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  }
  return text;
}
