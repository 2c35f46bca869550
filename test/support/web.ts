/** What tests of the pages hand to the web server in place of parts that they do not test. */
import type { Pool } from 'pg';
import type { Auth } from '../../src/auth/auth';
import type { Actor, Commands, TaskPlan } from '../../src/commands/commands';
import { createCommands } from '../../src/commands/create-commands';
import type { CommandContext } from '../../src/commands/context';
import { ThenceError } from '../../src/core/errors';
import { createCipher } from '../../src/secrets/cipher';
import type { Logger } from '../../src/telemetry/logger';

/** One user: admin / admin. */
export const testAuth: Auth = {
  checkPassword: async (username, password) => (username === 'admin' && password === 'admin' ? { username, role: 'admin' } : null),
  issueToken: async () => 'token',
  verifyToken: async () => null,
  findUser: async (username) => (username === 'admin' ? { username, role: 'admin' } : null),
};

export const silentLogger: Logger = {
  debug: () => silentLogger, info: () => silentLogger, warn: () => silentLogger, error: () => silentLogger, child: () => silentLogger,
} as unknown as Logger; // prettier-ignore

export interface RecordedCall {
  readonly command: keyof Commands;
  readonly request: unknown;
  readonly actor: Actor | null;
}

/** With which the web server of tests stores variables and connections. */
export const testCipher = createCipher(['a secret key for tests']);

/** One task of the run. */
function planOf({ dagId, runId }: { dagId: string; runId?: string | null }): TaskPlan {
  const of = { runId: runId ?? 'r1', version: 1 };
  return {
    dagId,
    runs: [{ ...of, run: 1, logicalDate: null, from: 'failed', to: 'running' }],
    items: [{ ...of, taskId: 'a', mapIndex: -1, state: 'failed', action: 'clear' }],
  };
}

/** Remembers what it was asked; pausing, and what the administration stores, is carried out, as the pages show its effect. */
export function recordingCommands(pool: Pool): Commands & { readonly calls: RecordedCall[] } {
  const calls: RecordedCall[] = [];
  const call = (command: keyof Commands, request: unknown, actor: Actor | null = null): void =>
    void calls.push({ command, request, actor });
  const context = { database: { pool }, wakeup: () => undefined, cipher: () => testCipher } as unknown as CommandContext;
  const { storeVariables, deleteVariables, storeConnections, deleteConnections, storePools, deletePools, ...real } =
    createCommands(context);
  return {
    ...real,
    calls,
    storeVariables: (...given) => (call('storeVariables', given[0], given[2]), storeVariables(...given)),
    deleteVariables: (...given) => (call('deleteVariables', given[0], given[2]), deleteVariables(...given)),
    storeConnections: (...given) => (call('storeConnections', given[0], given[2]), storeConnections(...given)),
    deleteConnections: (...given) => (call('deleteConnections', given[0], given[2]), deleteConnections(...given)),
    storePools: (...given) => (call('storePools', given[0], given[2]), storePools(...given)),
    deletePools: (...given) => (call('deletePools', given[0], given[2]), deletePools(...given)),
    async triggerRun(request, actor) {
      call('triggerRun', request, actor);
      const known = await pool.query('SELECT FROM dag WHERE dag_id = $1', [request.dagId]);
      if (known.rowCount === 0) throw new ThenceError('NOT_FOUND', `there is no DAG "${request.dagId}"`);
      const runId = request.runId ?? 'manual__2026-01-02T03:04:05.678Z_abcdef';
      return { run: 1, dagId: request.dagId, runId, logicalDate: null, interval: null, runAfter: Date.now(), conf: {}, isPaused: false };
    },
    async setPaused(dagId, paused, actor) {
      call('setPaused', { dagId, paused }, actor);
      const { rowCount } = await pool.query('UPDATE dag SET is_paused = $2 WHERE dag_id = $1', [dagId, paused]);
      if (rowCount === 0) throw new ThenceError('NOT_FOUND', `there is no DAG "${dagId}"`);
      return { changed: true };
    },
    async markRun(request, actor) {
      call('markRun', request, actor);
    },
    async setRunNote(request, actor) {
      call('setRunNote', request, actor);
    },
    async clearRun(request, actor) {
      call('clearRun', request, actor);
      return planOf(request);
    },
    planClearRun: async (request) => (call('planClearRun', request), planOf(request)),
    planClear: async (request) => (call('planClear', request), planOf(request)),
    planMark: async (request) => (call('planMark', request), planOf(request)),
    clearTasks: async (request, actor) => (call('clearTasks', request, actor), planOf(request)),
    markTasks: async (request, actor) => (call('markTasks', request, actor), planOf(request)),
    rerunFrom: async (request, actor) => (call('rerunFrom', request, actor), planOf(request)),
    deleteRun: async (request, actor) => call('deleteRun', request, actor),
    setTaskNote: async (request, actor) => call('setTaskNote', request, actor),
    async dryRunBackfill(request) {
      call('dryRunBackfill', request);
      const at = Date.parse('2026-01-01T00:00:00Z');
      const local = { start: '2026-01-01T00:00:00.000+01:00', end: '2026-01-02T00:00:00.000+01:00' };
      return {
        dagId: request.dagId,
        timezone: 'Europe/Zurich',
        tasks: request.tasks || request.taskPattern ? ['a'] : null,
        items: [{ logicalDate: at, interval: { start: at, end: at + 86_400_000 }, local, existing: null, action: 'create' }],
      };
    },
    async createBackfill(request, actor) {
      call('createBackfill', request, actor);
      return { id: 7, dagId: request.dagId, total: 31 };
    },
    async cancelBackfill(id, actor) {
      call('cancelBackfill', id, actor);
    },
    async pauseBackfill(id, actor) {
      call('pauseBackfill', id, actor);
    },
    async unpauseBackfill(id, actor) {
      call('unpauseBackfill', id, actor);
    },
  };
}
