/**
 * A SecretsBackend of the user's: a module that exports `secretsBackend` (or exports it by default), an object with
 * `getConnection(id)` and `getVariable(key)`. It runs in the scheduler, so it is part of the deployment and no DAG file. A connection may be
 * given as one text (a URI, or JSON), or as fields under Airflow's names.
 */
import { evaluateModule } from '../config/config-file';
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { ConnectionInfo } from '../execution-api/execution-api';
import { connectionFromFields, connectionFromParts, parseConnection } from './parse-connection';
import type { SecretsBackend } from './secrets';

/** @throws CONFIG naming the file, when it cannot be loaded or exports no backend */
export function moduleSecrets(file: string): SecretsBackend {
  const exported = evaluateModule(file) as { readonly secretsBackend?: unknown; readonly default?: unknown } | null;
  const backend = exported?.secretsBackend ?? exported?.default ?? exported;
  if (!isBackend(backend))
    throw new ThenceError(
      'CONFIG',
      `the module ${file} (THENCE_SECRETS_BACKEND) exports no \`secretsBackend\` with getConnection(id) and getVariable(key)`,
    );
  return {
    async getVariable(key) {
      const value: unknown = await asked(file, () => backend.getVariable(key));
      if (value === null || value === undefined) return null;
      if (typeof value === 'string') return value;
      throw new ThenceError('CONFIG', `the secrets backend ${file} gave variable "${key}" as ${typeof value}; it has to be a text or null`);
    },
    async getConnection(id) {
      const given: unknown = await asked(file, () => backend.getConnection(id));
      if (given === null || given === undefined) return null;
      if (typeof given === 'string') return parseConnection(id, given, file);
      const { conn_type: airflows, ...parts } = given as Partial<ConnectionInfo> & { readonly conn_type?: string };
      if (airflows !== undefined || typeof parts.type !== 'string') return connectionFromFields(id, given as JsonObject, file);
      return connectionFromParts({ ...empty, ...parts, id, type: parts.type });
    },
  };
}

const empty = { host: null, port: null, login: null, password: null, schema: null, extra: {} };

/** What it throws says where it comes from, and fails the task. */
async function asked(file: string, ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    const why = (error as { readonly message?: string } | null)?.message ?? String(error);
    throw new ThenceError('UNAVAILABLE', `the secrets backend ${file} failed: ${why}`, { cause: error });
  }
}

function isBackend(value: unknown): value is SecretsBackend {
  const { getConnection, getVariable } = (value ?? {}) as Partial<SecretsBackend>;
  return typeof getConnection === 'function' && typeof getVariable === 'function';
}
