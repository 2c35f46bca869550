import type { JsonObject } from '../core/json';
import { hideSensitive } from '../core/sensitive';
import type { Transaction } from '../ledger/ledger';
import type { Actor } from './commands';

export interface AuditEntry {
  /** Verb and noun: 'trigger_run'. */
  readonly action: string;
  readonly dagId?: string;
  readonly runId?: string;
  /** What stands under a sensitive name is hidden. Values of variables are not for here: they are encrypted where they are stored. */
  readonly details?: JsonObject;
}

/** One line of the audit log, in the transaction of what it tells. */
export async function writeAudit(transaction: Transaction, actor: Actor, entry: AuditEntry): Promise<void> {
  await transaction.query('INSERT INTO audit_log (actor, via, action, dag_id, run_id, details) VALUES ($1, $2, $3, $4, $5, $6)', [
    actor.user,
    actor.via,
    entry.action,
    entry.dagId ?? null,
    entry.runId ?? null,
    JSON.stringify(hideSensitive(entry.details ?? {})),
  ]);
}
