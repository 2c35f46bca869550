import { secretParts, secretPartsOfVariable } from '../../src/runner/secret-parts';

test('what a connection hides: its password, as written in its URI too, and extra fields that say by their name that they are secret', () => {
  const extra = {
    region: 'eu',
    api_key: 'k-1',
    auth: { bearer_token: 'k-2', scopes: ['read'] },
    client_secrets: ['k-3', { any: 'k-4' }],
    port: 1,
  };
  const parts = secretParts({ password: 'a/b', uri: 'http://me:a%2fb@host/x?api_key=k-1', extra });
  expect(new Set(parts)).toEqual(new Set(['a/b', 'a%2fb', 'k-1', 'k-2', 'k-3', 'k-4']));
  expect(secretParts({ password: null, uri: 'http://host/a:b@c', extra: {} })).toEqual([]);
});

test('what a variable hides: all of it under a sensitive name, otherwise what its JSON says under one', () => {
  expect(secretPartsOfVariable('GITHUB-TOKEN', 'abc')).toEqual(['abc']);
  expect(secretPartsOfVariable('passengers', 'abc')).toEqual([]);
  expect(secretPartsOfVariable('smtp', '{"host":"h","password":"p-1","port":25,"pin_secret":4711}')).toEqual(['p-1', '4711']);
  expect(secretPartsOfVariable('smtp', '{no json')).toEqual([]);
});

test('a private key is hidden line by line, since that is how a log is written', () => {
  const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n';
  expect(secretPartsOfVariable('ssh_private_key', key)).toEqual([key, 'MIIEvQIBADANBg', 'kqhkiG9w0BAQEF']);
});
