/** nunjucks, set up once per process: names are looked up lazily through a function, compiled templates are kept. */
import type { Environment, Template } from 'nunjucks';
import { DateTime } from 'luxon';

export type Lookup = (name: string) => unknown;

/** Of nunjucks: positions count from 1. */
export interface TemplateFailure {
  readonly message: string;
  readonly line: number;
  readonly column: number;
  /** The template printed something undefined or null. */
  readonly undefinedOutput: boolean;
}

export interface TemplateEngine {
  /** @throws TemplateSyntaxError, or whatever the template throws in nunjucks' wrapping: see failureOf */
  render(text: string, lookup: Lookup): string;
}

const TS = "yyyy-MM-dd'T'HH:mm:ssZZ";
const KEPT_TEMPLATES = 500;
const UNDEFINED_OUTPUT = 'attempted to output null or undefined value';

let engine: Promise<TemplateEngine> | undefined;

/** Loaded at the first template only. */
export function loadTemplateEngine(): Promise<TemplateEngine> {
  return (engine ??= makeEngine());
}

async function makeEngine(): Promise<TemplateEngine> {
  const { default: nunjucks } = await import('nunjucks');
  // `dev` keeps line and column on the errors. No loaders: templates include no files.
  const environment = new nunjucks.Environment([], { autoescape: false, throwOnUndefined: true, dev: true });
  addFilters(environment);
  const names = lookUpGlobals(environment);
  const compiled = new Map<string, Template>();
  const compile = (text: string): Template => {
    let template = compiled.get(text);
    if (!template) {
      template = new nunjucks.Template(text, environment, undefined, true);
      printDatesAsText(template);
      if (compiled.size >= KEPT_TEMPLATES) compiled.clear();
      compiled.set(text, template);
    }
    return template;
  };
  return {
    render(text, lookup) {
      let template;
      try {
        template = compile(text);
      } catch (error) {
        throw new TemplateSyntaxError(error);
      }
      names.lookup = lookup;
      return template.render({});
    },
  };
}

interface Runtime {
  suppressValue(value: unknown, autoescape: boolean): string;
}
type RootRender = (environment: unknown, context: unknown, frame: unknown, runtime: Runtime, done: unknown) => void;

/** `{{ data_interval_start }}` is ISO 8601, as `{{ ts }}` is: without this, nunjucks adds a date to the text as its number of milliseconds. */
function printDatesAsText(template: Template): void {
  const compiled = template as unknown as { rootRenderFunc: RootRender };
  const render = compiled.rootRenderFunc;
  compiled.rootRenderFunc = (environment, context, frame, runtime, done) => {
    const ours = Object.create(runtime) as Runtime;
    ours.suppressValue = (value, autoescape) => runtime.suppressValue(DateTime.isDateTime(value) ? value.toFormat(TS) : value, autoescape);
    render(environment, context, frame, ours, done);
  };
}

class TemplateSyntaxError extends Error {
  constructor(override readonly cause: unknown) {
    super('syntax error');
  }
}

/**
 * Every name that the template does not set itself goes through `lookup`. Handing nunjucks an object of names would read all of
 * them at once, and those that throw or must be fetched would spoil templates that never use them.
 */
function lookUpGlobals(environment: Environment): { lookup: Lookup } {
  const current: { lookup: Lookup } = { lookup: () => undefined };
  const withGlobals = environment as unknown as { globals: object };
  withGlobals.globals = new Proxy(withGlobals.globals, {
    has: () => true,
    get: (own, name, receiver) =>
      typeof name === 'symbol' || Object.hasOwn(own, name) ? (Reflect.get(own, name, receiver) as unknown) : current.lookup(name),
  });
  return current;
}

function addFilters(environment: Environment): void {
  const formats = {
    ds: 'yyyy-MM-dd',
    ds_nodash: 'yyyyMMdd',
    ts: TS,
    ts_nodash: "yyyyMMdd'T'HHmmss",
    ts_nodash_with_tz: "yyyyMMdd'T'HHmmssZZZ",
  };
  for (const [name, format] of Object.entries(formats)) {
    environment.addFilter(name, (date: unknown) => {
      if (!DateTime.isDateTime(date)) throw new Error(`the filter ${name} takes a date, such as data_interval_start`);
      return date.toFormat(format);
    });
  }
  environment.addFilter('tojson', (value: unknown, indent?: number) => JSON.stringify(value, null, indent));
}

export function failureOf(error: unknown): TemplateFailure {
  const syntax = error instanceof TemplateSyntaxError;
  const inner = (syntax ? error.cause : error) as { message?: string; lineno?: number; colno?: number };
  const message = String(inner.message ?? error)
    .replace(/^\(unknown path\)[^\n]*\n\s*/, '')
    .replace(/^\w*Error: /, '');
  const undefinedOutput = message.includes(UNDEFINED_OUTPUT);
  // nunjucks counts from 1 when it parses and when it prints, and from 0 when a call fails.
  const offset = syntax || undefinedOutput ? 0 : 1;
  return { message, line: (inner.lineno ?? 0) + offset, column: (inner.colno ?? 0) + offset, undefinedOutput };
}
