import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createCipher } from '../../src/secrets/cipher';
import { forgetPreviousKey, loadCipher, loadKnownCipher, replaceHomeKey } from '../../src/secrets/load-cipher';

const [one, two] = ['the first secret key', 'the second secret key'] as const;

describe('a stored text', () => {
  const cipher = createCipher([one]);

  it('opens again, is another each time, and does not have the text in it', () => {
    const [first, second] = [cipher.encrypt('geheim ü', 'here'), cipher.encrypt('geheim ü', 'here')];
    expect(first).not.toBe(second);
    expect(first).toMatch(new RegExp(`^v1:${cipher.keyId}:[\\w-]+$`));
    expect(Buffer.from(first.split(':')[2]!, 'base64url').toString('utf8')).not.toContain('geheim');
    expect([cipher.decrypt(first, 'here'), cipher.decrypt(second, 'here')]).toEqual(['geheim ü', 'geheim ü']);
    expect(cipher.decrypt(cipher.encrypt('', 'here'), 'here')).toBe('');
  });

  it('of another key is refused in a sentence that names both keys, and not read as garbage', () => {
    const other = createCipher([two]);
    expect(() => other.decrypt(cipher.encrypt('x', 'here'), 'variable "a"')).toThrow(
      `variable "a" cannot be read: it was encrypted with the secret key ${cipher.keyId}, and this process has ${other.keyId}. Set THENCE_SECRET_KEY`,
    );
  });

  it('of an earlier key opens where that key is known, and is written with the newer one', () => {
    const both = createCipher([two, one]);
    expect(both.decrypt(cipher.encrypt('x', 'here'), 'here')).toBe('x');
    expect(both.encrypt('x', 'here').split(':')[1]).toBe(createCipher([two]).keyId);
  });

  it.each([
    ['was changed', (stored: string) => stored.slice(0, -2) + (stored.endsWith('AA') ? 'BB' : 'AA'), 'here'],
    ['was cut', (stored: string) => stored.slice(0, -30), 'here'],
    ['comes from another place', (stored: string) => stored, 'there'],
  ])('that %s does not open', (_what, change, place) => {
    expect(() => cipher.decrypt(change(cipher.encrypt('a longer text than that', 'here')), place)).toThrow(
      /what is stored was changed, or belongs to/,
    );
  });
});

describe('the keys of a home', () => {
  let home: string;
  beforeEach(() => (home = mkdtempSync(path.join(os.tmpdir(), 'thence-keys-'))));
  afterEach(() => rmSync(home, { recursive: true }));
  const config = (secretKey: string | null = null, secretKeyPrevious: string | null = null) => ({ home, secretKey, secretKeyPrevious });
  const key = () => readFileSync(path.join(home, 'secret-key'), 'utf8').trim();

  it('stay readable when a key is configured later, and when that one is changed', () => {
    const stored = loadCipher(config()).encrypt('x', 'here');
    expect(loadCipher(config(one)).decrypt(stored, 'here')).toBe('x');
    const newer = loadCipher(config(one)).encrypt('y', 'here');
    expect(loadCipher(config(two, one)).decrypt(newer, 'here')).toBe('y');
    expect(() => loadCipher(config(two)).decrypt(newer, 'here')).toThrow(/cannot be read/);
  });

  it('are replaced once: an interrupted rotation goes on with the key that it made', () => {
    const before = loadCipher(config());
    const stored = before.encrypt('x', 'here');
    const old = key();
    expect(replaceHomeKey(config())).toBe(true);
    const made = key();
    expect(made).not.toBe(old);
    expect(statSync(path.join(home, 'secret-key')).mode & 0o777).toBe(0o600);
    expect(loadCipher(config()).decrypt(stored, 'here')).toBe('x');

    expect(replaceHomeKey(config())).toBe(false);
    expect(key()).toBe(made);
    forgetPreviousKey(config());
    expect(existsSync(path.join(home, 'secret-key-previous'))).toBe(false);
    expect(() => loadCipher(config()).decrypt(stored, 'here')).toThrow(/cannot be read/);
  });

  it('are replaced after a crash between the two files too', () => {
    loadCipher(config());
    const old = key();
    writeFileSync(path.join(home, 'secret-key-previous'), `${old}\n`);
    expect(replaceHomeKey(config())).toBe(true);
    expect(key()).not.toBe(old);
  });

  it('are not made up by a command line whose database is elsewhere', () => {
    expect(() => loadKnownCipher({ ...config(), databaseUrl: 'postgres://h/d' })).toThrow(
      /there is no secret key here: THENCE_SECRET_KEY is not set/,
    );
    expect(existsSync(path.join(home, 'secret-key'))).toBe(false);
    expect(loadKnownCipher({ ...config(), databaseUrl: null }).keyIds).toHaveLength(1);
  });
});
