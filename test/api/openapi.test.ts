import { routes } from '../../webserver/api/routes';
import { useApi } from './support';

const api = useApi();

type Operation = {
  operationId: string;
  responses: Record<string, unknown>;
  parameters: { name: string; in: string; required: boolean }[];
  security: unknown[];
};
const documentOf = async () =>
  (await api.call('GET', '/api/v2/openapi.json', { headers: { Authorization: '' } })).body as {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
  };

it('names every route and nothing else', async () => {
  const { openapi, paths } = await documentOf();
  expect(openapi).toBe('3.1.0');
  const named = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
  expect(named.sort()).toEqual(routes.map((route) => `${route.method} ${route.path}`).sort());
});

it('gives each operation an id of its own, its path parameters and its success', async () => {
  const { paths } = await documentOf();
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.values(methods).map((operation) => ({ path, operation })));
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  for (const { path, operation } of operations) {
    const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
    expect([path, inPath]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])]);
    expect(Object.keys(operation.responses)[0]).toMatch(/^20[014]$/);
  }
});

it('says of each route whether it needs a token, and so it is', async () => {
  const { paths } = await documentOf();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const at = path
        .replaceAll('{backfill_id}', '1')
        .replaceAll('{import_error_id}', '1')
        .replaceAll('{try_number}', '1')
        .replaceAll('{event_log_id}', '1')
        .replaceAll(/\{\w+\}/g, 'x');
      const { status } = await api.call(method.toUpperCase(), at, { headers: { Authorization: '' } });
      expect([method, path, status === 401]).toEqual([method, path, operation.security.length > 0]);
    }
  }
});

it('describes dates, defaults and required parameters as they are read', async () => {
  const { paths } = await documentOf();
  const parameters = paths['/api/v2/dags/{dag_id}/dagRuns']!.get!.parameters;
  expect(parameters).toContainEqual(
    expect.objectContaining({ name: 'start_date_gte', in: 'query', required: false, schema: { type: 'string', format: 'date-time' } }),
  );
  expect(parameters).toContainEqual(
    expect.objectContaining({ name: 'limit', schema: expect.objectContaining({ type: 'integer', default: 50, minimum: 0 }) }),
  );
  expect(paths['/api/v2/backfills']!.get!.parameters).toContainEqual(expect.objectContaining({ name: 'dag_id', required: true }));
  const answer = (
    paths['/api/v2/dags/{dag_id}']!.get as unknown as {
      responses: { 200: { content: { 'application/json': { schema: { properties: Record<string, unknown> } } } } };
    }
  ).responses[200];
  expect(answer.content['application/json'].schema.properties).toMatchObject({
    dag_id: { type: 'string' },
    next_dagrun_run_after: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
  });
});
