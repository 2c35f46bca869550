import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCommands } from '../../src/commands/create-commands';
import { databaseSecrets } from '../../src/secrets/database-backend';
import { testCipher } from '../support/web';
import { useApi } from './support';

const commands = (db: ReturnType<typeof useApi>['db']) =>
  createCommands({
    database: db.database,
    ledger: {} as never,
    clock: { now: Date.now },
    wakeup: () => undefined,
    cipher: () => testCipher,
  });
const api = useApi({ commands, config: { testConnection: true } });
beforeEach(() => api.db.pool.query('TRUNCATE connection'));

const at = '/api/v2/connections';
const post = (body: object) => api.call('POST', at, { body });
const stored = (id: string) => databaseSecrets({ pool: api.db.pool, cipher: testCipher }).getConnection(id);
const full = {
  connection_id: 'db',
  conn_type: 'postgres',
  description: 'sales',
  host: 'h',
  login: 'me',
  schema: 's',
  port: 5432,
  password: 'p-1',
  extra: '{"sslmode": "require", "api_key": "k-1"}',
};
const shown = { ...full, password: '***', extra: '{"sslmode":"require","api_key":"***"}', team_name: null };

it('makes a connection, shows it without its secrets, changes and deletes it', async () => {
  expect(await post(full)).toMatchObject({ status: 201, body: shown });
  expect((await api.get(`${at}/db`)).body).toEqual(shown);
  expect((await api.get(at)).body).toEqual({ connections: [shown], total_entries: 1 });
  const changed = await api.call('PATCH', `${at}/db`, { body: { ...shown, host: 'h2' } });
  expect(changed.body).toEqual({ ...shown, host: 'h2' });
  expect(await stored('db')).toMatchObject({ host: 'h2', password: 'p-1', extra: { api_key: 'k-1' } });
  expect((await api.call('DELETE', `${at}/db`)).status).toBe(204);
  expect((await api.get(`${at}/db`)).status).toBe(404);
});

it('changes only what the mask names, and leaves out what was not sent', async () => {
  await post(full);
  const body = { connection_id: 'db', conn_type: 'http', host: 'h2', password: 'p-2' };
  await api.call('PATCH', `${at}/db?update_mask=password`, { body });
  expect(await stored('db')).toMatchObject({ type: 'postgres', host: 'h', password: 'p-2', login: 'me' });
  await api.call('PATCH', `${at}/db`, { body: { connection_id: 'db', conn_type: 'http' } });
  expect(await stored('db')).toMatchObject({ type: 'http', host: 'h', password: 'p-2', login: 'me', extra: { api_key: 'k-1' } });
});

it.each([
  [{ ...full, connection_id: 'a b' }, ['body', 'connection_id']],
  [{ ...full, extra: 'hunter2' }, ['body', 'extra']],
  [{ ...full, extra: '[1]' }, ['body', 'extra']],
  [{ ...full, port: 70_000 }, ['body', 'port']],
  [{ connection_id: 'a' }, ['body', 'conn_type']],
])('refuses %j and says where', async (body, loc) => {
  const { status, body: answer } = await post(body);
  expect([status, answer.detail[0].loc]).toEqual([422, loc]);
  expect(JSON.stringify(answer)).not.toMatch(/hunter2|p-1/);
});

it('lists by pattern and order', async () => {
  for (const id of ['a_db', 'b_web', 'c_db']) await post({ connection_id: id, conn_type: id === 'b_web' ? 'http' : 'postgres' });
  const ids = async (query: string) =>
    (await api.get(`${at}?${query}`)).body.connections.map(({ connection_id: id }: { connection_id: string }) => id);
  expect(await ids('connection_id_pattern=%25db')).toEqual(['a_db', 'c_db']);
  expect(await ids('order_by=conn_type&order_by=-connection_id')).toEqual(['b_web', 'c_db', 'a_db']);
});

