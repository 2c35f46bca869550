import { z } from 'zod';
import { parseParams } from '../../src/runner/params';

test('without a schema the conf is the params', async () => {
  expect(await parseParams('d', undefined, { a: 1 })).toEqual({ a: 1 });
});

test('a zod schema gives its defaults, its transforms and its refinements', async () => {
  const schema = z
    .object({ day: z.string().transform((text) => text.length), n: z.number().default(2) })
    .refine(({ day, n }) => day > n, 'too short');
  expect(await parseParams('d', schema, { day: 'monday' })).toEqual({ day: 6, n: 2 });
  await expect(parseParams('d', schema, { day: 'a' })).rejects.toThrow(
    'the params of DAG "d" are not valid: params: too short. Given (conf of the run): {"day":"a"}',
  );
  await expect(parseParams('d', schema, { n: 'x' })).rejects.toThrow(/day: .+; n: /);
});

test('a JSON Schema gives its defaults, leaves the conf alone, and names the field that is wrong', async () => {
  const schema = {
    type: 'object',
    properties: {
      region: { type: 'string', default: 'eu' },
      at: { type: 'string', format: 'date' },
      deep: { type: 'object', properties: { n: { type: 'integer' } } },
    },
  };
  const conf = { at: '2026-01-01' };
  expect(await parseParams('d', schema, conf)).toEqual({ region: 'eu', at: '2026-01-01' });
  expect(conf).toEqual({ at: '2026-01-01' });
  await expect(parseParams('d', schema, { at: 'monday', deep: { n: 'x' } })).rejects.toThrow(
    /at must match format "date"; deep\.n must be integer/,
  );
});
