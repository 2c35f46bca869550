/** Where a cluster lies whose home is out of reach for the user that Postgres runs as: `data-<hash of the home>`, and beside it a note of the home. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Logger } from '../../telemetry/logger';
import { sharedFolder } from './binaries';

const noteSuffix = '.home';

export function placeElsewhere(home: string, logger?: Logger): string {
  const parent = sharedFolder();
  removeTemporary(parent);
  const folder = path.join(parent, `data-${createHash('sha256').update(home).digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) {
    // Of a home that was here before and was deleted, with its password: not ours to use, and not ours to delete.
    const aside = `${folder}.until-${new Date().toISOString().replaceAll(':', '')}`;
    renameSync(folder, aside);
    logger?.warn('the database of an earlier home of this path was moved aside', { from: folder, to: aside });
  }
  writeFileSync(folder + noteSuffix, home);
  return folder;
}

/** Data of homes that were in the temporary folder and are gone. (A server that still runs there ends by itself: it misses its pid file.) */
function removeTemporary(parent: string): void {
  for (const note of readdirSync(parent).filter((name) => name.startsWith('data-') && name.endsWith(noteSuffix))) {
    const file = path.join(parent, note);
    try {
      const home = readFileSync(file, 'utf8');
      if (!home.startsWith(os.tmpdir() + path.sep) || existsSync(home)) continue;
      rmSync(file.slice(0, -noteSuffix.length), { recursive: true, force: true });
      rmSync(file, { force: true });
    } catch {
      // another process is removing it
    }
  }
}
