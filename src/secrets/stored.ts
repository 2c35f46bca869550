/** Variables and connections as they stand in the database, and opened. */
import type { JsonObject } from '../core/json';
import type { ConnectionRow } from '../db/entities/connection';
import type { VariableRow } from '../db/entities/variable';
import type { ConnectionInfo } from '../execution-api/execution-api';
import type { Cipher } from './cipher';
import { connectionFromParts } from './parse-connection';

export type SealedVariable = Pick<VariableRow, 'key' | 'value'>;
export type SealedConnection = Pick<ConnectionRow, 'conn_id' | 'conn_type' | 'host' | 'port' | 'login' | 'schema' | 'password' | 'extra'>;

export const connectionColumns = 'conn_id, conn_type, description, host, port, login, schema, password, extra';

const variablePlace = (key: string) => `variable "${key}"`;
const passwordPlace = (id: string) => `the password of connection "${id}"`;
const extraPlace = (id: string) => `the extra of connection "${id}"`;

export function sealVariable(cipher: Cipher, key: string, value: string): string {
  return cipher.encrypt(value, variablePlace(key));
}

/** @throws CONFIG, see Cipher */
export function openVariable(cipher: Cipher, { key, value }: SealedVariable): string {
  return cipher.decrypt(value, variablePlace(key));
}

export function sealConnection(
  cipher: Cipher,
  id: string,
  { password, extra }: Pick<ConnectionInfo, 'password' | 'extra'>,
): { password: string | null; extra: string | null } {
  return {
    password: password === null ? null : cipher.encrypt(password, passwordPlace(id)),
    extra: Object.keys(extra).length === 0 ? null : cipher.encrypt(JSON.stringify(extra), extraPlace(id)),
  };
}

/** @throws CONFIG, see Cipher */
export function openConnection(cipher: Cipher, row: SealedConnection): ConnectionInfo {
  return connectionFromParts({
    id: row.conn_id,
    type: row.conn_type,
    host: row.host,
    port: row.port,
    login: row.login,
    password: row.password === null ? null : cipher.decrypt(row.password, passwordPlace(row.conn_id)),
    schema: row.schema,
    extra: row.extra === null ? {} : (JSON.parse(cipher.decrypt(row.extra, extraPlace(row.conn_id))) as JsonObject),
  });
}
