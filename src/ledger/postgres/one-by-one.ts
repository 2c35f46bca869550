/**
 * Each item by itself, so that one that cannot be worked on now holds up no other. Returns what came of the others; when nothing did, the
 * first error is thrown, so that it shows.
 */
export async function oneByOne<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<readonly Result[]>,
  onFailure: (item: Item) => Promise<unknown> = () => Promise.resolve(),
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: Error[] = [];
  for (const item of items) {
    try {
      results.push(...(await work(item)));
    } catch (error) {
      failures.push(error as Error);
      await onFailure(item).catch(() => undefined);
    }
  }
  if (failures[0] && results.length === 0) throw failures[0];
  return results;
}
