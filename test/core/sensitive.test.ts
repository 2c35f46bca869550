import { hideSensitive, isSensitiveName, restoreHidden, sensitiveTexts, showVariable } from '../../src/core/sensitive';

test.each([
  'password',
  'DB_PASSWD',
  'passphrase',
  'smtp-pass',
  'api_key',
  'apiKey',
  'X-API-KEY',
  'accessToken',
  'client_secret',
  'private key',
  'keyfile_dict',
  'service_account',
  'Authorization',
])('%s is the name of a secret', (name) => expect(isSensitiveName(name)).toBe(true));

test.each(['passenger_count', 'host', 'key', 'monkey', 'login', 'author', 'privateer'])('%s is not', (name) =>
  expect(isSensitiveName(name)).toBe(false),
);

const value = { host: 'h', password: 'p', nothing: { token: null }, list: [{ secret: { a: [1, 'x'], b: true } }], n: 5 };

test('what stands under such a name is hidden at any depth, whatever it is; the rest is as it was', () => {
  expect(hideSensitive(value)).toEqual({
    host: 'h', password: '***', nothing: { token: null }, list: [{ secret: { a: ['***', '***'], b: '***' } }], n: 5,
  }); // prettier-ignore
  expect(sensitiveTexts(value)).toEqual(['p', '1', 'x']);
});

test('what was hidden comes back from what is stored, and only that', () => {
  expect(restoreHidden(hideSensitive(value), value)).toEqual(value);
  expect(restoreHidden({ password: 'new', host: '***', more: { token: '***' } }, value)).toEqual({
    password: 'new',
    host: '***',
    more: { token: '***' },
  });
  expect(restoreHidden({ password: '***' }, ['no object'])).toEqual({ password: '***' });
});

test('a variable is shown as it is written, unless there is something to hide in it', () => {
  expect(showVariable('db_password', 'x')).toBe('***');
  expect(showVariable('colour', 'x')).toBe('x');
  expect(showVariable('json', '{ "a": 1 }')).toBe('{ "a": 1 }');
  expect(showVariable('json', '{ "a": 1, "pass": "x" }')).toBe('{"a":1,"pass":"***"}');
  expect(showVariable('json', '{ "pass": broken')).toBe('{ "pass": broken');
});
