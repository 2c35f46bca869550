import { ThenceError } from '../core/errors';
import { HIDDEN, isSensitiveName, jsonContainer, restoreHidden, sensitiveTexts } from '../core/sensitive';
import type { Cipher } from '../secrets/cipher';
import { openVariable, sealVariable } from '../secrets/stored';
import { writeAudit } from './audit';
import type { Actor, Stored, StoreOptions, VariableInput } from './commands';
import type { CommandContext } from './context';
import { assertInserted, assertReadable, assertText, cipherOf, planStore, storedBy } from './store-plan';
import { inTransaction } from './transaction';

export async function storeVariables(
  context: CommandContext,
  variables: readonly VariableInput[],
  options: StoreOptions,
  actor: Actor,
): Promise<Stored> {
  variables.forEach(check);
  const cipher = cipherOf(context);
  const keys = variables.map(({ key }) => key);
  return inTransaction(context.database.pool, async (client) => {
    const { rows } = await client.query<Row>('SELECT key, value FROM variable WHERE key = ANY($1) ORDER BY key FOR UPDATE', [keys]);
    const existing = new Map(rows.map((row) => [row.key, row]));
    const actionOf = planStore('variable', keys, new Set(existing.keys()), options);
    for (const variable of variables) {
      const { key, description } = variable;
      const action = actionOf(key);
      if (action === 'skip') continue;
      const value = sealed(cipher, variable, existing.get(key));
      if (action === 'create') {
        const { rowCount } = await client.query(
          'INSERT INTO variable (key, value, description, key_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
          [key, value, description || null, cipher.keyId],
        );
        assertInserted('variable', key, rowCount);
      } else {
        await client.query(
          `UPDATE variable SET value = coalesce($2, value), key_id = CASE WHEN $2::text IS NULL THEN key_id ELSE $3 END,
             description = CASE WHEN $4 THEN $5 ELSE description END, updated_at = clock_timestamp() WHERE key = $1`,
          [key, value, cipher.keyId, description !== undefined, description || null],
        );
      }
      const fields = (['value', 'description'] as const).filter((field) => variable[field] !== undefined);
      await writeAudit(client, actor, { action: `${action}_variable`, details: { key, fields } });
    }
    await assertReadable(client, cipher);
    return storedBy(keys, actionOf);
  });
}

interface Row {
  readonly key: string;
  readonly value: string;
}

/** null: it stays as it is. */
function sealed(cipher: Cipher, { key, value }: VariableInput, before: Row | undefined): string | null {
  if (before === undefined && value === undefined) throw new ThenceError('INVALID_VALUE', `the new variable "${key}" needs a value`);
  if (value === undefined || (before !== undefined && value === HIDDEN && isSensitiveName(key))) return null;
  if (!value.includes(HIDDEN)) return sealVariable(cipher, key, value);
  const json = jsonContainer(value);
  const stored = before && json !== null ? (jsonContainer(openVariable(cipher, before)) ?? undefined) : undefined;
  const restored = json === null ? value : JSON.stringify(restoreHidden(json, stored, isSensitiveName(key)));
  if (showsHidden(key, restored))
    throw new ThenceError('INVALID_VALUE', `"***" in variable "${key}" stands for a secret that is stored, and there is none`);
  return sealVariable(cipher, key, restored);
}

/** Whether a secret is `***` itself: what was shown hidden has come back with nothing to stand for. */
const showsHidden = (key: string, value: string) => sensitiveTexts(jsonContainer(value) ?? value, isSensitiveName(key)).includes(HIDDEN);

function check({ key, value, description }: VariableInput): void {
  if (key === '' || key.length > 250)
    throw new ThenceError('INVALID_VALUE', `the key of a variable has 1 to 250 characters; "${key.slice(0, 50)}" has ${key.length}`);
  assertText('the key of a variable', key);
  assertText(`the value of variable "${key}"`, value);
  assertText(`the description of variable "${key}"`, description);
}
