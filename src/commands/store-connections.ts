import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import { HIDDEN, restoreHidden, sensitiveTexts } from '../core/sensitive';
import type { ConnectionRow } from '../db/entities/connection';
import type { Cipher } from '../secrets/cipher';
import { connectionTypeName } from '../secrets/parse-connection';
import { connectionColumns, openConnection, sealConnection } from '../secrets/stored';
import { writeAudit } from './audit';
import type { Actor, ConnectionInput, Stored, StoreOptions } from './commands';
import type { CommandContext } from './context';
import { assertInserted, assertReadable, assertText, cipherOf, planStore, storedBy } from './store-plan';
import { inTransaction } from './transaction';

export async function storeConnections(
  context: CommandContext,
  connections: readonly ConnectionInput[],
  options: StoreOptions,
  actor: Actor,
): Promise<Stored> {
  connections.forEach(check);
  const cipher = cipherOf(context);
  const ids = connections.map(({ id }) => id);
  return inTransaction(context.database.pool, async (client) => {
    const { rows } = await client.query<ConnectionRow>(
      `SELECT ${connectionColumns}, key_id FROM connection WHERE conn_id = ANY($1) ORDER BY conn_id FOR UPDATE`,
      [ids],
    );
    const existing = new Map(rows.map((row) => [row.conn_id, row]));
    const actionOf = planStore('connection', ids, new Set(existing.keys()), options);
    for (const connection of connections) {
      const action = actionOf(connection.id);
      if (action === 'skip') continue;
      const row = merged(cipher, connection, existing.get(connection.id));
      const values = [
        row.conn_id,
        row.conn_type,
        row.description,
        row.host,
        row.port,
        row.login,
        row.schema,
        row.password,
        row.extra,
        row.key_id,
      ];
      if (action === 'create') {
        const { rowCount } = await client.query(
          `INSERT INTO connection (${connectionColumns}, key_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
          values,
        );
        assertInserted('connection', connection.id, rowCount);
      } else {
        await client.query(
          `UPDATE connection SET (${connectionColumns}, key_id, updated_at) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp())
           WHERE conn_id = $1`,
          values,
        );
      }
      const fields = (Object.keys(connection) as (keyof ConnectionInput)[]).filter(
        (field) => field !== 'id' && connection[field] !== undefined,
      );
      await writeAudit(client, actor, { action: `${action}_connection`, details: { connection_id: connection.id, fields } });
    }
    await assertReadable(client, cipher);
    return storedBy(ids, actionOf);
  });
}

type NewRow = Omit<ConnectionRow, 'updated_at'>;

function merged(cipher: Cipher, given: ConnectionInput, before: ConnectionRow | undefined): NewRow {
  if (before === undefined && given.type === undefined)
    throw new ThenceError('INVALID_VALUE', `the new connection "${given.id}" needs a type`);
  const keep = <T>(value: T | undefined, stored: T | null | undefined): T | null =>
    value === undefined ? (stored ?? null) : value || null;
  return {
    conn_id: given.id,
    conn_type: given.type === undefined ? before!.conn_type : connectionTypeName(given.type.trim()),
    description: keep(given.description, before?.description),
    host: keep(given.host, before?.host),
    port: given.port === undefined ? (before?.port ?? null) : given.port,
    login: keep(given.login, before?.login),
    schema: keep(given.schema, before?.schema),
    ...secretsOf(cipher, given, before),
  };
}

/** Both fields are encrypted with one key: when one changes the other is written anew too, and only then opened. */
function secretsOf(
  cipher: Cipher,
  { id, password, extra }: ConnectionInput,
  before: ConnectionRow | undefined,
): Pick<NewRow, 'password' | 'extra' | 'key_id'> {
  const keepsPassword = password === undefined || password === HIDDEN;
  if (before && keepsPassword && extra === undefined) return { password: before.password, extra: before.extra, key_id: before.key_id };
  if (!before && password === HIDDEN)
    throw new ThenceError('INVALID_VALUE', `"***" stands for a password that is stored, and the new connection "${id}" has none`);
  const needsStored = before && (keepsPassword || extra === undefined || JSON.stringify(extra).includes(HIDDEN));
  const stored = needsStored ? openConnection(cipher, before) : null;
  const restored = extra === undefined ? (stored?.extra ?? {}) : (restoreHidden(extra ?? {}, stored?.extra) as JsonObject);
  if (sensitiveTexts(restored).includes(HIDDEN))
    throw new ThenceError(
      'INVALID_VALUE',
      `"***" in the extra of connection "${id}" stands for a secret that is stored, and there is none`,
    );
  const sealed = sealConnection(cipher, id, { password: keepsPassword ? (stored?.password ?? null) : password || null, extra: restored });
  return { ...sealed, key_id: cipher.keyId };
}

function check({ id, type, port, ...texts }: ConnectionInput): void {
  if (!/^[A-Za-z0-9_.-]{1,200}$/.test(id))
    throw new ThenceError(
      'INVALID_VALUE',
      `"${id.slice(0, 50)}" is no id of a connection: allowed are 1 to 200 letters, digits, and _ . -`,
    );
  if (type !== undefined && !/^[A-Za-z][\w.+-]{0,99}$/.test(type.trim()))
    throw new ThenceError('INVALID_VALUE', `the type of connection "${id}" is "${type}"; allowed is a word such as postgres or http`);
  if (port !== undefined && port !== null && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new ThenceError('INVALID_VALUE', `the port of connection "${id}" is ${port}; allowed is a whole number from 0 to 65535`);
  for (const name of ['description', 'host', 'login', 'password', 'schema'] as const)
    assertText(`the ${name} of connection "${id}"`, texts[name]);
}
