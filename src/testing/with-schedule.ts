import type { Config } from '../config/config';
import type { DataInterval, Instant } from '../core/time';
import { scheduleOf } from '../timetables/next-run';
import type { AnswerTo, TimetableQuestion } from '../timetables/questions';
import { ScheduleOracle } from '../timetables/schedule-oracle';
import { HostedTimetables } from '../user-code/hosted-timetables';
import type { FoundDag } from './find-dag-file';

type Ask = <Question extends TimetableQuestion>(question: Question) => Promise<AnswerTo<Question>>;

/** Questions to the schedule of a DAG whose code is at hand. @throws TimetableFailed */
export async function withSchedule<T>(
  { spec, bundle, filePath, dagsFolder }: FoundDag,
  limits: Config,
  use: (ask: Ask) => Promise<T>,
): Promise<T> {
  const schedules = new ScheduleOracle(new HostedTimetables({ limits, dagsFolder, fetchBundle: async () => bundle }));
  const scheduled = { dagId: spec.dagId, schedule: scheduleOf(spec), code: { bundleHash: bundle.hash, filePath } };
  try {
    return await use((question) => schedules.ask(scheduled, question));
  } finally {
    schedules.stop();
  }
}

/** The interval that the schedule has for this date, else that of a run triggered then. */
export async function intervalOf(found: FoundDag, logicalDate: Instant, config: Config): Promise<DataInterval> {
  return withSchedule(found, config, async (ask) => {
    const [run] = await ask({ kind: 'between', from: logicalDate, to: logicalDate, dueBy: null, most: 1 });
    return run?.interval ?? (await ask({ kind: 'manual', runAfter: logicalDate }));
  });
}
