import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createAuth } from '../../src/auth/create-auth';
import { ensureAdmin } from '../../src/auth/ensure-admin';
import { homeSecret, loadSecretKey } from '../../src/auth/home-secret';
import { hashPassword, verifyPassword } from '../../src/auth/password';
import { useTestDatabase } from '../support/database';

const db = useTestDatabase();
let home: string;
beforeEach(async () => {
  home = mkdtempSync(path.join(os.tmpdir(), 'thence-auth-'));
  await db.reset();
});
afterEach(() => rmSync(home, { recursive: true }));

const auth = (secretKey = 'a secret key of some length') => createAuth({ pool: db.pool, secretKey });
const admin = { username: 'admin', role: 'admin' } as const;
const passwordFile = () => path.join(home, 'admin-password');

describe('passwords', () => {
  it('are stored as salted scrypt hashes and recognised again', async () => {
    const [first, second] = await Promise.all([hashPassword('geheim'), hashPassword('geheim')]);
    expect(first).toMatch(/^scrypt\$32768\$8\$1\$/);
    expect(first).not.toBe(second);
    expect(await verifyPassword('geheim', first)).toBe(true);
    expect(await verifyPassword('Geheim', first)).toBe(false);
    expect(await verifyPassword('geheim', 'plain')).toBe(false);
  });

  it('are compared in one Unicode form', async () => {
    expect(await verifyPassword('Zu\u0308rich', await hashPassword('Z\u00fcrich'))).toBe(true);
  });
});

describe('ensureAdmin', () => {
  it('generates a password at the first start, returns it once and keeps it in the home for its owner alone', async () => {
    const { generated } = await ensureAdmin({ pool: db.pool, home, adminPassword: null });
    expect(generated).toMatch(/^[A-Za-z0-9]{20}$/);
    expect(readFileSync(passwordFile(), 'utf8')).toBe(`${generated}\n`);
    expect(statSync(passwordFile()).mode & 0o777).toBe(0o600);
    expect(await ensureAdmin({ pool: db.pool, home, adminPassword: null })).toEqual({ generated: null });
    expect(await auth().checkPassword('admin', generated!)).toEqual(admin);
  });

  it('makes one admin when two processes start at the same moment', async () => {
    const results = await Promise.all([1, 2, 3].map(() => ensureAdmin({ pool: db.pool, home, adminPassword: null })));
    const generated = results.map((result) => result.generated).filter((password) => password !== null);
    expect(generated).toHaveLength(1);
    expect(await auth().checkPassword('admin', generated[0]!)).toEqual(admin);
  });

  it('takes the configured password, over a generated one too', async () => {
    const { generated } = await ensureAdmin({ pool: db.pool, home, adminPassword: null });
    expect(await ensureAdmin({ pool: db.pool, home, adminPassword: 'configured' })).toEqual({ generated: null });
    expect(await auth().checkPassword('admin', 'configured')).toEqual(admin);
    expect(await auth().checkPassword('admin', generated!)).toBeNull();
    expect(existsSync(passwordFile())).toBe(false);
  });
});

describe('tokens', () => {
  it('say who somebody is to any process with the same key', async () => {
    await ensureAdmin({ pool: db.pool, home, adminPassword: 'p' });
    const token = await auth().issueToken(admin);
    expect(await auth().verifyToken(token)).toEqual(admin);
  });

  it('are refused when forged, malformed, expired, or of a user who is gone', async () => {
    await ensureAdmin({ pool: db.pool, home, adminPassword: 'p' });
    const token = await auth().issueToken(admin);
    const [header, payload, signature] = token.split('.') as [string, string, string];
    expect(await auth('another secret key').verifyToken(token)).toBeNull();
    expect(await auth().verifyToken(`${header}.${payload}.${signature.toLowerCase()}x`)).toBeNull();
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    expect(await auth().verifyToken(`${none}.${payload}.`)).toBeNull();
    expect(await auth().verifyToken('nonsense')).toBeNull();
    expect(await auth().verifyToken('')).toBeNull();
    jest.useFakeTimers({
      now: Date.now() + 24 * 3_600_000 + 1_000,
      doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask', 'setInterval'],
    });
    try {
      expect(await auth().verifyToken(token)).toBeNull();
    } finally {
      jest.useRealTimers();
    }
    await db.pool.query('DELETE FROM app_user');
    expect(await auth().verifyToken(token)).toBeNull();
  });
});

it('does not tell an unknown user from a wrong password', async () => {
  await ensureAdmin({ pool: db.pool, home, adminPassword: 'p' });
  expect(await auth().checkPassword('admin', 'wrong')).toBeNull();
  expect(await auth().checkPassword('nobody', '')).toBeNull();
  expect(await auth().checkPassword('admin\0', 'p')).toBeNull();
});

describe('the secret key', () => {
  it('is generated into the home once and kept for its owner alone', () => {
    const first = loadSecretKey({ home, secretKey: null });
    expect(first.length).toBeGreaterThanOrEqual(43);
    expect(loadSecretKey({ home, secretKey: null })).toBe(first);
    expect(statSync(path.join(home, 'secret-key')).mode & 0o777).toBe(0o600);
  });

  it('is the configured one when there is one, unless that is too short to sign with', () => {
    expect(loadSecretKey({ home, secretKey: 'configured-and-long' })).toBe('configured-and-long');
    expect(() => loadSecretKey({ home, secretKey: 'short' })).toThrow('THENCE_SECRET_KEY has 5 characters');
  });

  it('is what the quicker process made, when another one makes it meanwhile', () => {
    const slower = homeSecret(home, 'race', () => {
      homeSecret(home, 'race', () => 'quicker');
      return 'slower';
    });
    expect(slower).toEqual({ value: 'quicker', made: false });
  });
});
