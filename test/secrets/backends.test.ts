import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createCipher } from '../../src/secrets/cipher';
import { createSecrets } from '../../src/secrets/create-secrets';
import { fileSecrets } from '../../src/secrets/file-backend';
import { moduleSecrets } from '../../src/secrets/module-backend';
import { storeConnections } from '../../src/commands/store-connections';
import { storeVariables } from '../../src/commands/store-variables';
import type { CommandContext } from '../../src/commands/context';
import { loadConfig } from '../../src/config/load-config';
import { testConfig } from '../support/config';
import { useTestDatabase } from '../support/database';

const db = useTestDatabase();
const secretKey = 'a secret key for these tests';
const actor = { user: 'ada', via: 'cli' } as const;
const context = () => ({ database: db.database, cipher: () => createCipher([secretKey]) }) as unknown as CommandContext;

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'thence-secrets-'))));
afterEach(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string) => {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};

describe('the order', () => {
  beforeEach(() => db.pool.query('TRUNCATE variable, connection'));

  it('is backends, then the environment, then the database; each answers what the ones before do not have', async () => {
    await storeVariables(
      context(),
      ['in_file', 'in_env', 'in_database'].map((key) => ({ key, value: 'database' })),
      {},
      actor,
    );
    await storeConnections(
      context(),
      [{ id: 'db', type: 'postgres', host: 'of.database', password: 'p@ss', extra: { token: 't' } }],
      {},
      actor,
    );
    write('variables/in_file', 'file\n');
    const config = testConfig({
      secretKey,
      secretsBackends: [`file:${folder}`],
      variables: { in_file: 'environment', in_env: 'environment' },
      connections: { web: 'http://of.env' },
    });
    const secrets = createSecrets(config, db.pool);
    expect(await Promise.all(['in_file', 'in_env', 'in_database', 'nowhere', 'a\0b'].map((key) => secrets.getVariable(key)))).toEqual([
      'file',
      'environment',
      'database',
      null,
      null,
    ]);
    expect(await secrets.getConnection('db')).toEqual({
      id: 'db',
      type: 'postgres',
      host: 'of.database',
      port: null,
      login: null,
      password: 'p@ss',
      schema: null,
      extra: { token: 't' },
      uri: 'postgres://:p%40ss@of.database/?token=t',
    });
    expect((await secrets.getConnection('web'))?.host).toBe('of.env');
    expect(await secrets.getConnection('nothing')).toBeNull();
  });

  it('gives each of many who ask at once what they asked for', async () => {
    const keys = Array.from({ length: 40 }, (_, n) => `key_${n % 20}`);
    await storeVariables(
      context(),
      keys.slice(0, 19).map((key) => ({ key, value: `of ${key}` })),
      {},
      actor,
    );
    const secrets = createSecrets(testConfig({ secretKey }), db.pool);
    expect(await Promise.all(keys.map((key) => secrets.getVariable(key)))).toEqual(
      keys.map((key) => (key === 'key_19' ? null : `of ${key}`)),
    );
  });

  it('stops at a backend that fails: an older value from further down is not taken instead', async () => {
    await storeVariables(context(), [{ key: 'a', value: 'old' }], {}, actor);
    const module = write(
      'vault.ts',
      "export const secretsBackend = { getVariable: async () => { throw new Error('sealed') }, getConnection: async () => null };",
    );
    const secrets = createSecrets(testConfig({ secretKey, secretsBackends: [module] }), db.pool);
    await expect(secrets.getVariable('a')).rejects.toThrow(`the secrets backend ${module} failed: sealed`);
  });
});

