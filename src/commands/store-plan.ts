/** What becomes of each name of a list that is to be stored, and checks that variables, connections and pools share. */
import { ThenceError } from '../core/errors';
import type { Transaction } from '../ledger/ledger';
import type { Cipher } from '../secrets/cipher';
import type { Stored, StoreOptions } from './commands';
import type { CommandContext } from './context';

export type StoreAction = 'create' | 'update' | 'skip';

/**
 * @param what for messages: 'variable'
 * @throws ALREADY_EXISTS · NOT_FOUND naming all that are in the way · INVALID_VALUE a name twice
 */
export function planStore(
  what: string,
  names: readonly string[],
  existing: ReadonlySet<string>,
  { ifExists = 'overwrite', ifMissing = 'create' }: StoreOptions,
): (name: string) => StoreAction {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new ThenceError('INVALID_VALUE', `the ${what} "${twice}" is in the list twice`);
  const there = names.filter((name) => existing.has(name));
  if (ifExists === 'fail' && there.length > 0)
    throw new ThenceError('ALREADY_EXISTS', sentence(what, there, 'exists already', 'exist already'));
  const missing = names.filter((name) => !existing.has(name));
  if (ifMissing === 'fail' && missing.length > 0) throw missingError(what, missing);
  return (name) => {
    if (existing.has(name)) return ifExists === 'skip' ? 'skip' : 'update';
    return ifMissing === 'skip' ? 'skip' : 'create';
  };
}

export function missingError(what: string, names: readonly string[]): ThenceError {
  return new ThenceError('NOT_FOUND', sentence(what, names, 'does not exist', 'do not exist'));
}

export function storedBy(names: readonly string[], actionOf: (name: string) => StoreAction): Stored {
  const those = (action: StoreAction) => names.filter((name) => actionOf(name) === action);
  return { created: those('create'), updated: those('update'), skipped: those('skip') };
}

/** Somebody else made it between the look and the insert. */
export function assertInserted(what: string, name: string, rowCount: number | null): void {
  if (rowCount === 0) throw new ThenceError('ALREADY_EXISTS', sentence(what, [name], 'exists already', ''));
}

export function assertText(what: string, text: string | null | undefined): void {
  if (text?.includes('\0') === true) throw new ThenceError('INVALID_VALUE', `${what} contains the character NUL, which cannot be stored`);
}

export function cipherOf({ cipher }: CommandContext): Cipher {
  if (cipher) return cipher();
  throw new ThenceError('CONFIG', 'this process has no secret key: it stores neither variables nor connections');
}

/**
 * Called after the writing, in its transaction. Two processes with different keys would otherwise store what the other cannot read, and
 * nobody would notice before a task fails.
 */
export async function assertReadable(transaction: Transaction, cipher: Cipher): Promise<void> {
  const { rows } = await transaction.query<{ what: string; key_id: string }>(
    `SELECT 'variable "' || key || '"' AS what, key_id FROM variable WHERE key_id <> ALL($1::text[])
     UNION ALL SELECT 'connection "' || conn_id || '"', key_id FROM connection WHERE key_id <> ALL($1::text[]) LIMIT 1`,
    [[...cipher.keyIds]],
  );
  const [other] = rows;
  if (!other) return;
  throw new ThenceError(
    'CONFIG',
    `nothing was stored: the ${other.what} was encrypted with the secret key ${other.key_id}, and this process has ${cipher.keyIds.join(' and ')}. ` +
      'All processes need the same THENCE_SECRET_KEY; give the earlier one as THENCE_SECRET_KEY_PREVIOUS, or delete what was stored with it',
  );
}

function sentence(what: string, names: readonly string[], one: string, many: string): string {
  const quoted = names.map((name) => `"${name}"`).join(', ');
  return names.length === 1 ? `the ${what} ${quoted} ${one}` : `the ${what}s ${quoted} ${many}`;
}
