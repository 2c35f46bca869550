import { ThenceError } from '../core/errors';
import { writeAudit } from './audit';
import type { Actor } from './commands';
import type { CommandContext } from './context';
import { unknownDag } from './find-dag';
import { inTransaction } from './transaction';

/** Of the actor's own favorites. */
export async function setFavorite(context: CommandContext, dagId: string, favorite: boolean, actor: Actor): Promise<void> {
  const changed = await inTransaction(context.database.pool, async (client) => {
    const { rowCount: found } = await client.query('SELECT FROM dag WHERE dag_id = $1 FOR KEY SHARE', [dagId]);
    if (found === 0) return null;
    const { rowCount } = favorite
      ? await client.query(
          'INSERT INTO dag_favorite (username, dag_id) SELECT username, $2 FROM app_user WHERE username = $1 ON CONFLICT DO NOTHING',
          [actor.user, dagId],
        )
      : await client.query('DELETE FROM dag_favorite WHERE username = $1 AND dag_id = $2', [actor.user, dagId]);
    if (rowCount === 1) await writeAudit(client, actor, { action: favorite ? 'favorite_dag' : 'unfavorite_dag', dagId });
    return rowCount === 1;
  });
  if (changed === null) throw await unknownDag(context.database, dagId);
  if (!favorite && !changed) throw new ThenceError('CONFLICT', `DAG "${dagId}" is not a favorite of ${actor.user}`);
}
