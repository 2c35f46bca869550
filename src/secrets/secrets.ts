/** Variables and connections as task code may ask for them. */
import type { Config } from '../config/config';
import type { ConnectionInfo } from '../execution-api/execution-api';
import { parseConnection } from './parse-connection';

export interface Secrets {
  /** null: there is none. */
  variable(key: string): Promise<string | null>;
  connection(id: string): Promise<ConnectionInfo | null>;
}

/** From `THENCE_VAR_<KEY>` and `THENCE_CONN_<ID>`, whatever case they are asked for in. */
export function secretsOfConfig({ variables, connections }: Pick<Config, 'variables' | 'connections'>): Secrets {
  return {
    variable: async (key) => own(variables, key.toLowerCase()) ?? null,
    connection: async (id) => {
      const text = own(connections, id.toLowerCase());
      return text === undefined ? null : parseConnection(id, text);
    },
  };
}

const own = (of: { readonly [name: string]: string }, name: string) => (Object.hasOwn(of, name) ? of[name] : undefined);
