import { createAuth } from '../../src/auth/create-auth';
import type { Actor, Commands } from '../../src/commands/commands';
import { createCommands } from '../../src/commands/create-commands';
import { createCipher } from '../../src/secrets/cipher';
import { databaseSecrets } from '../../src/secrets/database-backend';
import { useTestDatabase } from '../support/database';
import { insertDag } from '../support/factories';

const db = useTestDatabase();
const actor: Actor = { user: 'ada', via: 'cli' };
const cipher = createCipher(['the key of these tests']);

let wakeups = 0;
const commandsWith = (key = cipher): Commands =>
  createCommands({ database: db.database, ledger: {} as never, clock: { now: Date.now }, wakeup: () => wakeups++, cipher: () => key });
let commands: Commands;
beforeEach(async () => {
  await db.pool.query('TRUNCATE variable, connection, dag_favorite, app_user, web_session, audit_log');
  await db.pool.query("DELETE FROM pool WHERE name <> 'default_pool'");
  wakeups = 0;
  commands = commandsWith();
});
const secrets = (key = cipher) => databaseSecrets({ pool: db.pool, cipher: key });
const audit = async () => (await db.pool.query('SELECT actor, via, action, dag_id, details FROM audit_log ORDER BY id')).rows;
const all = async (table: string) => JSON.stringify((await db.pool.query(`SELECT * FROM ${table}`)).rows);

describe('variables', () => {
  it('are stored encrypted, and what they hold is not in the audit log', async () => {
    expect(await commands.storeVariables([{ key: 'region', value: 'eu-central', description: 'where' }], {}, actor)).toEqual({
      created: ['region'],
      updated: [],
      skipped: [],
    });
    expect(await secrets().getVariable('region')).toBe('eu-central');
    expect((await all('variable')) + (await all('audit_log'))).not.toContain('eu-central');
    expect(await audit()).toEqual([
      { actor: 'ada', via: 'cli', action: 'create_variable', dag_id: null, details: { key: 'region', fields: ['value', 'description'] } },
    ]);
  });

  it('keep what is left out, and what is given as it is shown hidden', async () => {
    const smtp = JSON.stringify({ host: 'h', password: 'p-1', nested: [{ token: 't-1' }] });
    await commands.storeVariables(
      [
        { key: 'smtp', value: smtp, description: 'mail' },
        { key: 'api_token', value: 't-2' },
      ],
      {},
      actor,
    );
    await commands.storeVariables([{ key: 'smtp', value: '{"host":"h2","password":"***","nested":[{"token":"***"}]}' }], {}, actor);
    await commands.storeVariables([{ key: 'api_token', value: '***', description: 'of the API' }], {}, actor);
    expect(JSON.parse((await secrets().getVariable('smtp'))!)).toEqual({ host: 'h2', password: 'p-1', nested: [{ token: 't-1' }] });
    expect(await secrets().getVariable('api_token')).toBe('t-2');
    expect((await db.pool.query('SELECT key, description FROM variable ORDER BY key')).rows).toEqual([
      { key: 'api_token', description: 'of the API' },
      { key: 'smtp', description: 'mail' },
    ]);
  });

  it('of a list are all stored or none', async () => {
    await commands.storeVariables([{ key: 'b', value: '1' }], {}, actor);
    const list = ['a', 'b', 'c'].map((key) => ({ key, value: '2' }));
    await expect(commands.storeVariables(list, { ifExists: 'fail' }, actor)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      message: 'the variable "b" exists already',
    });
    await expect(commands.storeVariables(list, { ifMissing: 'fail' }, actor)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'the variables "a", "c" do not exist',
    });
    await expect(commands.storeVariables([...list, { key: 'new' }], {}, actor)).rejects.toThrow('the new variable "new" needs a value');
    expect((await db.pool.query('SELECT key FROM variable')).rows).toEqual([{ key: 'b' }]);

    expect(await commands.storeVariables(list, { ifExists: 'skip' }, actor)).toEqual({ created: ['a', 'c'], updated: [], skipped: ['b'] });
    expect(await secrets().getVariable('b')).toBe('1');
    expect(await commands.storeVariables(list, { ifMissing: 'skip' }, actor)).toEqual({
      created: [],
      updated: ['a', 'b', 'c'],
      skipped: [],
    });
  });

  it.each([
    [[{ key: '', value: '' }], /has 1 to 250 characters/],
    [[{ key: 'k'.repeat(251), value: '' }], /has 1 to 250 characters; .* has 251/],
    [[{ key: 'a_token', value: '***' }], /"\*\*\*" in variable "a_token" stands for a secret that is stored, and there is none/],
    [[{ key: 'a', value: '{"b":{"password":"***"}}' }], /"\*\*\*" in variable "a" stands for/],
    [[{ key: 'a', value: 'x\0' }], /the value of variable "a" contains the character NUL/],
    [
      [
        { key: 'a', value: '1' },
        { key: 'a', value: '2' },
      ],
      /"a" is in the list twice/,
    ],
  ])('are refused: %j', async (list, message) => {
    await expect(commands.storeVariables(list, {}, actor)).rejects.toThrow(message);
  });

  it('may hold three stars where no name says that they are secret', async () => {
    await commands.storeVariables(
      [
        { key: 'rating', value: '**' },
        { key: 'ratings', value: '{"good":"**"}' },
      ],
      {},
      actor,
    );
    await commands.storeVariables(
      [
        { key: 'rating', value: '***' },
        { key: 'ratings', value: '{"good":"***"}' },
      ],
      {},
      actor,
    );
    expect([await secrets().getVariable('rating'), await secrets().getVariable('ratings')]).toEqual(['***', '{"good":"***"}']);
  });

  it('made by two at the same moment: one makes it, the other is told so or changes it', async () => {
    const made = await Promise.allSettled(
      [1, 2, 3, 4].map((n) => commands.storeVariables([{ key: 'a', value: String(n) }], { ifExists: 'fail' }, actor)),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of made) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('are deleted with all of their list, or none', async () => {
    await commands.storeVariables(
      [
        { key: 'a', value: '1' },
        { key: 'b', value: '1' },
      ],
      {},
      actor,
    );
    await expect(commands.deleteVariables(['a', 'x'], {}, actor)).rejects.toThrow('the variable "x" does not exist');
    expect(await commands.deleteVariables(['a', 'x'], { ifMissing: 'skip' }, actor)).toEqual({ deleted: ['a'] });
    expect((await audit()).at(-1)).toMatchObject({ action: 'delete_variable', details: { key: 'a' } });
    expect(await secrets().getVariable('a')).toBeNull();
  });
});

