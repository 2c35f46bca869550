/**
 * Files, as Kubernetes and Docker mount secrets: `<folder>/connections/<id>` and `<folder>/variables/<key>`, or flat beside each
 * other under the names of the environment variables, `THENCE_CONN_<ID>` and `THENCE_VAR_<KEY>`, in capitals or not. A connection's file
 * holds a URI or JSON. Files are read each time they are asked for: a secret that is mounted anew counts at once.
 */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ThenceError } from '../core/errors';
import { parseConnection } from './parse-connection';
import type { SecretsBackend } from './secrets';

/** @throws CONFIG when there is no such folder */
export function fileSecrets(folder: string): SecretsBackend {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new ThenceError(
      'CONFIG',
      `THENCE_SECRETS_BACKEND names the folder ${folder}, which does not exist; mount the secrets there, or leave it out`,
    );
  return {
    async getVariable(key) {
      return (await firstFile(folder, namesOf('variables', 'THENCE_VAR_', key)))?.text ?? null;
    },
    async getConnection(id) {
      const found = await firstFile(folder, namesOf('connections', 'THENCE_CONN_', id));
      return found && parseConnection(id, found.text, found.file);
    },
  };
}

function namesOf(below: string, prefix: string, name: string): string[] {
  // A name that leads elsewhere, or to what Kubernetes keeps there for itself ("..data"), is no file of ours.
  if (!/^[\w-][\w.-]*$/.test(name)) return [];
  const flat = prefix + name;
  return [path.join(below, name), flat.toUpperCase(), flat.toLowerCase()];
}

/** Without the line's end that editors and `echo` leave. */
async function firstFile(folder: string, names: readonly string[]): Promise<{ file: string; text: string } | null> {
  for (const name of names) {
    const file = path.join(folder, name);
    try {
      return { file, text: (await readFile(file, 'utf8')).replace(/\r?\n$/, '') };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EISDIR')
        throw new ThenceError('CONFIG', `the secret in ${file} cannot be read: ${message}`, { cause: error });
    }
  }
  return null;
}
