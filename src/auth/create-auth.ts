import { hkdfSync } from 'node:crypto';
import type { Pool } from 'pg';
import type { Auth, User } from './auth';
import { hashPassword, verifyPassword } from './password';

const tokenLifetime = '24h';
const issuer = 'thence';
const audience = 'thence-api';

/** Users are in `app_user`; tokens are JWTs signed with a key derived from `secretKey`. */
export function createAuth({ pool, secretKey }: { pool: Pool; secretKey: string }): Auth {
  // A key of its own: what signs browser sessions never signs tokens.
  const key = new Uint8Array(hkdfSync('sha256', secretKey, '', 'thence api token', 32));
  // For unknown users as much work is done as for known ones, so that the time does not tell which names exist.
  let nobody: Promise<string> | null = null;

  const findUser = async (username: string): Promise<User | null> => {
    if (username.includes('\0')) return null; // Postgres has no such text
    const { rows } = await pool.query<User>('SELECT username, role FROM app_user WHERE username = $1', [username]);
    return rows[0] ?? null;
  };

  return {
    findUser,
    async checkPassword(username, password) {
      const { rows } = await pool.query<User & { password_hash: string }>(
        'SELECT username, role, password_hash FROM app_user WHERE username = $1',
        [username.replaceAll('\0', '')],
      );
      const found = rows[0]?.username === username ? rows[0] : undefined;
      const matches = await verifyPassword(password, found?.password_hash ?? (await (nobody ??= hashPassword(''))));
      return found && matches ? { username: found.username, role: found.role } : null;
    },
    async issueToken(user) {
      const { SignJWT } = await import('jose');
      return new SignJWT({})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(user.username)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(tokenLifetime)
        .sign(key);
    },
    async verifyToken(token) {
      const { errors, jwtVerify } = await import('jose');
      try {
        const { payload } = await jwtVerify(token, key, { algorithms: ['HS256'], issuer, audience, requiredClaims: ['exp', 'sub'] });
        return await findUser(payload.sub!);
      } catch (error) {
        if (error instanceof errors.JOSEError) return null;
        throw error; // the database, say
      }
    },
  };
}
