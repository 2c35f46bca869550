/** A point in time: milliseconds since 1970-01-01T00:00:00Z, as `Date.now()` gives. All pure code uses it; luxon does the calendar. */
export type Instant = number;

/** [start, end): what a run stands for. A manual run's interval may be empty. */
export interface DataInterval {
  readonly start: Instant;
  readonly end: Instant;
}

/** Injected wherever "now" matters, so that tests and `dags test` own the time. */
export interface Clock {
  now(): Instant;
}
export const systemClock: Clock = { now: () => Date.now() };
