import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { createAuth } from '../../src/auth/create-auth';
import { useTestDatabase } from '../support/database';
import { insertSession } from '../support/factories';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

const db = useTestDatabase();
let cwd: string;
beforeAll(() => (cwd = mkdtempSync(path.join(os.tmpdir(), 'thence-admin-'))));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const secretKey = 'the secret key of these tests';
const thenceWith = (env: Record<string, string>, ...args: string[]) =>
  runCli(args, { cwd, env: { THENCE_HOME: path.join(cwd, '.thence'), THENCE_DATABASE_URL: db.url, ...env } });
const thence = (...args: string[]) => thenceWith({ THENCE_SECRET_KEY: secretKey }, ...args);
const json = async (...args: string[]) => JSON.parse((await thence(...args, '-o', 'json')).stdout) as unknown;
const file = (name: string) => path.join(cwd, name);
const write = (name: string, text: string) => (writeFileSync(file(name), text), file(name));
const ok = (stdout: string) => ({ exitCode: 0, stdout });

test('a variable is set, read, listed masked, and deleted', async () => {
  expect(await thence('variables', 'set', 'region', 'eu', '--description', 'where')).toMatchObject(ok('variable "region" is created\n'));
  expect(await thence('variables', 'set', 'limits', '{ "a": 1, "token": "t-1" }', '--json')).toMatchObject({ exitCode: 0 });
  expect(await thence('variables', 'set', 'limits', '{a', '--json')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('is not JSON') as string,
  });
  expect(await thence('variables', 'get', 'region')).toMatchObject(ok('eu\n'));
  expect(await thence('variables', 'get', 'limits', '--json')).toMatchObject(ok('{\n  "a": 1,\n  "token": "t-1"\n}\n'));
  expect(await json('variables', 'list')).toEqual([
    { key: 'limits', value: '{"a":1,"token":"***"}', description: null },
    { key: 'region', value: 'eu', description: 'where' },
  ]);
  expect(
    await thenceWith({ THENCE_SECRET_KEY: secretKey, THENCE_VAR_REGION: 'of the environment' }, 'variables', 'get', 'region'),
  ).toMatchObject(ok('of the environment\n'));
  expect(await thence('variables', 'delete', 'region')).toMatchObject({ exitCode: 0 });
  expect(await thence('variables', 'get', 'region')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('there is no variable "region"') as string,
  });
});

test('another secret key, or none, is an error in words', async () => {
  const wrong = await thenceWith({ THENCE_SECRET_KEY: 'another secret key than that' }, 'variables', 'get', 'limits');
  expect(wrong).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: expect.stringMatching(/^error: variable "limits" cannot be read: it was encrypted with the secret key/) as string,
  });
  const none = await thenceWith({}, 'variables', 'set', 'x', '1');
  expect(none).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('there is no secret key here') as string });
});

test('variables that are exported are imported again as they were', async () => {
  const source = {
    plain: '1.0',
    text: '{"a": 1}',
    list: [1, 'b'],
    described: { value: 'x', description: 'what for' },
    tricky: { value: { value: 1, description: 'd' }, description: null },
  };
  await db.pool.query('TRUNCATE variable');
  expect(await thence('variables', 'import', write('in.json', JSON.stringify(source)))).toMatchObject(
    ok('5 created, 0 updated, 0 skipped\n'),
  );
  expect(await thence('variables', 'export', file('out.yaml'))).toMatchObject({ exitCode: 0, stdout: '' });
  expect(statSync(file('out.yaml')).mode & 0o777).toBe(0o600);
  expect(parse(readFileSync(file('out.yaml'), 'utf8'))).toEqual({ ...source, text: { a: 1 } });
  const failed = await thence('variables', 'import', file('out.yaml'), '--action-on-existing-key', 'fail');
  expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('exist already') as string });
  expect(await thence('variables', 'import', write('bad.json', '{"password": "hunter2"'))).toMatchObject({
    exitCode: 2,
    stderr: expect.not.stringContaining('hunter2') as string,
  });
});

