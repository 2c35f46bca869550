/** What the contexts of tasks and triggers have in common: variables and connections, which the log hides from then on, and the log itself. */
import { format } from 'node:util';
import { ThenceError } from '../core/errors';
import type { Connections, TaskLog, Variables } from '../dag/context';
import type { ExecutionApi } from '../execution-api/execution-api';
import type { LogLevel } from '../logs/log-store';
import type { AttemptLog } from './attempt-log';
import { secretParts, secretPartsOfVariable } from './secret-parts';

export type SecretsApi = Pick<ExecutionApi, 'getVariable' | 'getConnection'>;

export interface Secrets {
  readonly variables: Variables;
  readonly connections: Connections;
}

export function secretsFor(attemptId: string, api: SecretsApi, log: AttemptLog): Secrets {
  return {
    variables: {
      async get(key: string, ...fallback: unknown[]): Promise<string> {
        const value = await api.getVariable(attemptId, key);
        if (value !== null) {
          for (const secret of secretPartsOfVariable(key, value)) log.hide(secret);
          return value;
        }
        if (fallback.length > 0) return fallback[0] as string;
        throw new ThenceError(
          'NOT_FOUND',
          `there is no variable "${key}"; make it with "thence variables set", or give variables.get a fallback`,
        );
      },
    },
    connections: {
      async get(id: string) {
        const connection = await api.getConnection(attemptId, id);
        if (!connection)
          throw new ThenceError(
            'NOT_FOUND',
            `there is no connection "${id}"; make it with "thence connections set", or set THENCE_CONN_${id.toUpperCase()} for the scheduler (a URI, or JSON)`,
          );
        for (const secret of secretParts(connection)) log.hide(secret);
        return connection;
      },
    },
  };
}

/** Each call is a line; what is no text is shown as `console.log` would. */
export function makeTaskLog(log: AttemptLog): TaskLog {
  const at =
    (level: LogLevel) =>
    (...values: unknown[]) =>
      log.write(level, 'task', format(...values));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
