/**
 * Rendering templates: nunjucks over the names of scope.ts.
 *
 * Templates are synchronous and what they ask for (XComs, variables, connections) is not. So rendering is pure and repeatable:
 * a value that is not there yet stops the template (Need), is fetched, and the template is rendered again from the start. Keys
 * may be computed and stand in loops, since each round only has to come further than the last. Values are never rendered in turn.
 *
 * nunjucks is no sandbox: only what a DAG's author wrote is ever a template, and it is rendered where task code runs.
 */
import { ThenceError } from '../core/errors';
import type { TaskContext } from '../dag/context';
import { didYouMean } from '../core/did-you-mean';
import { failureOf, loadTemplateEngine, type TemplateEngine } from './environment';
import { fetchFromContext, templateScope, type FetchNeed, type Need, type Scope } from './scope';

export type { FetchNeed, Need, Scope } from './scope';

const MAX_ROUNDS = 100;

/** The operator's template fields, rendered over the context of its attempt. */
export function renderFields<T>(fields: T, context: TaskContext<unknown, unknown>): Promise<T> {
  return renderTemplates(fields, templateScope(context), fetchFromContext(context));
}

/**
 * A copy of `value` in which every string with template marks is rendered, in lists and plain objects too; all else is as it was.
 * @throws INVALID_VALUE naming the field (`env.TARGET`), line and column
 */
export async function renderTemplates<T>(value: T, scope: Scope, fetch: FetchNeed): Promise<T> {
  if (!hasTemplate(value)) return value;
  const engine = await loadTemplateEngine();
  const known = new Map<string, unknown>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const rendering = new Rendering(engine, scope, known);
    const rendered = walk(value, '', (text, path) => rendering.render(text, path));
    if (rendering.needs.size === 0) return rendered as T;
    await Promise.all([...rendering.needs].map(async ([key, { need, path }]) => known.set(key, await fetched(need, path, fetch))));
  }
  throw new ThenceError(
    'INVALID_VALUE',
    `the templates asked for more values in each of ${MAX_ROUNDS} rounds: what they ask for must not depend on itself`,
  );
}

async function fetched(need: Need, path: string, fetch: FetchNeed): Promise<unknown> {
  try {
    return await fetch(need);
  } catch (error) {
    throw new ThenceError('INVALID_VALUE', `${path ? `template in \`${path}\`` : 'template'}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** One pass over all strings. A string that needs something is left as it is; the others go on, so that one round asks for much. */
class Rendering {
  readonly needs = new Map<string, { need: Need; path: string }>();
  private readonly names: Readonly<Record<string, unknown>>;
  private stopped = false;
  /** Why names were undefined. */
  private reasons: string[] = [];
  private path = '';

  constructor(
    private readonly engine: TemplateEngine,
    scope: Scope,
    private readonly known: ReadonlyMap<string, unknown>,
  ) {
    this.names = scope((need) => this.ask(need));
  }

  render(text: string, path: string): string {
    if (!isTemplate(text)) return text;
    this.stopped = false;
    this.reasons = [];
    this.path = path;
    try {
      return this.engine.render(text, (name) => this.lookup(name));
    } catch (error) {
      if (this.stopped) return text;
      throw new ThenceError('INVALID_VALUE', describe(error, { text, path, reasons: this.reasons }), { cause: error });
    }
  }

  private ask(need: Need): unknown {
    const key = JSON.stringify(need);
    if (!this.known.has(key)) {
      this.needs.set(key, { need, path: this.path });
      this.stopped = true;
      throw new Error('not fetched yet');
    }
    const value = this.known.get(key);
    if (value === undefined || value === null) this.reasons.push(absent(need));
    return value;
  }

  private lookup(name: string): unknown {
    try {
      if (name in this.names) return this.names[name];
    } catch (error) {
      if (this.stopped) throw error;
      this.reasons.push((error as Error).message);
      return undefined;
    }
    this.reasons.push(`there is no \`${name}\`${didYouMean(name, Object.keys(this.names))}`);
    return undefined;
  }
}

/** 'template in `env.TARGET`, line 1, column 4: `{{ parms.x }}` prints nothing: there is no `parms`; did you mean `params`?' */
function describe(error: unknown, { text, path, reasons }: { text: string; path: string; reasons: readonly string[] }): string {
  const { message, line, column, undefinedOutput } = failureOf(error);
  const where = `template${path === '' ? '' : ` in \`${path}\``}${line > 0 ? `, line ${line}, column ${column}` : ''}`;
  if (!undefinedOutput) return `${where}: ${[message, ...reasons].join(': ')}`;
  return `${where}: ${outputAt(text, line, column)} prints nothing: ${reasons.at(-1) ?? 'the value is undefined or null'}`;
}

/** The `{{ … }}` around a position. */
function outputAt(text: string, line: number, column: number): string {
  const before =
    text
      .split('\n')
      .slice(0, line - 1)
      .join('\n').length +
    (line > 1 ? 1 : 0) +
    column;
  const start = text.lastIndexOf('{{', before);
  const end = text.indexOf('}}', Math.max(before - 2, start));
  return start < 0 || end < 0 ? 'it' : `\`${text.slice(start, end + 2)}\``;
}

function absent(need: Need): string {
  switch (need.kind) {
    case 'xcom':
      return `there is no XCom "${need.key}" of ${need.taskIds === null ? 'the task itself' : [need.taskIds].flat().join(', ')} in ${need.runId === null ? 'this run' : `run ${need.runId}`}`;
    case 'variable':
      return `there is no variable "${need.key}"`;
    case 'connection':
      return `there is no connection "${need.id}"`;
    case 'previous-success':
      return 'no earlier run of the DAG was successful';
  }
}

const isTemplate = (text: string): boolean => text.includes('{{') || text.includes('{%') || text.includes('{#');

function hasTemplate(value: unknown): boolean {
  if (typeof value === 'string') return isTemplate(value);
  return isContainer(value) && Object.values(value).some(hasTemplate);
}

function isContainer(value: unknown): value is object {
  if (Array.isArray(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function walk(value: unknown, path: string, render: (text: string, path: string) => string): unknown {
  if (typeof value === 'string') return render(value, path);
  if (!isContainer(value)) return value;
  if (Array.isArray(value)) return value.map((one, index) => walk(one, `${path}[${index}]`, render));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one, path === '' ? key : `${path}.${key}`, render)]));
}