test('a connection is set by URI and by fields, shown masked, and exported', async () => {
  expect(await thence('connections', 'set', 'db', '--conn-uri', 'postgres://me:p%401@h:5432/s?api_key=k-1')).toMatchObject(
    ok('connection "db" is created\n'),
  );
  expect(await thence('connections', 'set', 'db', '--conn-host', 'h2', '--conn-description', 'sales')).toMatchObject(
    ok('connection "db" is updated\n'),
  );
  expect(await thence('connections', 'add', 'db', '--conn-type', 'http')).toMatchObject({
    exitCode: 1,
    stderr: 'error: the connection "db" exists already\n',
  });
  const shown = {
    conn_id: 'db',
    conn_type: 'postgres',
    description: 'sales',
    host: 'h2',
    port: 5432,
    login: 'me',
    schema: 's',
    password: '***',
    extra: { api_key: '***' },
  };
  expect(await json('connections', 'get', 'db')).toEqual(shown);
  expect(await json('connections', 'get', 'db', '--show-secrets')).toEqual({
    ...shown, password: 'p@1', extra: { api_key: 'k-1' }, get_uri: 'postgres://me:p%401@h2:5432/s?api_key=k-1',
  }); // prettier-ignore
  expect(await thence('connections', 'set', 'db', '--conn-uri', 'http://h', '--conn-host', 'h')).toMatchObject({ exitCode: 2 });
  expect(await thence('connections', 'export', file('connections.env'))).toMatchObject({ exitCode: 0 });
  expect(readFileSync(file('connections.env'), 'utf8')).toBe('db=postgres://me:p%401@h2:5432/s?api_key=k-1\n');
  expect(await thence('connections', 'test', 'db')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('THENCE_TEST_CONNECTION=true') as string,
  });
});

test('connections are imported from URIs and objects, and overwritten when asked to', async () => {
  const source = { web: { conn_type: 'http', host: 'h', description: 'web', extra: { a: { b: 1 } } }, db: 'postgres://me:p@h/s' };
  expect(await thence('connections', 'import', write('c.json', JSON.stringify(source)))).toMatchObject(
    ok('1 created, 0 updated, 1 skipped\n'),
  );
  expect(
    await thence('connections', 'import', write('c.env', '# both\nweb=http://other\ndb=postgres://me:p@h/s\n'), '--overwrite'),
  ).toMatchObject(ok('0 created, 2 updated, 0 skipped\n'));
  expect(JSON.parse((await thence('connections', 'export', '-')).stdout)).toEqual({
    db: { conn_type: 'postgres', description: 'sales', host: 'h', port: null, login: 'me', password: 'p', schema: 's', extra: {} },
    web: { conn_type: 'http', description: 'web', host: 'other', port: null, login: null, password: null, schema: null, extra: {} },
  });
  expect(await thence('connections', 'create-default-connections')).toMatchObject(ok('2 created, 0 updated, 0 skipped\n'));
  expect(await thence('connections', 'create-default-connections')).toMatchObject(ok('0 created, 0 updated, 2 skipped\n'));
  expect(await thence('connections', 'get', 'http_default')).toMatchObject({ exitCode: 0 });
  for (const id of ['postgres_default', 'http_default']) await thence('connections', 'delete', id);
  const url = new URL(db.url);
  const self = `postgres://${url.username}:${url.password}@${url.host}${url.pathname}`;
  const env = { THENCE_SECRET_KEY: secretKey, THENCE_TEST_CONNECTION: 'true', THENCE_CONN_SELF: self };
  expect(await thenceWith(env, 'connections', 'test', 'self')).toMatchObject(ok('Connected, and the database answers.\n'));
  expect(await thenceWith({ ...env, THENCE_CONN_SELF: `${self}_none` }, 'connections', 'test', 'self')).toMatchObject({ exitCode: 1 });
});

