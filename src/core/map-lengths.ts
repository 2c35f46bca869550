/** How many instances a mapped task or group gets, from what it is mapped over. Pure. */
import type { ExpandSpec } from '../dag-spec/spec';
import { DEFAULT_MAX_MAP_LENGTH } from '../dag-spec/spec';

/** What an upstream task has to map over. */
export type MapSource =
  /** A list, an object (its entries), or the outputs of a mapped task. */
  | { readonly kind: 'elements'; readonly length: number }
  /** Anything else, in words: 'a string', 'nothing'. */
  | { readonly kind: 'other'; readonly what: string };

export type MapLengths =
  /** Per key, in the order of the spec; and how many instances that makes. */
  | { readonly ok: true; readonly lengths: readonly number[]; readonly length: number }
  /** A sentence for people. */
  | { readonly ok: false; readonly error: string };

/** @param owner the mapped task or group, for the messages */
export function mapLengths(owner: string, expand: ExpandSpec, sourceOf: (taskId: string) => MapSource): MapLengths {
  const lengths: number[] = [];
  for (const { name, source } of expand.keys) {
    if (source.kind === 'literal') {
      lengths.push(source.length);
      continue;
    }
    const found = sourceOf(source.taskId);
    if (found.kind === 'other') {
      const error = `"${owner}" maps "${name}" over the output of "${source.taskId}", which is ${found.what}: it has to be a list or an object`;
      return { ok: false, error };
    }
    lengths.push(found.length);
  }

  const parts = expand.keys.map(({ name }, i) => `${name} has ${lengths[i]}`).join(', ');
  if (expand.kind === 'zip' && new Set(lengths).size > 1) {
    return { ok: false, error: `"${owner}" pairs lists that differ in length: ${parts}. They have to be equally long` };
  }
  const length = expand.kind === 'zip' ? lengths[0]! : lengths.reduce((product, each) => product * each, 1);
  const most = expand.maxMapLength ?? DEFAULT_MAX_MAP_LENGTH;
  if (length > most) {
    const error = `"${owner}" would be expanded to ${length} instances (${parts}), and its maxMapLength allows ${most}`;
    return { ok: false, error };
  }
  return { ok: true, lengths, length };
}

/** Of a return value, as JSON text; null: the task returned nothing, or its output is gone. */
export function mapSourceOf(output: string | null): MapSource {
  if (output === null) return { kind: 'other', what: 'not there (it returned nothing)' };
  const value = JSON.parse(output) as unknown;
  if (Array.isArray(value)) return { kind: 'elements', length: value.length };
  if (typeof value === 'object' && value !== null) return { kind: 'elements', length: Object.keys(value).length };
  return { kind: 'other', what: value === null ? 'null' : `a ${typeof value}` };
}
