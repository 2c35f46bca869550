/** Inside a host: a question to the timetable of a DAG file. */
import { ThenceError } from '../core/errors';
import type { EvaluateTimetable } from '../core/workload';
import type { DAG } from '../dag/dag';
import { isTimetable } from '../dag/timetable';
import { answerQuestion, type TimetableAnswer } from '../timetables/questions';
import { CheckedTimetable } from './checked-timetable';

/** @throws what the timetable throws; ThenceError for answers that make no sense */
export function evaluateTimetable(dags: readonly DAG[], { dagId, schedule, question, filePath }: EvaluateTimetable): TimetableAnswer {
  const timetable = dags.find((dag) => dag.id === dagId)?.options.schedule;
  if (!isTimetable(timetable)) {
    throw new ThenceError(
      'DAG_FILE',
      `${filePath} made DAG "${dagId}" with a timetable when it was stored, and does not now: does it depend on anything but its own text?`,
    );
  }
  return answerQuestion(schedule, new CheckedTimetable(timetable, schedule.timezone), question);
}
