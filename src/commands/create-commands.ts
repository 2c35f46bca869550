import { cancelBackfill, setBackfillPaused } from './change-backfill';
import { clearRun, clearTasks } from './clear-tasks';
import type { Commands } from './commands';
import type { CommandContext } from './context';
import { createUser, deleteUser, setPassword } from './change-users';
import { createXCom, deleteXCom, updateXCom } from './change-xcoms';
import { createBackfill } from './create-backfill';
import { deleteDag, deleteRun, deleteTask } from './delete-history';
import { markRun } from './mark-run';
import { markTasks } from './mark-tasks';
import { deleteConnections, deletePools, deleteVariables } from './delete-stored';
import { parseFiles } from './parse-files';
import { dryRunBackfill } from './plan-backfill';
import { reencryptSecrets } from './reencrypt-secrets';
import { runTask } from './run-task';
import { setFavorite } from './set-favorite';
import { setPaused } from './set-paused';
import { setRunNote, setTaskNote } from './set-note';
import { storeConnections } from './store-connections';
import { storePools } from './store-pools';
import { storeVariables } from './store-variables';
import { triggerRun } from './trigger-run';
import { ScheduleOracle } from '../timetables/schedule-oracle';

/** @param parts.schedules left out where no user code can be run: DAGs with timetables of their own cannot be triggered or backfilled then */
export function createCommands(parts: Omit<CommandContext, 'schedules'> & Partial<CommandContext>): Commands {
  const context: CommandContext = { ...parts, schedules: parts.schedules ?? new ScheduleOracle() };
  return {
    triggerRun: (request, actor) => triggerRun(context, request, actor),
    setPaused: (dagId, paused, actor) => setPaused(context, dagId, paused, actor),
    markRun: (request, actor) => markRun(context, request, actor),
    setRunNote: (request, actor) => setRunNote(context, request, actor),
    setFavorite: (dagId, favorite, actor) => setFavorite(context, dagId, favorite, actor),
    setTaskNote: (request, actor) => setTaskNote(context, request, actor),
    createXCom: (request, actor) => createXCom(context, request, actor),
    updateXCom: (request, actor) => updateXCom(context, request, actor),
    deleteXCom: (request, actor) => deleteXCom(context, request, actor),
    clearRun: (request, actor) => clearRun(context, request, actor),
    planClearRun: (request) => clearRun(context, request, null),
    clearTasks: (request, actor) => clearTasks(context, request, actor),
    planClear: (request) => clearTasks(context, request, null),
    rerunFrom: ({ task, ...request }, actor) => clearTasks(context, { ...request, tasks: [task], downstream: true }, actor),
    runTask: (request, actor) => runTask(context, request, actor),
    markTasks: (request, actor) => markTasks(context, request, actor),
    planMark: (request) => markTasks(context, request, null),
    deleteRun: (request, actor) => deleteRun(context, request, actor),
    deleteTask: (request, actor) => deleteTask(context, request, actor),
    deleteDag: (dagId, actor) => deleteDag(context, dagId, actor),
    parseFiles: (request, actor) => parseFiles(context, request, actor),
    dryRunBackfill: (request) => dryRunBackfill(context, request),
    createBackfill: (request, actor) => createBackfill(context, request, actor),
    cancelBackfill: (id, actor, options) => cancelBackfill(context, id, actor, options),
    pauseBackfill: (id, actor) => setBackfillPaused(context, id, true, actor),
    unpauseBackfill: (id, actor) => setBackfillPaused(context, id, false, actor),
    storeVariables: (variables, options, actor) => storeVariables(context, variables, options, actor),
    deleteVariables: (keys, options, actor) => deleteVariables(context, keys, options, actor),
    storeConnections: (connections, options, actor) => storeConnections(context, connections, options, actor),
    deleteConnections: (ids, options, actor) => deleteConnections(context, ids, options, actor),
    storePools: (pools, options, actor) => storePools(context, pools, options, actor),
    deletePools: (names, options, actor) => deletePools(context, names, options, actor),
    reencryptSecrets: (actor) => reencryptSecrets(context, actor),
    createUser: (user, actor) => createUser(context, user, actor),
    deleteUser: (username, actor) => deleteUser(context, username, actor),
    setPassword: (user, actor) => setPassword(context, user, actor),
  };
}
