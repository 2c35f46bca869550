import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DateTime } from 'luxon';
import { packageRoot } from '../../src/config/package-root';
import { loadDagsFolder } from '../../src/dag-processor/load-dags-folder';
import type { DstPolicy } from '../../src/dag-spec/spec';
import { timetableOf } from '../../src/timetables/timetable-of';
import { makeFolder } from '../dag-processor/make-folder';

const text = readFileSync(path.join(packageRoot, 'docs/schedules.md'), 'utf8');

test('each block of code in docs/schedules.md is a DAG file that loads', async () => {
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!);
  expect(blocks.length).toBeGreaterThan(4);
  const root = makeFolder(Object.fromEntries(blocks.map((block, i) => [`block_${i}.ts`, block])));
  const { files, specs, errors } = await loadDagsFolder({ dagsFolder: root, dagFileTimeoutMs: 60_000, dagFileMemoryMb: 200 });
  expect(errors).toEqual([]);
  expect(files.flatMap((file) => file.warnings)).toEqual([]);
  expect(files).toHaveLength(blocks.length);
  expect(specs.map((spec) => spec.timetable.kind)).toEqual(
    expect.arrayContaining(['custom', 'trigger', 'events', 'continuous', 'data-interval']),
  );
}, 60_000);

describe('the table of changes of the clocks', () => {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (\w+\/\w+) \| (\d{4}-\d\d-\d\d) \|(.*)\|$/gm)];
  const policies: Partial<DstPolicy>[] = [{}, { gap: 'skip' }, { overlap: 'first' }, { overlap: 'both' }];

  it.each(
    rows.map(([, expression, timezone, night, cells]) => ({ expression: expression!, timezone: timezone!, night: night!, cells: cells! })),
  )('is right for $expression in $timezone on $night', ({ expression, timezone, night, cells }) => {
    const day = DateTime.fromISO(night, { zone: timezone });
    const found = policies.map((dst) =>
      [
        ...timetableOf({ kind: 'trigger', ticks: { kind: 'cron', expression, timezone, dst } }).runsBetween(
          day.toMillis(),
          day.endOf('day').toMillis(),
        ),
      ]
        .map((run) => DateTime.fromMillis(run.logicalDate, { zone: timezone }).toFormat('HH:mmZZ'))
        .join(' '),
    );
    expect(cells.split('|').map((cell) => cell.trim())).toEqual(found);
  });

  it('has rows', () => expect(rows.length).toBe(4));
});
