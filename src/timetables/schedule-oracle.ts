import { ThenceError } from '../core/errors';
import { timetableOfDag, type Schedule } from './next-run';
import { answerQuestion, type AnswerTo, type TimetableQuestion } from './questions';

/** A DAG whose schedule is asked something. */
export interface ScheduledDag {
  readonly dagId: string;
  readonly schedule: Schedule;
  /** The code that a user-defined timetable is part of. */
  readonly code: { readonly bundleHash: string; readonly filePath: string };
}

/** Answers for timetables that are user code, somewhere where such code may run. */
export interface CustomTimetables {
  /** @throws TimetableFailed */
  ask<Question extends TimetableQuestion>(dag: ScheduledDag, question: Question): Promise<AnswerTo<Question>>;
  /** What is asked at the moment gets no answer. */
  stop(): void;
}

/** How the warning of a DAG begins whose timetable fails. */
export const TIMETABLE_PROBLEM = 'No run is scheduled: ';

/** A user-defined timetable threw, gave no answer in time, or one that makes no sense. */
export class TimetableFailed extends ThenceError {
  constructor(message: string) {
    super('DAG_FILE', message);
  }
}

/**
 * Whom to ask when a DAG runs: the scheduler, the DAG processor, and what people trigger or backfill. Built-in timetables answer at once, in
 * this process; those of DAG files are asked in a process for user code, and may fail.
 */
export class ScheduleOracle {
  /** @param custom left out where there is nobody to run user code: then a DAG with a timetable of its own is refused */
  constructor(private readonly custom: CustomTimetables | null = null) {}

  /** @throws TimetableFailed, only for user-defined timetables */
  async ask<Question extends TimetableQuestion>(dag: ScheduledDag, question: Question): Promise<AnswerTo<Question>> {
    const { timetable } = dag.schedule;
    if (timetable.kind === 'custom') {
      if (this.custom !== null) return this.custom.ask(dag, question);
      throw new TimetableFailed(`the timetable ${timetable.className} of DAG "${dag.dagId}" is user code, which this process does not run`);
    }
    return answerQuestion(dag.schedule, timetableOfDag(dag.schedule), question);
  }

  stop(): void {
    this.custom?.stop();
  }
}
