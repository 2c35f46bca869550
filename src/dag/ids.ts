import { ThenceError } from '../core/errors';

/** Long enough for people, short enough for `task_id=…` as the name of a folder. */
const VALID_ID = /^[A-Za-z0-9_.-]{1,200}$/;
/** A browser takes the first two out of an address, so that their pages could not be opened; the last is no key of an object. */
const RESERVED: readonly string[] = ['.', '..', '__proto__'];

export function checkId(kind: 'DAG' | 'task' | 'group', id: unknown, where: () => string): void {
  if (typeof id === 'string' && VALID_ID.test(id) && !RESERVED.includes(id)) return;
  const given = typeof id === 'string' ? JSON.stringify(id.length > 250 ? `${id.slice(0, 250)}…` : id) : String(id);
  const except = typeof id === 'string' && RESERVED.includes(id) ? `, except ${RESERVED.join(' ')}` : '';
  throw new ThenceError('DAG_FILE', `${kind} id ${given}${where()} is not valid: allowed are 1 to 200 of A-Z a-z 0-9 _ . -${except}`);
}