describe('connections', () => {
  const full = {
    id: 'db',
    type: 'PostgreSQL',
    host: 'h',
    port: 5432,
    login: 'me',
    password: 'p-1',
    schema: 's',
    extra: { sslmode: 'require', token: 't-1' },
  };

  it('have their password and extra encrypted, and neither in the audit log', async () => {
    await commands.storeConnections([full], {}, actor);
    expect(await secrets().getConnection('db')).toMatchObject({ ...full, type: 'postgres' });
    expect((await all('connection')) + (await all('audit_log'))).not.toMatch(/p-1|t-1|sslmode/);
  });

  it('keep what is left out; *** stands for what is stored, and null empties', async () => {
    await commands.storeConnections([full], {}, actor);
    await commands.storeConnections([{ id: 'db', host: 'h2', password: '***', extra: { token: '***' } }], {}, actor);
    expect(await secrets().getConnection('db')).toMatchObject({
      host: 'h2',
      port: 5432,
      login: 'me',
      password: 'p-1',
      extra: { token: 't-1' },
    });
    await commands.storeConnections([{ id: 'db', password: null, port: null, extra: null, login: '' }], {}, actor);
    expect(await secrets().getConnection('db')).toMatchObject({ host: 'h2', port: null, login: null, password: null, extra: {} });
    expect((await audit()).at(-1)).toMatchObject({
      action: 'update_connection',
      details: { connection_id: 'db', fields: ['password', 'port', 'extra', 'login'] },
    });
  });

  it.each([
    [{ id: 'a b', type: 'http' }, /"a b" is no id of a connection/],
    [{ id: 'a' }, /the new connection "a" needs a type/],
    [{ id: 'a', type: '' }, /the type of connection "a" is ""/],
    [{ id: 'a', type: 'http', port: 70_000 }, /the port of connection "a" is 70000/],
    [{ id: 'a', type: 'http', extra: { token: '***' } }, /"\*\*\*" in the extra of connection "a" stands for/],
    [{ id: 'a', type: 'http', password: '***' }, /"\*\*\*" stands for a password that is stored/],
  ])('are refused: %j', async (connection, message) => {
    await expect(commands.storeConnections([connection], {}, actor)).rejects.toThrow(message);
  });
});

