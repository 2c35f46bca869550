/**
 * The small pieces of HTML that every view uses. A function here returns HTML and escapes what it is given; views print it with
 * `<%- %>`, and everything else with `<%= %>`.
 *
 * Nothing that depends on the present moment is written on the server, so that an unchanged page keeps its ETag: `time` and
 * `since` write instants, and public/time.js turns them into "in 5 min" and running clocks.
 */
import type { RunType, TaskReason } from '../../src/core/states';
import type { DeadlineSpec, TaskSpec } from '../../src/dag-spec/spec';
import { icon } from './icons';
import type { IconName } from './icons';

export type AnyState =
  | 'none' | 'scheduled' | 'queued' | 'running' | 'success' | 'restarting' | 'failed' | 'up_for_retry' | 'up_for_reschedule'
  | 'upstream_failed' | 'skipped' | 'deferred' | 'removed'; // prettier-ignore

const stateLabels: Record<AnyState, string> = {
  none: 'No status',
  scheduled: 'Scheduled',
  queued: 'Queued',
  running: 'Running',
  success: 'Success',
  restarting: 'Restarting',
  failed: 'Failed',
  up_for_retry: 'Up for retry',
  up_for_reschedule: 'Rescheduled',
  upstream_failed: 'Upstream failed',
  skipped: 'Skipped',
  deferred: 'Deferred',
  removed: 'Removed',
};

const stateIcons: Record<AnyState, IconName> = {
  none: 'dash',
  scheduled: 'clock',
  queued: 'hourglass',
  running: 'play',
  success: 'check',
  restarting: 'retry',
  failed: 'cross',
  up_for_retry: 'retry',
  up_for_reschedule: 'clock',
  upstream_failed: 'up',
  skipped: 'skip',
  deferred: 'hourglass',
  removed: 'minus',
};

/** The states in the order in which legends, bars and summaries show them. */
export const stateOrder: readonly AnyState[] = [
  'success', 'running', 'restarting', 'failed', 'upstream_failed', 'up_for_retry', 'up_for_reschedule', 'deferred', 'skipped', 'queued',
  'scheduled', 'removed', 'none',
]; // prettier-ignore
export const stateLabel = (state: string | null): string => stateLabels[(state ?? 'none') as AnyState] ?? String(state);

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** A state as icon and word. */
export function badge(state: string | null): string {
  const name = (state ?? 'none') as AnyState;
  return `<span class="badge s-${escapeHtml(name)}">${icon(stateIcons[name] ?? 'dot', 12)}${escapeHtml(stateLabel(name))}</span>`;
}

/** A state as a coloured mark alone. */
export function dot(state: string | null): string {
  const name = (state ?? 'none') as AnyState;
  return `<span class="dot s-${escapeHtml(name)}" role="img" aria-label="${escapeHtml(stateLabel(name))}" title="${escapeHtml(stateLabel(name))}"></span>`;
}

const reasons: Record<Exclude<TaskReason, 'executed' | 'rule'>, string> = {
  branch: 'a branch did not choose it',
  short_circuit: 'a short circuit above it closed',
  marked: 'marked by a person',
  cleared: 'cleared by a person',
  timeout: 'it took longer than its executionTimeout',
  lost: 'the process of its try was lost',
  oom: 'it used more memory than it may',
  killed: 'its process was killed',
  fail_fast: 'another task failed, and the DAG fails fast',
  run_ended: 'its run was ended',
};

/** Why a task instance is in its state, in words; '' when its own code said so and when nothing has been decided. */
export function reasonText(state: string | null, reason: TaskReason | null, spec: Pick<TaskSpec, 'triggerRule'> | null = null): string {
  if (reason === null || reason === 'executed') return state === 'skipped' && reason === 'executed' ? 'its own code skipped it' : '';
  if (reason !== 'rule') return reasons[reason];
  if (state === 'skipped') return `by its trigger rule${spec ? ` ${spec.triggerRule}` : ''}`;
  return state === 'upstream_failed' ? 'a task above it failed' : '';
}

