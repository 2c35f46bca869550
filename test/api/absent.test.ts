import { readFileSync } from 'node:fs';
import path from 'node:path';
import { openApiDocument } from '../../webserver/api/openapi';
import { routes } from '../../webserver/api/routes';

const read = (...parts: string[]) => readFileSync(path.join(__dirname, '../..', ...parts), 'utf8');

/** What Airflow's document names: one operation a line, as `METHOD path`. */
const reference = read('test', 'api', 'data', 'airflow-operations.txt').trim().split('\n');
const { paths } = openApiDocument(routes) as { paths: Record<string, object> };
const here = Object.entries(paths).flatMap(([at, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${at}`));
const absent = [...read('docs', 'rest.md').matchAll(/^\| `([A-Z]+ [^`]+)` +\| (.+?) *\|$/gm)].map(([, operation, reason]) => ({
  operation: operation!,
  reason: reason!,
}));

it('the reference is a list without duplicates', () => {
  expect(reference).toHaveLength(110);
  expect(new Set(reference).size).toBe(reference.length);
  for (const operation of reference) expect(operation).toMatch(/^(GET|POST|PUT|PATCH|DELETE) \/api\/v2\//);
});

it('each operation of the reference exists or is listed as absent with a reason, and never both', () => {
  const listed = absent.map(({ operation }) => operation);
  expect(reference.filter((operation) => !here.includes(operation)).sort()).toEqual([...listed].sort());
  expect(absent.filter(({ reason }) => reason.length < 10)).toEqual([]);
});

it('nothing exists that the reference does not have, but the way to a token', () => {
  expect(here.filter((operation) => !reference.includes(operation))).toEqual(['POST /auth/token']);
});