test('the secret key is changed without losing anything', async () => {
  const later = { THENCE_SECRET_KEY: 'the next secret key of these', THENCE_SECRET_KEY_PREVIOUS: secretKey };
  expect(await thenceWith(later, 'config', 'rotate-secret-key')).toMatchObject(
    ok('5 variables and 2 connections are encrypted with the current key\n'),
  );
  expect(await thenceWith({ THENCE_SECRET_KEY: later.THENCE_SECRET_KEY }, 'variables', 'get', 'plain')).toMatchObject(ok('1.0\n'));

  // From here on the home has a key of its own.
  mkdirSync(file('.thence'), { recursive: true });
  writeFileSync(file('.thence/secret-key'), `${later.THENCE_SECRET_KEY}\n`);
  expect(await thenceWith({}, 'config', 'rotate-secret-key')).toMatchObject(
    ok('5 variables and 2 connections are encrypted with the new key\n'),
  );
  expect(readFileSync(file('.thence/secret-key'), 'utf8').trim()).not.toBe(later.THENCE_SECRET_KEY);
  expect(existsSync(file('.thence/secret-key-previous'))).toBe(false);
  expect(await thenceWith({}, 'variables', 'get', 'plain')).toMatchObject(ok('1.0\n'));
});

test('a pool is set, shown, exported, imported and deleted', async () => {
  expect(await thence('pools', 'set', 'api', '4', 'calls', '--include-deferred')).toMatchObject(ok('pool "api" is created\n'));
  expect(await thence('pools', 'set', 'api', '-1')).toMatchObject(ok('pool "api" is updated\n'));
  expect(await json('pools', 'get', 'api')).toEqual([
    { pool: 'api', slots: -1, occupied_slots: 0, include_deferred: false, description: 'calls' },
  ]);
  expect(await thence('pools', 'export', file('pools.json'))).toMatchObject({ exitCode: 0 });
  expect(await thence('pools', 'delete', 'api')).toMatchObject({ exitCode: 0 });
  expect(await thence('pools', 'import', file('pools.json'))).toMatchObject(ok('1 created, 1 updated\n'));
  expect(await thence('pools', 'import', write('p.json', '{"x": {"slot": 1}}'))).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('unknown field "slot"') as string,
  });
});

test('users are made, get another password, and are deleted', async () => {
  const auth = createAuth({ pool: db.pool, secretKey: 'of some length, for tokens' });
  expect(await thence('users', 'create', '-u', 'ada', '-p', 'a password')).toMatchObject(ok('user "ada" is created\n'));
  const made = await thence('users', 'create', '-u', 'admin', '--use-random-password');
  expect(await auth.checkPassword('admin', /the password is (\S+)/.exec(made.stdout)![1]!)).not.toBeNull();
  expect(await thence('users', 'reset-password', '-u', 'ada', '-p', 'another password')).toMatchObject({ exitCode: 0 });
  expect(await auth.checkPassword('ada', 'another password')).not.toBeNull();
  expect(await json('users', 'list')).toMatchObject([
    { username: 'ada', role: 'admin' },
    { username: 'admin', role: 'admin' },
  ]);
  expect(await thence('users', 'delete', '-u', 'admin')).toMatchObject({ exitCode: 0 });
});

test('a check of the processes takes Airflow’s names of them, and this host alone', async () => {
  await insertSession(db.pool, { kind: 'scheduler' });
  await db.pool.query("UPDATE session SET host = 'elsewhere'");
  expect(await thence('jobs', 'check', '--job-type', 'SchedulerJob')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('alive: scheduler') as string,
  });
  expect(await thence('jobs', 'check', '--job-type', 'scheduler', '--local')).toMatchObject({ exitCode: 1 });
  expect(await thence('jobs', 'check', '--job-type', 'TriggererJob')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('no triggerer is alive') as string,
  });
});
