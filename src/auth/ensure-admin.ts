import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Pool } from 'pg';
import { homeSecret } from './home-secret';
import { hashPassword, verifyPassword } from './password';

const username = 'admin';
const passwordFile = 'admin-password';

/**
 * Sees to it that the user `admin` exists. A given password (THENCE_ADMIN_PASSWORD) becomes its password, also when it had another one.
 * Otherwise one is generated where there is no such user yet, kept in `<home>/admin-password` (0600) and returned once, to be printed.
 */
export async function ensureAdmin({
  pool,
  home,
  adminPassword,
}: {
  pool: Pool;
  home: string;
  adminPassword: string | null;
}): Promise<{ generated: string | null }> {
  const { rows } = await pool.query<{ password_hash: string }>('SELECT password_hash FROM app_user WHERE username = $1', [username]);
  const stored = rows[0]?.password_hash;
  if (adminPassword !== null) {
    if (!stored || !(await verifyPassword(adminPassword, stored))) {
      await pool.query(
        `INSERT INTO app_user (username, password_hash, role) VALUES ($1, $2, 'admin')
         ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash`,
        [username, await hashPassword(adminPassword)],
      );
    }
    forgetAdminPassword(home);
    return { generated: null };
  }
  if (stored) return { generated: null };
  // The file first: a crash in between must not leave a user whose password nobody knows.
  const { value } = homeSecret(home, passwordFile, generatePassword);
  const { rowCount } = await pool.query(
    "INSERT INTO app_user (username, password_hash, role) VALUES ($1, $2, 'admin') ON CONFLICT DO NOTHING",
    [username, await hashPassword(value)],
  );
  return { generated: rowCount === 1 ? value : null };
}

/** Deletes the file of the generated password, which would name one that is no longer true. */
export function forgetAdminPassword(home: string): void {
  rmSync(path.join(home, passwordFile), { force: true });
}

/** Twenty letters and digits that nobody confuses: over 110 bits. */
export function generatePassword(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  return Array.from({ length: 20 }, () => alphabet[randomInt(alphabet.length)]).join('');
}
