/** Timetables for `schedule`, beside the strings and durations. Their time zone is the DAG's unless they are given one. */
import { durationToIso, type DurationInput } from '../core/duration';
import { ThenceError } from '../core/errors';
import type { DstPolicy, TickSpec, TimetableSpec } from '../dag-spec/spec';
import { BuiltInTimetable, dstCheck, dstSpec, type ParseSchedule } from './built-in-timetable';
import { toIsoDate } from './dates';
import { boolean, checkOptions, duration, given, show, text } from './option-checks';
import type { DateInput } from './types';

export interface CronOptions {
  /** IANA name. @default the DAG's */
  timezone?: string;
  /** What a time means that the clocks leave out, or show twice. @default { gap: 'forward', overlap: 'second' } */
  dst?: Partial<DstPolicy>;
}

export interface TriggerOptions extends CronOptions {
  /** Length of the data interval that ends when the run is due. @default an empty one */
  interval?: DurationInput;
  /**
   * For the first run of a DAG that has no `startDate`: true takes the time that has just passed, a duration takes it when it passed no
   * longer ago. @default false: five minutes ago, or a tenth of the time between two runs
   */
  runImmediately?: boolean | DurationInput;
}

const cronChecks = { timezone: text, dst: dstCheck };
const triggerChecks = {
  ...cronChecks,
  interval: duration,
  runImmediately: (value: unknown) => (boolean(value) === null ? null : duration(value) === null ? null : 'true, false or a duration'),
};

/** A run for each [tick, next tick) of a cron expression, due at its end: what a cron string as `schedule` means. */
export class CronDataIntervalTimetable extends BuiltInTimetable {
  private readonly options: CronOptions;

  constructor(
    private readonly cron: string,
    options: CronOptions = {},
  ) {
    super();
    this.options = check('CronDataIntervalTimetable', cron, options, cronChecks);
  }

  '~spec'(timezone: string, parse: ParseSchedule): TimetableSpec {
    const expression = expressionOf(this.cron, timezone, parse);
    return { kind: 'cron-data-interval', expression, timezone: this.options.timezone ?? timezone, ...dstSpec(this.options.dst) };
  }
}

/** A run at each tick of several cron expressions, with the tick as its logical date. */
export class MultipleCronTriggerTimetable extends BuiltInTimetable {
  private readonly options: TriggerOptions;

  constructor(
    private readonly crons: readonly string[],
    options: TriggerOptions = {},
  ) {
    super();
    this.options = check(new.target.name, crons, options, triggerChecks);
    if (!Array.isArray(crons) || crons.length === 0) {
      throw new ThenceError(
        'DAG_FILE',
        `${new.target.name} is made with ${show(crons)}; it wants a list of cron expressions, such as ['0 6 * * *', '0 12 * * 1-5']`,
      );
    }
  }

  '~spec'(timezone: string, parse: ParseSchedule): TimetableSpec {
    const zone = this.options.timezone ?? timezone;
    const expressions = [...new Set(this.crons.map((cron) => expressionOf(cron, timezone, parse)))].sort();
    const ticks = expressions.map((expression): TickSpec => ({ kind: 'cron', expression, timezone: zone, ...dstSpec(this.options.dst) }));
    return { kind: 'trigger', ticks: ticks.length === 1 ? ticks[0]! : { kind: 'union', of: ticks }, ...triggerSpec(this.options) };
  }
}

/** A run at each tick of a cron expression, with the tick as its logical date and an empty data interval, unless `interval` is given. */
export class CronTriggerTimetable extends MultipleCronTriggerTimetable {
  constructor(cron: string, options: TriggerOptions = {}) {
    super([cron], options);
  }
}

/** A run for each interval of a fixed length from `startDate` on: what a duration as `schedule` means. Months keep to the calendar. */
export class DeltaDataIntervalTimetable extends BuiltInTimetable {
  constructor(private readonly delta: DurationInput) {
    super();
  }

  '~spec'(timezone: string, parse: ParseSchedule): TimetableSpec {
    return parse(this.delta, timezone);
  }
}

export interface EventsOptions {
  /** Of dates without an offset. @default the DAG's */
  timezone?: string;
  /** A run that is triggered by hand takes the date of the last event. @default false */
  restrictToEvents?: boolean;
  description?: string;
}

/** A run at each of these dates. */
export class EventsTimetable extends BuiltInTimetable {
  private readonly options: EventsOptions;

  constructor(
    private readonly dates: readonly DateInput[],
    options: EventsOptions = {},
  ) {
    super();
    this.options = check('EventsTimetable', dates, options, { timezone: text, restrictToEvents: boolean, description: text });
    if (!Array.isArray(dates) || dates.length === 0) {
      throw new ThenceError('DAG_FILE', `EventsTimetable is made with ${show(dates)}; it wants a list of at least one date`);
    }
  }

  '~spec'(timezone: string): TimetableSpec {
    const { timezone: own, restrictToEvents = false, description } = this.options;
    const dates = this.dates.map((date) => toIsoDate(date, own ?? timezone, 'a date of EventsTimetable'));
    return {
      kind: 'events',
      dates: [...new Set(dates)].sort(),
      timezone: own ?? timezone,
      ...(restrictToEvents ? { restrictToEvents } : {}),
      ...(description === undefined ? {} : { description }),
    };
  }
}

/** A run whenever the one before has ended: `schedule: '@continuous'`. Such a DAG has one active run. */
export class ContinuousTimetable extends BuiltInTimetable {
  '~spec'(): TimetableSpec {
    return { kind: 'continuous' };
  }
}

/** One run, at `startDate` or at once: `schedule: '@once'`. */
export class OnceTimetable extends BuiltInTimetable {
  '~spec'(): TimetableSpec {
    return { kind: 'once' };
  }
}

/** No runs but those that somebody triggers: `schedule: null`. */
export class NullTimetable extends BuiltInTimetable {
  '~spec'(): TimetableSpec {
    return { kind: 'null' };
  }
}

/** What is left out is the default. */
export function triggerSpec({ interval, runImmediately }: TriggerOptions): { interval?: string; runImmediately?: true | string } {
  const iso = interval === undefined ? 'PT0S' : durationToIso(interval, '`interval`');
  const immediately =
    typeof runImmediately === 'boolean'
      ? runImmediately
      : runImmediately === undefined
        ? false
        : durationToIso(runImmediately, '`runImmediately`');
  return {
    ...(/[1-9]/.test(iso) ? { interval: iso } : {}),
    ...(immediately === false ? {} : { runImmediately: immediately }),
  };
}

function expressionOf(cron: string, timezone: string, parse: ParseSchedule): string {
  const spec = typeof cron === 'string' && !cron.startsWith('P') ? parse(cron, timezone) : null;
  if (spec?.kind === 'cron-data-interval') return spec.expression;
  throw new ThenceError('DAG_FILE', `${show(cron)} is no cron expression`);
}

function check<Options extends object>(name: string, what: unknown, options: Options, checks: Parameters<typeof checkOptions>[2]): Options {
  checkOptions(given(options), () => `${name} of ${show(what)}`, checks, Object.keys(checks));
  return given(options);
}
