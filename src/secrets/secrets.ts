/**
 * Where variables and connections come from. Task code asks through the ExecutionApi, in the scheduler's process; which backends
 * answer, and in which order, is put together in create-secrets.ts.
 */
import type { Config } from '../config/config';
import type { ConnectionInfo } from '../execution-api/execution-api';
import { parseConnection } from './parse-connection';

/** A place that variables and connections are kept in. What it throws fails the task that asked; the next place is not asked then. */
export interface SecretsBackend {
  /** null: there is none here. */
  getConnection(id: string): Promise<ConnectionInfo | null>;
  getVariable(key: string): Promise<string | null>;
}

/** Asks one after the other; the first that has it answers. */
export function firstOf(backends: readonly SecretsBackend[]): SecretsBackend {
  const first = async <T>(ask: (backend: SecretsBackend) => Promise<T | null>): Promise<T | null> => {
    for (const backend of backends) {
      const found = await ask(backend);
      if (found !== null) return found;
    }
    return null;
  };
  return {
    getConnection: (id) => first((backend) => backend.getConnection(id)),
    getVariable: (key) => first((backend) => backend.getVariable(key)),
  };
}

/**
 * From `THENCE_VAR_<KEY>` and `THENCE_CONN_<ID>`, whatever case they are asked for in. A shell's variable cannot be called `my-db`:
 * it is found as `THENCE_CONN_MY_DB` too.
 */
export function secretsOfConfig({ variables, connections }: Pick<Config, 'variables' | 'connections'>): SecretsBackend {
  return {
    getVariable: async (key) => own(variables, key) ?? null,
    getConnection: async (id) => {
      const text = own(connections, id);
      return text === undefined ? null : parseConnection(id, text, `THENCE_CONN_${id.toUpperCase()}`);
    },
  };
}

function own(of: { readonly [name: string]: string }, asked: string): string | undefined {
  const name = asked.toLowerCase();
  return [name, name.replace(/[^a-z0-9_]/g, '_')].filter((each) => Object.hasOwn(of, each)).map((each) => of[each])[0];
}
