import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export type FolderContent = { readonly [name: string]: string | { readonly link: string } };

/** A new folder with these files and symbolic links; gives its real path. */
export function makeFolder(content: FolderContent = {}): string {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'thence-dags-')));
  fillFolder(root, content);
  return root;
}

export function fillFolder(root: string, content: FolderContent): void {
  for (const [name, entry] of Object.entries(content)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    if (typeof entry === 'string') writeFileSync(file, entry);
    else symlinkSync(entry.link, file);
  }
}