describe('another secret key', () => {
  const other = createCipher(['another key than before']);

  it('stores nothing beside what it cannot read, until that is deleted or stored again', async () => {
    await commands.storeVariables([{ key: 'a', value: '1' }], {}, actor);
    await expect(commandsWith(other).storeVariables([{ key: 'b', value: '2' }], {}, actor)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining(`nothing was stored: the variable "a" was encrypted with the secret key ${cipher.keyId}`) as string,
    });
    await expect(secrets(other).getVariable('a')).rejects.toThrow(/variable "a" cannot be read/);
    await commandsWith(other).storeVariables([{ key: 'a', value: '3' }], {}, actor);
    expect(await secrets(other).getVariable('a')).toBe('3');
  });

  it('changes the other fields of a connection that it cannot open, but not one of two secrets', async () => {
    await commands.storeConnections([{ id: 'db', type: 'http', password: 'p', extra: { a: 1 } }], {}, actor);
    const both = commandsWith(createCipher(['another key than before', 'the key of these tests']));
    await both.storeConnections([{ id: 'db', host: 'h' }], {}, actor);
    expect(await secrets().getConnection('db')).toMatchObject({ host: 'h', password: 'p', extra: { a: 1 } });
    await expect(commandsWith(other).storeConnections([{ id: 'db', password: 'q' }], {}, actor)).rejects.toThrow(
      /extra of connection "db" cannot be read|password of connection "db" cannot be read/,
    );
  });

  it('takes over all that an earlier key encrypted, or nothing', async () => {
    await commands.storeVariables(
      [
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ],
      {},
      actor,
    );
    await commands.storeConnections([{ id: 'db', type: 'http', password: 'p', extra: { a: 1 } }], {}, actor);
    const both = createCipher(['another key than before', 'the key of these tests']);
    expect(await commandsWith(both).reencryptSecrets(actor)).toEqual({ variables: 2, connections: 1 });
    expect([await secrets(other).getVariable('b'), (await secrets(other).getConnection('db'))?.password]).toEqual(['2', 'p']);
    expect(await commandsWith(both).reencryptSecrets(actor)).toEqual({ variables: 0, connections: 0 });
    expect((await audit()).at(-2)).toMatchObject({
      action: 'rotate_secret_key',
      details: { key_id: other.keyId, variables: 2, connections: 1 },
    });

    await expect(commandsWith(createCipher(['a third key, alone'])).reencryptSecrets(actor)).rejects.toMatchObject({ code: 'CONFIG' });
    expect(await secrets(other).getVariable('a')).toBe('1');
  });
});

