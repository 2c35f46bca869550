/** What the timetables of a DAG file say, asked before the transaction that stores the file: a user's code never holds a lock. */
import type { Pool } from 'pg';
import type { Instant } from '../core/time';
import { newestScheduledRuns } from '../read-model/newest-scheduled-runs';
import { scheduleOf } from '../timetables/next-run';
import { TIMETABLE_PROBLEM, TimetableFailed } from '../timetables/schedule-oracle';
import type { LastRun, ScheduledRun } from '../timetables/timetable';
import { askTimetable } from '../user-code/hosted-timetables';
import type { LoadHosts } from '../user-code/load-hosts';
import type { LoadedFile, MadeDag } from './load-file';

export interface AskedTimetable {
  /** What it was asked with. */
  readonly last: LastRun | null;
  readonly next: ScheduledRun | null;
  /** A sentence, when it failed. */
  readonly problem: string | null;
}
/** By DAG id, of DAGs with a timetable of their own. */
export type AskedTimetables = ReadonlyMap<string, AskedTimetable>;

export async function askTimetables(
  { pool, hosts, root, now }: { readonly pool: Pool; readonly hosts: LoadHosts; readonly root: string; readonly now: Instant },
  { bundle, filePath }: LoadedFile,
  own: readonly MadeDag[],
): Promise<AskedTimetables> {
  const custom = own.filter(({ spec }) => spec.timetable.kind === 'custom');
  if (custom.length === 0 || bundle === null) return new Map();
  const dagIds = custom.map(({ spec }) => spec.dagId);
  const newest = await newestScheduledRuns(pool, dagIds);
  const answers = await Promise.all(
    custom.map(async ({ spec }): Promise<AskedTimetable> => {
      const last = newest.get(spec.dagId) ?? null;
      try {
        const { dagId } = spec;
        const question = { kind: 'first', last, now } as const;
        const next = await askTimetable(hosts, {
          kind: 'evaluate-timetable',
          filePath,
          dagsFolder: root,
          bundle,
          dagId,
          schedule: scheduleOf(spec),
          question,
        });
        return { last, next: next as ScheduledRun | null, problem: null };
      } catch (error) {
        if (error instanceof TimetableFailed) return { last, next: null, problem: TIMETABLE_PROBLEM + error.message };
        throw error;
      }
    }),
  );
  return new Map(answers.map((answer, i) => [dagIds[i]!, answer]));
}
