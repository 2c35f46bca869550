/** The template options of a task, rendered for one attempt, and what the pages may show of them. */
import type { JsonObject, JsonValue } from '../core/json';
import type { BundleCode } from '../core/workload';
import type { BaseOperator } from '../dag/base-operator';
import type { TaskContext } from '../dag/context';
import { HIDDEN, isSensitiveName } from '../core/sensitive';
import { renderFields } from '../templates/render';
import { embedFromBundle } from '../templates/template-files';
import type { AttemptLog } from './attempt-log';
import type { Elements } from './elements';
import { storable } from './error-info';

export interface RenderedOptions {
  /** Over those of the file. */
  readonly options: object;
  /** Masked, cut, and only what JSON can hold. null: the task has no template options. */
  readonly shown: JsonObject | null;
}

/** @param elements the options that this instance of a mapped task has. @throws naming the field, line and column */
export async function renderOptions(
  task: BaseOperator<unknown, object, string>,
  elements: Pick<Elements, 'writtenOptions' | 'givenOptions'>,
  context: TaskContext,
  code: { readonly files: BundleCode['files']; readonly filePath: string },
  log: AttemptLog,
): Promise<RenderedOptions> {
  const { writtenOptions, givenOptions } = elements;
  const fields = embedFromBundle(task, { ...task['~written'], ...writtenOptions }, code.files, code.filePath);
  const rendered = Object.keys(fields).length === 0 ? {} : await renderFields(fields, context);
  const options = { ...writtenOptions, ...givenOptions, ...rendered };
  const { templateFields } = task.constructor as typeof BaseOperator;
  const known = Object.entries(options).filter(([name]) => templateFields.includes(name));
  const shown = known.map(([name, value]) => [name, showable(value, log, isSensitiveName(name))] as const);
  return { options, shown: shown.length > 0 ? Object.fromEntries(shown) : null };
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