describe('pools', () => {
  it('are made and changed, which wakes those that wait for slots', async () => {
    await commands.storePools([{ name: 'api', slots: 4, description: 'calls', includeDeferred: true }], {}, actor);
    await commands.storePools([{ name: 'api', slots: -1 }], { ifMissing: 'fail' }, actor);
    expect((await db.pool.query("SELECT * FROM pool WHERE name = 'api'")).rows).toEqual([
      { name: 'api', slots: -1, description: 'calls', include_deferred: true },
    ]);
    expect(wakeups).toBe(2);
    expect((await audit()).at(-1)).toMatchObject({ action: 'update_pool', details: { pool: 'api', slots: -1 } });
  });

  it.each([
    [{ name: 'a', slots: -2 }, /slots of pool "a" are -2/],
    [{ name: 'a', slots: 1.5 }, /slots of pool "a" are 1.5/],
    [{ name: ' ', slots: 1 }, /name of a pool has 1 to 256/],
    [{ name: 'a' }, /the new pool "a" needs a number of slots/],
  ])('are refused: %j', async (pool, message) => {
    await expect(commands.storePools([pool], {}, actor)).rejects.toThrow(message);
  });

  it('that are made, narrowed or deleted have the files looked at whose tasks want them, since these may warn of it, and no others', async () => {
    const tasks = [{ id: 'a', pool: 'api', poolSlots: 2 }];
    await insertDag(db.pool, { dagId: 'wants', tasks });
    await insertDag(db.pool, { dagId: 'gone', tasks, isActive: false });
    await insertDag(db.pool, { dagId: 'other', tasks: ['a'] });
    const asked = async () => (await db.pool.query('DELETE FROM parse_request RETURNING file_path')).rows.map((row) => row.file_path);
    await db.pool.query(`UPDATE dag SET warnings = '["there is no pool api"]' WHERE dag_id = 'wants'`);
    await commands.storePools([{ name: 'api', slots: 4 }], {}, actor);
    expect(await asked()).toEqual(['wants.ts']);
    await db.pool.query(`UPDATE dag SET warnings = '[]'`);
    await commands.storePools([{ name: 'api', slots: 2 }], {}, actor);
    expect(await asked()).toEqual([]);
    await commands.storePools([{ name: 'api', slots: 1 }], {}, actor);
    expect(await asked()).toEqual(['wants.ts']);
    await commands.deletePools(['api'], {}, actor);
    expect(await asked()).toEqual(['wants.ts']);
  });

  it('are deleted, except the default one', async () => {
    await commands.storePools([{ name: 'api', slots: 4 }], {}, actor);
    await expect(commands.deletePools(['api', 'default_pool'], {}, actor)).rejects.toThrow(/"default_pool" cannot be deleted/);
    expect(await commands.deletePools(['api'], {}, actor)).toEqual({ deleted: ['api'] });
    expect((await db.pool.query('SELECT name FROM pool')).rows).toEqual([{ name: 'default_pool' }]);
  });
});

describe('users', () => {
  const auth = () => createAuth({ pool: db.pool, secretKey: 'a secret key of some length' });

  it('sign in with their password until it is set anew, which ends their sessions', async () => {
    await commands.createUser({ username: 'grace', password: 'the first one' }, actor);
    await db.pool.query(`INSERT INTO web_session VALUES ('s1', '{"username":"grace"}', now()), ('s2', '{"username":"ada"}', now())`);
    expect(await auth().checkPassword('grace', 'the first one')).toEqual({ username: 'grace', role: 'admin' });
    await commands.setPassword({ username: 'grace', password: 'the second one' }, actor);
    expect(await auth().checkPassword('grace', 'the first one')).toBeNull();
    expect(await auth().checkPassword('grace', 'the second one')).not.toBeNull();
    expect((await db.pool.query('SELECT sid FROM web_session')).rows).toEqual([{ sid: 's2' }]);
    expect((await audit()).map(({ action, details }) => [action, details])).toEqual([
      ['create_user', { username: 'grace', role: 'admin' }],
      ['reset_password', { username: 'grace' }],
    ]);
  });

  it('are refused when wrong, there already, or unknown; the last one stays', async () => {
    await commands.createUser({ username: 'grace', password: 'long enough' }, actor);
    await expect(commands.createUser({ username: 'grace', password: 'long enough' }, actor)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    await expect(commands.createUser({ username: 'a b', password: 'long enough' }, actor)).rejects.toThrow(/no name of a user/);
    await expect(commands.createUser({ username: 'ab', password: 'short' }, actor)).rejects.toThrow(/at least 8 characters/);
    await expect(commands.createUser({ username: 'ab', password: 'long enough', role: 'king' }, actor)).rejects.toThrow(
      /no role "king"; allowed is admin/,
    );
    await expect(commands.setPassword({ username: 'grce', password: 'long enough' }, actor)).rejects.toThrow(/did you mean "grace"/);
    await expect(commands.deleteUser('grace', actor)).rejects.toThrow(/"grace" is the only user/);
    await commands.createUser({ username: 'ada', password: 'long enough' }, actor);
    await commands.deleteUser('grace', actor);
    expect(await auth().findUser('grace')).toBeNull();
  });
});
