import type { VariableRow } from '../db/entities/variable';
import type { ConnectionRow } from '../db/entities/connection';
import { connectionColumns, openConnection, openVariable, sealConnection, sealVariable } from '../secrets/stored';
import { writeAudit } from './audit';
import type { Actor } from './commands';
import type { CommandContext } from './context';
import { cipherOf } from './store-plan';
import { inTransaction } from './transaction';

/** All or nothing, so that no row is left behind with a key that is about to be forgotten. @throws CONFIG a row of a key that is not here */
export async function reencryptSecrets(context: CommandContext, actor: Actor): Promise<{ variables: number; connections: number }> {
  const cipher = cipherOf(context);
  return inTransaction(context.database.pool, async (client) => {
    const variables = await client.query<VariableRow>('SELECT key, value FROM variable WHERE key_id <> $1 ORDER BY key FOR UPDATE', [
      cipher.keyId,
    ]);
    for (const row of variables.rows)
      await client.query('UPDATE variable SET value = $2, key_id = $3 WHERE key = $1', [
        row.key,
        sealVariable(cipher, row.key, openVariable(cipher, row)),
        cipher.keyId,
      ]);
    const connections = await client.query<ConnectionRow>(
      `SELECT ${connectionColumns} FROM connection WHERE key_id <> $1 ORDER BY conn_id FOR UPDATE`,
      [cipher.keyId],
    );
    for (const row of connections.rows) {
      const { password, extra } = sealConnection(cipher, row.conn_id, openConnection(cipher, row));
      await client.query('UPDATE connection SET password = $2, extra = $3, key_id = $4 WHERE conn_id = $1', [
        row.conn_id,
        password,
        extra,
        cipher.keyId,
      ]);
    }
    const counts = { variables: variables.rows.length, connections: connections.rows.length };
    // Not under the name of a secret, which would be hidden.
    await writeAudit(client, actor, { action: 'rotate_secret_key', details: { key_id: cipher.keyId, ...counts } });
    return counts;
  });
}