const runEnds: Record<string, string> = {
  marked: 'marked by a person',
  timeout: 'the run took longer than its dagrunTimeout',
  max_active_runs: 'too many runs were active when it was due',
  fail_fast: 'a task failed, and the DAG fails fast',
};

/** Why a run ended, when not through its tasks. */
export const endText = (reason: string | null): string => (reason === null ? '' : (runEnds[reason] ?? reason.replaceAll('_', ' ')));

const references = {
  runAfter: 'it was due',
  queuedAt: 'it was queued',
  startDate: 'its start',
  logicalDate: 'its logical date',
} as const;

/** When a run should have ended, in words. */
export function deadlineText(spec: DeadlineSpec, timezone: string): string {
  if (spec.kind === 'by') return `by ${spec.time}, ${timezone}`;
  if (spec.kind === 'after') return `${duration(spec.ms)} after ${references[spec.from]}`;
  return `in ${spec.factor} times what the last ${spec.runs} runs took`;
}

const runTypeMarks: Record<RunType, [IconName, string]> = {
  scheduled: ['clock', 'Scheduled run'],
  manual: ['play', 'Manual run'],
  backfill: ['backfill', 'Backfill run'],
};
export function runTypeMark(type: RunType, withWord = false): string {
  const [name, title] = runTypeMarks[type];
  return `<span class="run-type" title="${title}">${icon(name, 12)}${withWord ? `<span>${type}</span>` : ''}</span>`;
}

export type TimeFormat = 'full' | 'date' | 'time' | 'clock' | 'minute' | 'relative';

/** A point in time, in UTC until the browser knows better. `relative` shows "5 min ago", with the full time as tooltip. */
export function time(at: Date | number | string | null | undefined, format: TimeFormat = 'full'): string {
  if (at === null || at === undefined) return '<span class="faint">–</span>';
  const iso = new Date(at).toISOString();
  return `<time datetime="${iso}" data-format="${format}">${utcText(iso, format)}</time>`;
}

function utcText(iso: string, format: TimeFormat): string {
  const [date, clock] = [iso.slice(0, 10), iso.slice(11, 19)];
  if (format === 'date') return date;
  if (format === 'time') return clock;
  if (format === 'clock') return clock.slice(0, 5);
  return format === 'full' ? `${date} ${clock}` : `${date} ${clock.slice(0, 5)}`;
}

/** From start to end; a running clock while there is no end. */
export function since(start: Date | null, end: Date | null): string {
  if (!start) return '<span class="faint">–</span>';
  if (end) return `<span class="num">${duration(end.getTime() - start.getTime())}</span>`;
  return `<span class="num ticking" data-since="${start.toISOString()}">…</span>`;
}

/** '340 ms', '4.2 s', '3 m 05 s', '2 h 10 m', '3 d 04 h'. The browser's copy is in public/time.js. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${two((seconds % 86_400) / 3600)} h`;
}

export function count(value: number | string | null | undefined): string {
  return Number(value ?? 0)
    .toLocaleString('en-US')
    .replaceAll(',', '\u202f');
}

/** 'one run', '3 runs'. */
export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? '' : word.endsWith('s') ? 'es' : 's'}`;
}

/** How far something has come, by state: a bar of coloured stretches, without a style attribute (the CSP refuses them). */
export function stateBar(counts: ReadonlyMap<string, number> | { readonly [state: string]: number }, label: string): string {
  const entries = counts instanceof Map ? counts : new Map(Object.entries(counts));
  const total = [...entries.values()].reduce((sum, value) => sum + value, 0);
  if (total === 0) return '<span class="statebar is-empty"></span>';
  let x = 0;
  const parts = stateOrder
    .filter((state) => (entries.get(state) ?? 0) > 0)
    .map((state) => {
      const width = ((entries.get(state) ?? 0) / total) * 100;
      const part = `<rect class="fill-${state}" x="${x.toFixed(2)}" width="${width.toFixed(2)}" height="8"><title>${stateLabel(state)}: ${entries.get(state)}</title></rect>`;
      x += width;
      return part;
    });
  return `<svg class="statebar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(label)}">${parts.join('')}</svg>`;
}

export function prettyJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? 'null';
}
