/** Which state stands for many: what most needs a look comes first. The one list of this kind: the grid in the browser is sent it. */
export const ATTENTION = [
  'failed',
  'upstream_failed',
  'running',
  'restarting',
  'up_for_retry',
  'up_for_reschedule',
  'queued',
  'scheduled',
  'deferred',
  'none',
  'success',
  'skipped',
  'removed',
] as const;
export type ShownState = (typeof ATTENTION)[number];

/** Null for none. */
export function mostUrgent(states: Iterable<string>): ShownState | null {
  let best: number = ATTENTION.length;
  for (const state of states) {
    const place = ATTENTION.indexOf(state as ShownState);
    if (place >= 0) best = Math.min(best, place);
  }
  return (ATTENTION as readonly ShownState[])[best] ?? null;
}
