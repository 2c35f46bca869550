/** Who may sign in. */
import { hashPassword } from '../auth/password';
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor } from './commands';
import type { CommandContext } from './context';
import { inTransaction } from './transaction';

export const ROLES = ['admin'] as const;
const shortestPassword = 8;

export async function createUser(
  { database }: CommandContext,
  { username, password, role = 'admin' }: { readonly username: string; readonly password: string; readonly role?: string },
  actor: Actor,
): Promise<void> {
  if (!/^[^\s\p{C}]{1,100}$/u.test(username))
    throw new ThenceError('INVALID_VALUE', `"${username}" is no name of a user: allowed are 1 to 100 characters without spaces`);
  if (!(ROLES as readonly string[]).includes(role))
    throw new ThenceError('INVALID_VALUE', `there is no role "${role}"; allowed is ${ROLES.join(', ')}`);
  const hash = await hashPassword(checked(password));
  await inTransaction(database.pool, async (client) => {
    const { rowCount } = await client.query(
      'INSERT INTO app_user (username, password_hash, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [username, hash, role],
    );
    if (rowCount === 0) throw new ThenceError('ALREADY_EXISTS', `the user "${username}" exists already`);
    await writeAudit(client, actor, { action: 'create_user', details: { username, role } });
  });
}

export async function deleteUser(context: CommandContext, username: string, actor: Actor): Promise<void> {
  await inTransaction(context.database.pool, async (client) => {
    // All of them, so that two who delete each other at the same moment do not leave nobody.
    const { rows } = await client.query<{ username: string }>('SELECT username FROM app_user ORDER BY username FOR UPDATE');
    if (!rows.some((user) => user.username === username)) throw unknownUser(username, rows);
    if (rows.length === 1) throw new ThenceError('CONFLICT', `"${username}" is the only user; make another one first`);
    await client.query('DELETE FROM app_user WHERE username = $1', [username]);
    await client.query("DELETE FROM web_session WHERE sess->>'username' = $1", [username]);
    await writeAudit(client, actor, { action: 'delete_user', details: { username } });
  });
}

export async function setPassword(
  context: CommandContext,
  { username, password }: { readonly username: string; readonly password: string },
  actor: Actor,
): Promise<void> {
  const hash = await hashPassword(checked(password));
  await inTransaction(context.database.pool, async (client) => {
    const { rowCount } = await client.query('UPDATE app_user SET password_hash = $2 WHERE username = $1', [username, hash]);
    if (rowCount === 0) throw unknownUser(username, (await client.query<{ username: string }>('SELECT username FROM app_user')).rows);
    await client.query("DELETE FROM web_session WHERE sess->>'username' = $1", [username]);
    await writeAudit(client, actor, { action: 'reset_password', details: { username } });
  });
}

function checked(password: string): string {
  if (password.length >= shortestPassword) return password;
  throw new ThenceError('INVALID_VALUE', `a password needs at least ${shortestPassword} characters; the given one has ${password.length}`);
}

function unknownUser(username: string, users: readonly { readonly username: string }[]): ThenceError {
  const known = users.map((user) => user.username);
  return new ThenceError('NOT_FOUND', `there is no user "${username}"${didYouMean(username, known)}`);
}
