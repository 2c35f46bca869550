import { elementsOf, WeighedCache } from '../../src/execution-api/map-items';

test('elements are those of a list, and the [key, value] of an object; anything else has none', () => {
  expect(elementsOf('[1,{"a":null}]')).toEqual(['1', '{"a":null}']);
  expect(elementsOf('{"a":1}')).toEqual(['["a",1]']);
  for (const other of ['5', '"text"', 'null', 'true']) expect(elementsOf(other)).toBeNull();
});

test('the cache loads once, forgets what was used longest ago when it is too heavy, and keeps no failure', async () => {
  const loads: string[] = [];
  const cache = new WeighedCache<string>(5, (value) => value.length);
  const get = (key: string, value: string) => cache.get(key, async () => (loads.push(key), value));
  expect(await Promise.all([get('a', 'aa'), get('a', 'aa')])).toEqual(['aa', 'aa']);
  await get('b', 'bb');
  await get('a', 'aa'); // newer than b now
  await get('c', 'cc');
  await get('a', 'aa');
  await get('b', 'bb');
  expect(loads).toEqual(['a', 'b', 'c', 'b']);
  await expect(cache.get('x', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await get('x', 'x')).toBe('x');
  expect(await get('large', 'larger than all')).toBe('larger than all');
});
