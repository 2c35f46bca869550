// A schedule that no cron expression can say: a class of one's own tells when the next run is due, and what time it stands for.
import { DAG, Timetable, type TimetableInterval, type TimetableRestriction } from 'thence';
import type { DateTime } from 'luxon';

/** Trading sessions of a stock exchange: half past nine to four, to one o'clock on some days, not at weekends and on holidays. */
class TradingSessions extends Timetable {
  override readonly summary = 'after trading';
  override readonly description = 'When the exchange closes';

  constructor(
    private readonly holidays: readonly string[],
    private readonly halfDays: readonly string[],
  ) {
    super();
  }

  // Dates come in the time zone of the DAG.
  override nextRun(last: TimetableInterval | null, { earliest }: TimetableRestriction, now: DateTime) {
    const from = last === null ? (earliest ?? now.minus({ weeks: 1 })) : last.end.plus({ days: 1 });
    return this.session(from, 1);
  }

  override manualInterval(runAfter: DateTime) {
    const today = this.session(runAfter, -1);
    return today.end <= runAfter ? today : this.session(runAfter.minus({ days: 1 }), -1);
  }

  /** Of this day, or of the first one after it (or before it) on which there is trading. */
  private session(day: DateTime, step: 1 | -1): TimetableInterval {
    let date = day.startOf('day');
    while (date.weekday > 5 || this.holidays.includes(date.toFormat('yyyy-MM-dd'))) date = date.plus({ days: step });
    const closes = this.halfDays.includes(date.toFormat('yyyy-MM-dd')) ? 13 : 16;
    return { start: date.set({ hour: 9, minute: 30 }), end: date.set({ hour: closes }) };
  }
}

const holidays = [
  '2026-01-01',
  '2026-01-19',
  '2026-02-16',
  '2026-04-03',
  '2026-05-25',
  '2026-06-19',
  '2026-07-03',
  '2026-09-07',
  '2026-11-26',
  '2026-12-25',
];
const halfDays = ['2026-11-27', '2026-12-24'];

const dag = new DAG('after_trading', {
  description: 'When the stock exchange has closed, for its trading session',
  schedule: new TradingSessions(holidays, halfDays),
  startDate: '2026-01-01',
  timezone: 'America/New_York',
  tags: ['example'],
});

dag.task('minutes', ({ dagRun: { dataIntervalStart, dataIntervalEnd } }) =>
  dataIntervalStart && dataIntervalEnd ? dataIntervalEnd.diff(dataIntervalStart).as('minutes') : null,
);
