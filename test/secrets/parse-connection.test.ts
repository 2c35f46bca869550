import { parseConnection } from '../../src/secrets/parse-connection';
import { secretsOfConfig } from '../../src/secrets/secrets';

const full = {
  id: 'db',
  type: 'postgres',
  host: 'h.example',
  port: 5433,
  login: 'me',
  password: 'p@ss/word',
  schema: 'sales',
  extra: { sslmode: 'require' },
};

test('a URI gives all parts, decoded, and itself', () => {
  const uri = 'postgresql://me:p%40ss%2Fword@h.example:5433/sales?sslmode=require';
  expect(parseConnection('db', uri, 'THENCE_CONN_DB')).toEqual({ ...full, uri });
});

test('JSON gives the same parts, and a URI that reads back to them', () => {
  const { id: _, type, ...parts } = full;
  const connection = parseConnection('db', JSON.stringify({ conn_type: type, ...parts }), 'THENCE_CONN_DB');
  expect(connection).toMatchObject(full);
  expect(parseConnection('db', connection.uri, 'THENCE_CONN_DB')).toMatchObject(full);
});

test('parts that are missing are null', () => {
  expect(parseConnection('x', 'http://', 'THENCE_CONN_X')).toMatchObject({
    type: 'http',
    host: null,
    port: null,
    login: null,
    password: null,
    schema: null,
    extra: {},
  });
  expect(parseConnection('x', 'google-cloud-platform://?project=a&__extra__=%7B%22n%22%3A1%7D', 'THENCE_CONN_X')).toMatchObject({
    type: 'google_cloud_platform',
    extra: { project: 'a', n: 1 },
  });
  expect(parseConnection('x', 'postgres://u@[::1]:5432/d', 'THENCE_CONN_X')).toMatchObject({ host: '[::1]', login: 'u', password: null });
  expect(parseConnection('x', '{"conn_type":"http","extra":"{\\"a\\":{\\"b\\":1}}"}', 'THENCE_CONN_X')).toMatchObject({
    extra: { a: { b: 1 } },
  });
});

test.each([
  ['secret words', /connection "db" \(THENCE_CONN_DB\) is neither JSON nor a URI of the form/],
  ['postgres://u:se%cret@h/d', /a "%" that begins no encoded character/],
  ['{"conn_type": "secret', /connection "db" \(THENCE_CONN_DB\) is no JSON object/],
  ['{"password": "secret"}', /has no `conn_type`/],
  ['{"conn_type": "x", "pasword": "secret"}', /unknown field "pasword"; allowed are conn_type/],
  ['{"conn_type": "x", "port": "secret"}', /`port` that is no whole number/],
])('%j is refused in a sentence that does not quote it', (text, message) => {
  expect(() => parseConnection('db', text, 'THENCE_CONN_DB')).toThrow(message);
  expect(() => parseConnection('db', text, 'THENCE_CONN_DB')).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('secret') as string }) as Error,
  );
});

test('variables and connections are found whatever their case, and null when there are none', async () => {
  const secrets = secretsOfConfig({ variables: { colour: 'blue' }, connections: { db: 'http://h' } });
  expect(await secrets.getVariable('Colour')).toBe('blue');
  expect(await secrets.getVariable('constructor')).toBeNull();
  expect((await secrets.getConnection('DB'))?.host).toBe('h');
  expect(await secrets.getConnection('other')).toBeNull();
});

test('what no shell can name is found with underscores', async () => {
  const secrets = secretsOfConfig({ variables: { a_b_c: '1' }, connections: { my_db: 'http://h' } });
  expect(await secrets.getVariable('a.b-c')).toBe('1');
  expect((await secrets.getConnection('my-db'))?.host).toBe('h');
});