it('creates, changes and deletes in bulk', async () => {
  const { body } = await api.call('PATCH', at, {
    body: {
      actions: [
        { action: 'create', entities: [full, { connection_id: 'web', conn_type: 'http' }] },
        { action: 'update', entities: [{ ...full, host: 'h3', password: '***' }], update_mask: ['host', 'password'] },
        { action: 'delete', entities: ['web'] },
      ],
    },
  });
  expect(body).toEqual({
    create: { success: ['db', 'web'], errors: [] },
    update: { success: ['db'], errors: [] },
    delete: { success: ['web'], errors: [] },
  });
  expect(await stored('db')).toMatchObject({ host: 'h3', password: 'p-1' });
});

it('makes the default connections once', async () => {
  await post({ connection_id: 'http_default', conn_type: 'http', host: 'mine' });
  expect((await api.call('POST', `${at}/defaults`)).status).toBe(204);
  expect([(await stored('http_default'))?.host, (await stored('postgres_default'))?.port]).toEqual(['mine', 5432]);
});

it('a connection may be called "test"', async () => {
  await post({ connection_id: 'test', conn_type: 'http' });
  expect((await api.get(`${at}/test`)).body.connection_id).toBe('test');
  expect((await api.call('PUT', `${at}/test`, { body: {} })).status).toBe(405);
});

it('a row that was encrypted with another key is an error that says so, and can be deleted', async () => {
  await post(full);
  await api.db.pool.query("UPDATE connection SET password = replace(password, $1, '00000000')", [testCipher.keyId]);
  const { status, body } = await api.get(`${at}/db`);
  expect([status, body.detail]).toEqual([
    500,
    expect.stringContaining('the password of connection "db" cannot be read: it was encrypted with the secret key 00000000'),
  ]);
  expect((await api.call('DELETE', `${at}/db`)).status).toBe(204);
});

describe('a test', () => {
  let server: Server;
  let answers = 200;
  const seen: (string | undefined)[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(answers).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  const test = async (body: object) => {
    const answer = await api.call('POST', `${at}/test`, { body });
    return [answer.status, answer.body];
  };
  const postgres = (password?: string) => {
    const { hostname, port, username, pathname, password: own } = new URL(api.db.url);
    return {
      connection_id: 'db', conn_type: 'postgres', host: hostname, port: Number(port), login: username, schema: pathname.slice(1),
      password: password ?? (decodeURIComponent(own) || null),
    }; // prettier-ignore
  };

  it('of a database connects and asks it something', async () => {
    expect(await test(postgres())).toEqual([200, { status: true, message: 'Connected, and the database answers.' }]);
    const [status, body] = await test({ ...postgres(), schema: 'no_such_db' });
    expect([status, body]).toEqual([200, { status: false, message: 'database "no_such_db" does not exist' }]);
  });

  it('of a server sends a request, with the password that is stored when *** is given', async () => {
    const web = { connection_id: 'web', conn_type: 'http', host: '127.0.0.1', port: (server.address() as AddressInfo).port, login: 'me' };
    await post({ ...web, password: 'p-1' });
    expect(await test({ ...web, password: '***' })).toEqual([200, { status: true, message: 'The server answered with the status 200.' }]);
    expect(seen.at(-1)).toBe(`Basic ${Buffer.from('me:p-1').toString('base64')}`);
    answers = 403;
    expect((await test(web))[1]).toEqual({ status: false, message: 'the server answered with the status 403' });
    expect((await test({ ...web, port: 1 }))[1]).toMatchObject({
      status: false,
      message: expect.stringMatching(/ECONNREFUSED|bad port/) as string,
    });
  });

  it('of a type that is not built in says which are', async () => {
    expect((await test({ connection_id: 'x', conn_type: 'mysql' }))[1]).toEqual({
      status: false,
      message: 'Connections of type "mysql" cannot be tested; those of postgres and http can.',
    });
  });
});

describe('without THENCE_TEST_CONNECTION', () => {
  const other = useApi({ commands });
  it('nothing is tested', async () => {
    expect((await other.call('POST', `${at}/test`, { body: { connection_id: 'x', conn_type: 'http' } })).status).toBe(403);
  });
});
