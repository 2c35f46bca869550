/**
 * An outcome that Postgres refuses (a NUL in a text, a value out of range) must not abort its batch for ever: the outcomes are recorded
 * one by one, and only the task of the refused one fails, with that reason.
 */
import type { AttemptOutcome } from '../../core/workload';
import type { Decide, HopRequest, HopResult } from '../ledger';
import type { LedgerContext } from './context';
import { hop } from './hop';

export async function hopPastPoison(context: LedgerContext, request: HopRequest, decide: Decide): Promise<HopResult> {
  try {
    return await hop(context, request, decide);
  } catch (error) {
    if (!isDataError(error) || request.outcomes.length === 0) throw error;
    const results: HopResult[] = [];
    for (const outcome of request.outcomes) {
      const started = request.started.filter(({ attemptId }) => attemptId === outcome.attemptId);
      results.push(await recordOne(context, { ...request, started, outcomes: [outcome], runs: [], capacity: new Map() }, decide));
    }
    results.push(await hop(context, { ...request, outcomes: [] }, decide));
    return results.reduce(join);
  }
}

async function recordOne(context: LedgerContext, request: HopRequest, decide: Decide): Promise<HopResult> {
  try {
    return await hop(context, request, decide);
  } catch (error) {
    if (!isDataError(error)) throw error;
    return hop(context, { ...request, outcomes: request.outcomes.map((outcome) => refusedBy(error, outcome)) }, decide);
  }
}

function refusedBy(error: Error, { attemptId }: AttemptOutcome): AttemptOutcome {
  const message = `the database could not store what the task returned: ${error.message}`;
  const outcome = {
    kind: 'failed',
    retryable: false,
    reason: 'executed',
    error: { name: 'OutcomeRefused', message, stack: null },
  } as const;
  return { attemptId, outcome, cpuMs: null, peakKb: null };
}

/** SQLSTATE classes 22 (data exception), 23 (constraint) and 54 (too large). */
function isDataError(error: unknown): error is Error {
  return error instanceof Error && /^(22|23|54)/.test((error as { code?: string }).code ?? '');
}

function join(a: HopResult, b: HopResult): HopResult {
  const due = [a.nextDueInMs, b.nextDueInMs].filter((ms) => ms !== null);
  return {
    claimed: [...a.claimed, ...b.claimed],
    refused: [...a.refused, ...b.refused],
    ended: [...a.ended, ...b.ended],
    finished: [...a.finished, ...b.finished],
    suspended: [...a.suspended, ...b.suspended],
    nextDueInMs: due.length > 0 ? Math.min(...due) : null,
    starving: a.starving || b.starving,
    expanding: a.expanding || b.expanding,
    deferred: a.deferred || b.deferred,
    makesRoom: a.makesRoom || b.makesRoom,
    callbacks: a.callbacks || b.callbacks,
  };
}
