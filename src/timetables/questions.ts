/** All that anybody asks a schedule, as values: they travel to the process for user code when the timetable is a user's class. */
import type { DataInterval, Instant } from '../core/time';
import { dueRunsOf, firstRunOf, upcomingRunsOf, type DueRuns, type Times } from './next-run';
import type { LastRun, ScheduledRun, Timetable } from './timetable';

export type TimetableQuestion =
  /** The run after `last`, as `firstRunOf`. */
  | { readonly kind: 'first'; readonly last: LastRun | null; readonly now: Instant }
  /** What to make now of the stored next run, as `dueRunsOf`. */
  | { readonly kind: 'due'; readonly stored: ScheduledRun; readonly now: Instant; readonly most: number }
  /** As `upcomingRunsOf`. */
  | { readonly kind: 'upcoming'; readonly last: LastRun | null; readonly now: Instant; readonly count: number }
  | { readonly kind: 'manual'; readonly runAfter: Instant }
  /** The first `most` runs with a logical date in [from, to] that are due by then; null: whenever they are. */
  | { readonly kind: 'between'; readonly from: Instant; readonly to: Instant; readonly dueBy: Instant | null; readonly most: number };

interface Answers {
  readonly first: ScheduledRun | null;
  readonly due: DueRuns;
  readonly upcoming: readonly ScheduledRun[];
  readonly manual: DataInterval;
  readonly between: readonly ScheduledRun[];
}
export type TimetableAnswer = Answers[keyof Answers];
export type AnswerTo<Question extends TimetableQuestion> = Answers[Question['kind']];

export function answerQuestion<Question extends TimetableQuestion>(
  schedule: Times,
  timetable: Timetable,
  question: Question,
): AnswerTo<Question> {
  return answer(schedule, timetable, question) as AnswerTo<Question>;
}

function answer(schedule: Times, timetable: Timetable, question: TimetableQuestion): TimetableAnswer {
  switch (question.kind) {
    case 'first':
      return firstRunOf(schedule, question.last, question.now, timetable);
    case 'due':
      return dueRunsOf(schedule, question.stored, question.now, question.most, timetable);
    case 'upcoming':
      return upcomingRunsOf(schedule, question.last, question.now, question.count, timetable);
    case 'manual':
      return timetable.manualInterval(question.runAfter);
    case 'between':
      return [...firstBetween(timetable, question)];
    default:
      return question satisfies never;
  }
}

function* firstBetween(timetable: Timetable, { from, to, dueBy, most }: Extract<TimetableQuestion, { kind: 'between' }>) {
  let left = most;
  if (left <= 0) return;
  for (const run of timetable.runsBetween(from, to)) {
    if (dueBy !== null && run.runAfter > dueBy) return;
    yield run;
    if (--left === 0) return;
  }
}
