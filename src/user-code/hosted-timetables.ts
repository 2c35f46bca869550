import type { BundleCode, EvaluateTimetable } from '../core/workload';
import { TimetableFailed, type CustomTimetables, type ScheduledDag } from '../timetables/schedule-oracle';
import type { AnswerTo, TimetableAnswer, TimetableQuestion } from '../timetables/questions';
import { LoadHosts, type LoadLimits } from './load-hosts';

export interface HostedTimetablesOptions {
  readonly limits: LoadLimits;
  /** Absolute; null on a host that has none. */
  readonly dagsFolder: string | null;
  readonly fetchBundle: (hash: string) => Promise<BundleCode>;
}

/** How long a process stays after the last question. */
const KEPT_MS = 60_000;

/** Asks timetables of DAG files in a process of their own, which is started with the first question and ends when none has come for a while. */
export class HostedTimetables implements CustomTimetables {
  private readonly hosts: LoadHosts;
  private idle: NodeJS.Timeout | null = null;

  constructor(private readonly options: HostedTimetablesOptions) {
    this.hosts = new LoadHosts(options.limits, { size: 1 });
  }

  async ask<Question extends TimetableQuestion>({ dagId, schedule, code }: ScheduledDag, question: Question): Promise<AnswerTo<Question>> {
    const bundle = await this.options.fetchBundle(code.bundleHash);
    const { filePath } = code;
    const { dagsFolder } = this.options;
    try {
      return (await askTimetable(this.hosts, {
        kind: 'evaluate-timetable',
        filePath,
        dagsFolder,
        bundle,
        dagId,
        schedule,
        question,
      })) as AnswerTo<Question>;
    } finally {
      if (this.idle) clearTimeout(this.idle);
      this.idle = setTimeout(() => this.hosts.refresh(), KEPT_MS).unref();
    }
  }

  stop(): void {
    if (this.idle) clearTimeout(this.idle);
    this.hosts.stop();
  }
}

/** @throws TimetableFailed with a sentence that names the timetable, its DAG and its file; LoadHostsStopped */
export async function askTimetable(hosts: LoadHosts, workload: EvaluateTimetable): Promise<TimetableAnswer> {
  const { result, death } = await hosts.evaluate(workload);
  if (result?.ok === true) return result.answer;
  const { timetable } = workload.schedule;
  const name = timetable.kind === 'custom' ? timetable.className : timetable.kind;
  const where = `of DAG "${workload.dagId}" (${workload.filePath})`;
  if (result === null) throw new TimetableFailed(`the timetable ${name} ${where} ${death?.message ?? 'gave no answer'}`);
  const { error } = result;
  if (error.name === 'ThenceError') throw new TimetableFailed(`${error.message}, ${where}`);
  const line = /^\s+at .*$/m.exec(error.stack ?? '')?.[0].trim();
  throw new TimetableFailed(
    `the timetable ${name} ${where} threw ${error.name}: ${error.message}${line === undefined ? '' : ` (${line})`}`,
  );
}
