/**
 * Something that runs from time to time inside a process: one file, one `runOnce`. The shared runner (service-runner.ts) owns the
 * interval, the jitter, wake-ups, error isolation and the stop, so that no service has a loop of its own.
 */
export interface Service {
  readonly name: string;
  /** Between the end of one pass and the start of the next, unless `wake` comes first. */
  readonly intervalMs: number;
  /** One pass. Returns true when there is more to do at once. What it throws is logged and the next pass comes as usual. */
  runOnce(signal: AbortSignal): Promise<boolean | void>;
}
