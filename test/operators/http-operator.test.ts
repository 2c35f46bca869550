import { DAG, HttpOperator, type HttpOptions } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { eventually } from '../support/eventually';
import { useHttpServer } from '../support/http-server';
import { contextFor, type ContextValues } from '../support/task-context';

const server = useHttpServer();
beforeEach(() => openRegistry());

const run = (options: HttpOptions, values: ContextValues = {}) =>
  new HttpOperator('call', { dag: new DAG('d'), ...options }).execute(contextFor(values));
const json = { 'content-type': 'application/json; charset=utf-8' };

test('the output is the body, parsed where its content type says JSON', async () => {
  server.answer = () => ({ headers: json, body: '{"a":[1]}' });
  expect(await run({ url: `${server.url}/x?y=1`, query: { z: ['a b', '&'], n: 2 } })).toEqual({ a: [1] });
  expect(server.asked).toMatchObject([{ method: 'GET', url: '/x?y=1&z=a+b&z=%26&n=2', body: '' }]);
  server.answer = () => ({ body: 'plain ü' });
  expect(await run({ url: server.url })).toBe('plain ü');
});

test('sends text, JSON or a form, with headers', async () => {
  await run({ url: server.url, method: 'POST', json: { a: 1 }, headers: { 'X-Count': 2 } });
  await run({ url: server.url, method: 'PUT', form: { a: 'b c', n: 1 } });
  await run({ url: server.url, method: 'PATCH', body: 'raw', headers: { 'content-type': 'text/csv' } });
  expect(server.asked).toMatchObject([
    { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json', 'x-count': '2' } },
    { method: 'PUT', body: 'a=b+c&n=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    { method: 'PATCH', body: 'raw', headers: { 'content-type': 'text/csv' } },
  ]);
});

test('a connection gives the base, the login and headers; those of the task come over them', async () => {
  const connections = {
    basic: `http://ada:s3cret@127.0.0.1:${server.port}/base?__extra__=${encodeURIComponent('{"headers":{"x-a":"1","x-b":"1"}}')}`,
    bearer: JSON.stringify({ conn_type: 'http', host: '127.0.0.1', port: server.port, password: 't0ken' }),
  };
  await run({ connection: 'basic', url: 'items/1', headers: { 'X-B': '2' } }, { connections });
  await run({ connection: 'bearer' }, { connections });
  expect(server.asked).toMatchObject([
    { url: '/base/items/1', headers: { authorization: `Basic ${btoa('ada:s3cret')}`, 'x-a': '1', 'x-b': '2' } },
    { url: '/', headers: { authorization: 'Bearer t0ken' } },
  ]);
  await expect(run({ connection: 'basic', url: 'http://elsewhere.test/' }, { connections })).rejects.toThrow(
    /does not fit connection "basic"/,
  );
});

test('a status of 400 and above fails with the beginning of the body, unless it is allowed', async () => {
  server.answer = () => ({ status: 503, body: `closed${'!'.repeat(1000)}` });
  await expect(run({ url: server.url })).rejects.toThrow(/^GET was answered with status 503: closed!{494}…$/);
  expect(await run({ url: server.url, allowStatuses: [503], responseFilter: (response) => response.status })).toBe(503);
});

test('responseCheck may refuse the answer, responseFilter makes the output', async () => {
  server.answer = () => ({ headers: json, body: '{"ok":false,"n":3}' });
  const responseCheck: HttpOptions['responseCheck'] = (response) => response.json<{ ok: boolean }>().ok;
  await expect(run({ url: server.url, responseCheck })).rejects.toThrow('responseCheck said no to the answer with status 200');
  expect(await run({ url: server.url, responseFilter: async (response) => response.json<{ n: number }>().n + 1 })).toBe(4);
});

test('redirects are followed, or handed back', async () => {
  server.answer = ({ url }) => (url === '/old' ? { status: 302, headers: { location: '/new' } } : { body: 'here' });
  expect(await run({ url: `${server.url}/old` })).toBe('here');
  await expect(run({ url: `${server.url}/old`, followRedirects: false })).rejects.toThrow('status 302');
});

test('a server that does not answer in time, or is not there, is named without what may be secret', async () => {
  server.answer = () => ({ body: null });
  const url = `http://ada:s3cret@127.0.0.1:${server.port}/slow?token=s3cret`;
  await expect(run({ url, timeout: 50 })).rejects.toThrow(`GET http://127.0.0.1:${server.port}/slow took longer than 0.05 s`);
  await expect(run({ url: 'http://127.0.0.1:65533/' })).rejects.toThrow(/^GET http:\/\/127\.0\.0\.1:65533\/ failed: .*ECONNREFUSED/);
});

test('a try that has to stop gives up the request', async () => {
  server.answer = () => ({ body: null });
  const controller = new AbortController();
  const call = run({ url: server.url }, { signal: controller.signal });
  const ended = expect(call).rejects.toThrow('stopped by the test');
  await eventually(() => expect(server.asked).toHaveLength(1));
  controller.abort(new Error('stopped by the test'));
  await ended;
});

test('what cannot work is an error of the DAG file', () => {
  const dag = new DAG('d');
  expect(() => new HttpOperator('a', { dag })).toThrow(/task "a" needs a `url`, or a `connection`/);
  expect(() => new HttpOperator('b', { dag, url: 'x', body: 'x', json: 1 })).toThrow(/has `body` and `json`: give one/);
  expect(() => new HttpOperator('c', { dag, url: 'x', method: 'get' })).toThrow(/`method` of task "c".* is "get"; allowed is one of 'GET'/);
  expect(() => new HttpOperator('e', { dag, url: 'x', header: {} } as never)).toThrow(/unknown option `header`.*did you mean "headers"/);
});

test('no connection is left behind for the next task', async () => {
  await run({ url: server.url });
  await run({ url: server.url });
  const [one, two] = server.asked.map(({ port }) => port);
  expect(one).not.toBe(two);
});
