/** Which elements a mapped instance is, of what its task (or the group around it) is expanded over. */
import { ThenceError } from '../core/errors';
import type { RunTask } from '../core/workload';
import { expandOf, type Expand, type ExpandKey } from '../dag/expand';
import { taskOf } from '../dag/refs';
import type { ExecutionApi } from '../execution-api/execution-api';
import type { AnyTask } from './find-task';
import { valueOf } from './context';

/** By name of the input or option. */
export interface Elements {
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Of literals in the file: their strings may be templates. */
  readonly writtenOptions: Readonly<Record<string, unknown>>;
  /** Of upstream outputs: never templates. */
  readonly givenOptions: Readonly<Record<string, unknown>>;
}

const none: Elements = { inputs: {}, writtenOptions: {}, givenOptions: {} };

/** @throws when the file now maps over something else than when the version was stored */
export async function pullElements(workload: RunTask, task: AnyTask, api: ExecutionApi): Promise<Elements> {
  const { mapIndex, mapLengths } = workload;
  if (mapIndex < 0) return none;
  const expand = expandOf(task);
  if (!expand || mapLengths === null || expand.keys.length !== mapLengths.length) throw changed(task, 'is not mapped as it was');
  const positions = positionsOf(expand.kind, mapLengths, mapIndex);
  const found = await Promise.all(
    expand.keys.map(async (key, at) => ({ key, ...(await elementOf(key, positions[at]!, mapLengths[at]!, { workload, task, api })) })),
  );
  const pick = (wanted: (one: (typeof found)[number]) => boolean) =>
    Object.fromEntries(found.filter(wanted).map(({ key, value }) => [key.name, value]));
  return {
    inputs: pick(({ key }) => key.target === 'input'),
    writtenOptions: pick(({ key, written }) => key.target === 'option' && written),
    givenOptions: pick(({ key, written }) => key.target === 'option' && !written),
  };
}

/** The combination that an index stands for: the last key varies fastest. A zip has the same position in all. */
export function positionsOf(kind: Expand['kind'], lengths: readonly number[], mapIndex: number): readonly number[] {
  if (kind === 'zip') return lengths.map(() => mapIndex);
  let rest = mapIndex;
  return lengths
    .toReversed()
    .map((length) => {
      const position = rest % length;
      rest = Math.floor(rest / length);
      return position;
    })
    .toReversed();
}

interface Around {
  readonly workload: RunTask;
  readonly task: AnyTask;
  readonly api: ExecutionApi;
}

async function elementOf({ name, source }: ExpandKey, position: number, length: number, around: Around) {
  const { workload, task, api } = around;
  if (source.kind === 'task') {
    const text = await api.pullMapItem(workload.attemptId, { taskId: source.task.id, index: position });
    return { value: JSON.parse(text) as unknown, written: false };
  }
  if (source.elements.length !== length)
    throw changed(task, `maps \`${name}\` over ${source.elements.length} elements, and over ${length} when its version was stored`);
  const element = source.elements[position];
  const upstream = taskOf(element);
  if (!upstream) return { value: element, written: true };
  const entries = await api.pullXComs(workload.attemptId, { taskIds: [upstream.id], key: 'return_value' });
  return { value: valueOf(entries, upstream.id, false), written: false };
}

function changed(task: AnyTask, what: string): ThenceError {
  return new ThenceError(
    'DAG_FILE',
    `task "${task.id}" ${what}: its file depends on something outside its code, such as a file, a table or the environment. Map over the output of a task for what changes`,
  );
}
