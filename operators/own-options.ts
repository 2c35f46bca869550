/** The own options of an operator, checked when the DAG file makes it: what is wrong would otherwise show only when it runs. */
import { ThenceError } from '../src/core/errors';
import { madeAt } from '../src/dag/location';
import { show, type Check, type Checks } from '../src/dag/option-checks';

interface Checkable {
  readonly id: string;
  readonly madeAt: string | null;
  readonly options: object;
  /** Whether `expand` gives the option: it has no value yet. */
  '~isExpanded'(option: string): boolean;
}

/** @throws DAG_FILE for the first option that is missing or wrong */
export function checkOwnOptions(task: Checkable, checks: Checks, required: readonly string[] = []): void {
  const options = task.options as Readonly<Record<string, unknown>>;
  for (const [name, check] of Object.entries(checks)) {
    if (task['~isExpanded'](name)) continue;
    const value = options[name];
    if (value === undefined && !required.includes(name)) continue;
    const wanted = value === undefined ? 'needed' : check(value);
    if (wanted === null) continue;
    throw new ThenceError(
      'DAG_FILE',
      value === undefined
        ? `task "${task.id}"${madeAt(task)} needs \`${name}\`: ${check(value)}`
        : `\`${name}\` of task "${task.id}"${madeAt(task)} is ${show(value)}; allowed is ${wanted}`,
    );
  }
}

export const filledText: Check = (value) => (typeof value === 'string' && value.trim() !== '' ? null : 'a string that is not empty');

export const plainObject: Check = (value) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'an object');

export const anyOf =
  (what: string, ...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value) === null) ? null : what;

export const anything: Check = () => null;
