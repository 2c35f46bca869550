import type { JsonObject } from '../core/json';
import { hideSensitive } from '../core/sensitive';
import { AttemptGone } from '../execution-api/execution-api';
import type { Transaction } from '../ledger/ledger';
import type { Actor } from './commands';

export interface AuditEntry {
  /** Verb and noun: 'trigger_run'. */
  readonly action: string;
  readonly dagId?: string;
  readonly runId?: string;
  readonly taskId?: string;
  readonly mapIndex?: number;
  /** What stands under a sensitive name is hidden. Values of variables are not for here: they are encrypted where they are stored. */
  readonly details?: JsonObject;
}

/** One line of the audit log, in the transaction of what it tells. @throws AttemptGone, which rolls that back */
export async function writeAudit(transaction: Transaction, actor: Actor, entry: AuditEntry): Promise<void> {
  if (actor.attemptId !== undefined) await checkLive(transaction, actor.attemptId);
  await transaction.query(
    'INSERT INTO audit_log (actor, via, action, dag_id, run_id, task_id, map_index, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
    [
      actor.user,
      actor.via,
      entry.action,
      entry.dagId ?? null,
      entry.runId ?? null,
      entry.taskId ?? null,
      entry.mapIndex ?? null,
      JSON.stringify(hideSensitive(entry.details ?? {})),
    ],
  );
}

async function checkLive(transaction: Transaction, attemptId: string): Promise<void> {
  const { rowCount } = await transaction.query("SELECT FROM attempt WHERE id = $1 AND state IN ('claimed', 'running')", [attemptId]);
  if (rowCount === 0) throw new AttemptGone(attemptId);
}
