/**
 * The files that travel with a bundle, laid out in a folder for a host that has no dags folder: `path.join(__dirname, 'sql/x.sql')` finds
 * there what it finds beside the DAG file elsewhere. One folder per content, made once and kept; only its owner may enter it.
 */
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { BundleCode } from '../core/workload';

/** @returns the folder that stands for the dags folder; null: no files travel with the bundle */
export function layOutFiles({ hash, files }: BundleCode): string | null {
  if (Object.keys(files).length === 0) return null;
  const folder = path.join(ownFolder(), hash);
  if (existsSync(folder)) return folder;
  const made = mkdtempSync(`${folder}-`);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(made, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  try {
    renameSync(made, folder); // whole, or not at all
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another process was quicker
  }
  return folder;
}

/** Others may write to the folder for temporary files: what they put there in our name is not used. */
function ownFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const folder = path.join(os.tmpdir(), `thence-files-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || (process.getuid && stat.uid !== uid)) return mkdtempSync(path.join(os.tmpdir(), 'thence-files-'));
  chmodSync(folder, 0o700);
  return folder;
}
