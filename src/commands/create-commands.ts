import { cancelBackfill, setBackfillPaused } from './change-backfill';
import { clearRun } from './clear-run';
import type { Commands } from './commands';
import type { CommandContext } from './context';
import { createBackfill } from './create-backfill';
import { markRun } from './mark-run';
import { dryRunBackfill } from './plan-backfill';
import { setPaused } from './set-paused';
import { setRunNote } from './set-run-note';
import { triggerRun } from './trigger-run';

export function createCommands(context: CommandContext): Commands {
  return {
    triggerRun: (request, actor) => triggerRun(context, request, actor),
    setPaused: (dagId, paused, actor) => setPaused(context, dagId, paused, actor),
    markRun: (request, actor) => markRun(context, request, actor),
    setRunNote: (request, actor) => setRunNote(context, request, actor),
    clearRun: (request, actor) => clearRun(context, request, actor),
    dryRunBackfill: (request) => dryRunBackfill(context, request),
    createBackfill: (request, actor) => createBackfill(context, request, actor),
    cancelBackfill: (id, actor) => cancelBackfill(context, id, actor),
    pauseBackfill: (id, actor) => setBackfillPaused(context, id, true, actor),
    unpauseBackfill: (id, actor) => setBackfillPaused(context, id, false, actor),
  };
}
