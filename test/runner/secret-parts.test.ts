import { secretParts } from '../../src/runner/secret-parts';

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