describe('files', () => {
  it('are found in folders and under the names of the environment variables, and read anew each time', async () => {
    const secrets = fileSecrets(folder);
    expect(await secrets.getVariable('colour')).toBeNull();
    write('variables/colour', 'blue\n');
    write('THENCE_VAR_SHAPE', 'round');
    write('thence_conn_web', 'https://h/x');
    write('connections/db.main', '{"conn_type":"postgres","host":"h","password":"p"}\n');
    expect([await secrets.getVariable('colour'), await secrets.getVariable('shape')]).toEqual(['blue', 'round']);
    expect((await secrets.getConnection('web'))?.type).toBe('https');
    expect(await secrets.getConnection('db.main')).toMatchObject({ type: 'postgres', password: 'p' });
    write('variables/colour', 'red');
    expect(await secrets.getVariable('colour')).toBe('red');
  });

  it('are found through the links that Kubernetes makes', async () => {
    write('..2026_01/colour', 'blue');
    mkdirSync(path.join(folder, 'variables'));
    symlinkSync('..2026_01', path.join(folder, '..data'));
    symlinkSync('../..data/colour', path.join(folder, 'variables/colour'));
    expect(await fileSecrets(folder).getVariable('colour')).toBe('blue');
  });

  it.each(['../outside', '..', '.hidden', 'a/b', '', 'a\0b'])('outside the folder are out of reach: %j', async (name) => {
    write('variables/a/b', 'x');
    writeFileSync(path.join(folder, 'variables/.hidden'), 'x');
    writeFileSync(path.join(folder, 'outside'), 'x');
    expect(await fileSecrets(folder).getVariable(name)).toBeNull();
  });

  it('a folder that does not exist is an error of the configuration', () => {
    expect(() => fileSecrets(path.join(folder, 'none'))).toThrow(/THENCE_SECRETS_BACKEND names the folder .*none, which does not exist/);
  });

  it('a connection that cannot be read names its file and not what is in it', async () => {
    const file = write('connections/db', 'hunter2');
    const wrong = fileSecrets(folder).getConnection('db');
    await expect(wrong).rejects.toThrow(`connection "db" (${file}) is neither JSON nor a URI`);
    await expect(wrong).rejects.not.toThrow(/hunter2/);
  });
});

describe('a module', () => {
  it('may be TypeScript, and give a connection as a text or in fields', async () => {
    const file = write(
      'backend.ts',
      `const known: Record<string, unknown> = {
         uri: 'postgres://me:p@h/d', fields: { conn_type: 'http', host: 'h', port: '80' }, parts: { type: 'http', host: 'h2' },
       };
       export default { getVariable: async (key: string) => (key === 'a' ? '1' : undefined), getConnection: async (id: string) => known[id] };`,
    );
    const secrets = moduleSecrets(file);
    expect([await secrets.getVariable('a'), await secrets.getVariable('b')]).toEqual(['1', null]);
    expect(await secrets.getConnection('uri')).toMatchObject({ id: 'uri', password: 'p' });
    expect(await secrets.getConnection('fields')).toMatchObject({ type: 'http', port: 80, uri: 'http://h:80/' });
    expect(await secrets.getConnection('parts')).toMatchObject({ type: 'http', host: 'h2', password: null, uri: 'http://h2/' });
    expect(await secrets.getConnection('none')).toBeNull();
  });

  it('that exports no backend, or gives something else than a text, is told so', async () => {
    expect(() => moduleSecrets(write('empty.js', 'module.exports = { getVariable() {} };'))).toThrow(/exports no `secretsBackend`/);
    expect(() => moduleSecrets(path.join(folder, 'none.js'))).toThrow(/none\.js could not be loaded/);
    const file = write('numbers.js', 'exports.secretsBackend = { getVariable: async () => 1, getConnection: async () => null };');
    await expect(moduleSecrets(file).getVariable('a')).rejects.toThrow(/gave variable "a" as number; it has to be a text or null/);
  });
});

describe('THENCE_SECRETS_BACKEND', () => {
  const read = (value: string) => loadConfig({ env: { THENCE_SECRETS_BACKEND: value }, cwd: folder }).secretsBackends;

  it('is a list of folders and modules, from the working directory', () => {
    expect(read('file:/run/secrets, ./vault.ts')).toEqual(['file:/run/secrets', path.join(folder, 'vault.ts')]);
    expect(read('file:///run/secrets')).toEqual(['file:/run/secrets']);
    expect(read('file:here')).toEqual([`file:${path.join(folder, 'here')}`]);
  });

  it('names what is allowed', () => {
    expect(() => read('vault')).toThrow(
      /THENCE_SECRETS_BACKEND in the environment is "vault"; allowed is file: and a folder, or the path of a module/,
    );
  });
});
