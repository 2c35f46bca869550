// Schedules that know which days are worked: no runs on weekends and holidays, and the books closed on the third workday of a month.
import { DAG, nthBusinessDay, workdays, type BusinessCalendar, type TaskContext } from 'thence';

const zurich: BusinessCalendar = {
  holidays: [
    ...['01-01', '01-02', '05-01', '08-01', '12-25', '12-26'], // every year
    ...['2026-04-03', '2026-04-06', '2026-05-14', '2026-05-25'], // Easter, Ascension, Whit Monday
    ...['2027-03-26', '2027-03-29', '2027-05-06', '2027-05-17'],
  ],
};
const common = { startDate: '2026-01-01', timezone: 'Europe/Zurich', tags: ['example'] };

// The run of Monday morning stands for the time since Friday morning: data intervals leave no gap.
const settlement = new DAG('daily_settlement', {
  ...common,
  description: 'Each workday at six, for the time since the workday before',
  schedule: workdays('0 6 * * *', { holidays: zurich }),
  missedRuns: { window: { days: 7 } }, // a week of holidays of the server is made up for
});
settlement.task('hours', ({ dagRun }) => hoursOf(dagRun));

const books = new DAG('close_the_books', {
  ...common,
  description: 'On the third workday of the month, for the month up to then',
  schedule: nthBusinessDay(3, { at: '06:00', holidays: zurich }),
});
books.task('hours', ({ dagRun }) => hoursOf(dagRun));

function hoursOf({ dataIntervalStart, dataIntervalEnd }: TaskContext['dagRun']): number {
  return dataIntervalStart && dataIntervalEnd ? dataIntervalEnd.diff(dataIntervalStart).as('hours') : 0;
}
