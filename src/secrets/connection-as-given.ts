import type { ConnectionInput } from '../commands/commands';
import type { JsonObject } from '../core/json';
import { HIDDEN, restoreHidden } from '../core/sensitive';
import type { ConnectionInfo } from '../execution-api/execution-api';
import { connectionFromParts, connectionTypeName } from './parse-connection';

/** A connection as somebody typed it, for a test of it: what was shown hidden is taken from what is stored under its id. */
export function connectionAsGiven(given: ConnectionInput, stored: ConnectionInfo | null): ConnectionInfo {
  const { id, type = '', host, port, login, password, schema, extra } = given;
  return connectionFromParts({
    id,
    type: connectionTypeName(type),
    host: host || null,
    port: port ?? null,
    login: login || null,
    password: password === HIDDEN ? (stored?.password ?? null) : password || null,
    schema: schema || null,
    extra: restoreHidden(extra ?? {}, stored?.extra) as JsonObject,
  });
}
