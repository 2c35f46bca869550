/** Postgres refuses to run as root: when we are root, its processes run as another user, who must be able to reach their files. */
import { spawnSync } from 'node:child_process';
import { ThenceError } from '../../core/errors';

/** Spread into the options of child_process; empty when we are not root. */
export type RunAs = { readonly uid?: number; readonly gid?: number };

export function unprivilegedUser(): RunAs {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const uid = idOf('-u', name);
    const gid = idOf('-g', name);
    if (uid && gid) return { uid, gid };
  }
  throw new ThenceError(
    'CONFIG',
    'thence runs as root, and the embedded Postgres refuses to: it needs a user named `postgres` or `nobody`, and this machine has neither. Create one, run thence as another user, or set THENCE_DATABASE_URL.',
  );
}

/** Whether that user can enter the folder: asked of the kernel, since modes alone do not tell (ACLs, mounts). */
export function canEnter(folder: string, user: RunAs): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...user, cwd: '/', stdio: 'ignore' }).status === 0;
}

function idOf(flag: '-u' | '-g', name: string): number | null {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
  const id = Number(stdout);
  return status === 0 && id > 0 ? id : null;
}
