/** The template options of a task, rendered for one attempt, and what the pages may show of them. */
import type { JsonObject, JsonValue } from '../core/json';
import type { BundleCode } from '../core/workload';
import type { BaseOperator } from '../dag/base-operator';
import type { TaskContext } from '../dag/context';
import { HIDDEN, isSensitiveName } from '../core/sensitive';
import { renderFields } from '../templates/render';
import { embedFromBundle } from '../templates/template-files';
import type { AttemptLog } from './attempt-log';
import { storable } from './error-info';

export interface RenderedOptions {
  readonly options: object;
  /** Masked, cut, and only what JSON can hold. */
  readonly shown: JsonObject;
}

/** @returns null for a task without template options. @throws naming the field, line and column */
export async function renderOptions(
  task: BaseOperator<unknown, object, string>,
  context: TaskContext,
  code: { readonly files: BundleCode['files']; readonly filePath: string },
  log: AttemptLog,
): Promise<RenderedOptions | null> {
  const fields = embedFromBundle(task, code.files, code.filePath);
  if (Object.keys(fields).length === 0) return null;
  const options = await renderFields(fields, context);
  return {
    options,
    shown: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, showable(value, log, isSensitiveName(name))])),
  };
}

const maxShownLength = 4_096;

/** What an option holds under a sensitive name, such as `env: { API_TOKEN }`, is hidden whatever it is. */
function showable(value: unknown, log: AttemptLog, isSecret = false): JsonValue {
  if (isSecret && (typeof value === 'string' || typeof value === 'number')) return HIDDEN;
  if (typeof value === 'string') {
    const text = storable(log.mask(value));
    return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}… (${text.length} characters, cut)` : text;
  }
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map((one) => showable(one, log, isSecret));
  if (typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, showable(inner, log, isSecret || isSensitiveName(name))]),
    );
  return `(${typeof value})`;
}
