/** Reads what a request carries by a route's schemas, and says what is wrong with it in the shape of FastAPI's 422. */
import { z } from 'zod';
import { ApiError, type ValidationProblem } from './api-error';

type Place = 'path' | 'query' | 'body';
type JsonSchema = { readonly type?: string | readonly string[]; readonly items?: JsonSchema; readonly anyOf?: readonly JsonSchema[] };

export function validate<T>(schema: z.ZodType<T>, value: unknown, place: Place, { hideInput = false } = {}): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => describe(issue, value, place, schema));
  throw new ApiError(422, hideInput ? problems.map(({ input: _, ...rest }) => rest) : problems);
}

/**
 * Query and path values are texts: gives each the type that its schema asks for, as far as it can be read so; what cannot stays a text,
 * and validation says so. Parameters that the schema does not have are left out. A list takes every occurrence, anything else the last.
 */
export function readTexts(schema: z.ZodObject, place: Place, texts: (name: string) => readonly string[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, kind] of kindsOf(schema)) {
    const given = texts(name);
    if (given.length === 0) continue;
    for (const text of given) {
      if (text.includes('\0'))
        throw new ApiError(422, [
          { type: 'value_error', loc: [place, name], msg: 'Value error, it contains the character NUL', input: text },
        ]);
    }
    values[name] = kind.isList ? given.map((text) => readText(kind.type, text)) : readText(kind.type, given.at(-1)!);
  }
  return values;
}

interface Kind {
  readonly type: string;
  readonly isList: boolean;
}
const kinds = new WeakMap<z.ZodObject, ReadonlyMap<string, Kind>>();

function kindsOf(schema: z.ZodObject): ReadonlyMap<string, Kind> {
  let known = kinds.get(schema);
  if (!known) {
    const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as { properties?: Record<string, JsonSchema> };
    known = new Map(
      Object.entries(properties).map(([name, property]) => {
        const isList = property.type === 'array';
        return [name, { isList, type: String((isList ? property.items : property)?.type) }];
      }),
    );
    kinds.set(schema, known);
  }
  return known;
}

const yes = /^(true|1|yes|on|t|y)$/i;
const no = /^(false|0|no|off|f|n)$/i;

function readText(type: string, text: string): unknown {
  if (type === 'integer' || type === 'number') return /^\s*[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\s*$/.test(text) ? Number(text) : text;
  if (type === 'boolean') return yes.test(text) ? true : no.test(text) ? false : text;
  return text;
}

function describe(issue: z.core.$ZodIssue, root: unknown, place: Place, schema: z.ZodType): ValidationProblem[] {
  const loc = [place, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  const input = at(root, issue.path);
  const isMissing = input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_union');
  if (isMissing) return [{ type: 'missing', loc, msg: 'Field required', input: at(root, issue.path.slice(0, -1)) ?? null }];
  switch (issue.code) {
    case 'invalid_type':
      return [{ ...typeProblem(isInteger(schema, issue.path[0]) ? 'int' : issue.expected), loc, input }];
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        type: 'extra_forbidden',
        loc: [...loc, key],
        msg: 'Extra inputs are not permitted',
        input: at(input, [key]),
      }));
    case 'invalid_value': {
      const expected = issue.values
        .map((value) => `'${String(value)}'`)
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1');
      return [{ type: 'enum', loc, msg: `Input should be ${expected}`, input, ctx: { expected } }];
    }
    case 'too_small':
      if (issue.origin === 'string')
        return [
          {
            type: 'string_too_short',
            loc,
            msg: `String should have at least ${issue.minimum} characters`,
            input,
            ctx: { min_length: issue.minimum },
          },
        ];
      return issue.inclusive
        ? [
            {
              type: 'greater_than_equal',
              loc,
              msg: `Input should be greater than or equal to ${issue.minimum}`,
              input,
              ctx: { ge: issue.minimum },
            },
          ]
        : [{ type: 'greater_than', loc, msg: `Input should be greater than ${issue.minimum}`, input, ctx: { gt: issue.minimum } }];
    case 'too_big':
      if (issue.origin === 'string')
        return [
          {
            type: 'string_too_long',
            loc,
            msg: `String should have at most ${issue.maximum} characters`,
            input,
            ctx: { max_length: issue.maximum },
          },
        ];
      return [
        { type: 'less_than_equal', loc, msg: `Input should be less than or equal to ${issue.maximum}`, input, ctx: { le: issue.maximum } },
      ];
    default:
      return [{ type: 'value_error', loc, msg: `Value error, ${issue.message}`, input }];
  }
}

/** zod says `number` for both. */
function isInteger(schema: z.ZodType, name: PropertyKey | undefined): boolean {
  return schema instanceof z.ZodObject && kindsOf(schema).get(String(name))?.type === 'integer';
}

function typeProblem(expected: string): { type: string; msg: string } {
  switch (expected) {
    case 'int':
      return { type: 'int_parsing', msg: 'Input should be a valid integer' };
    case 'number':
      return { type: 'float_parsing', msg: 'Input should be a valid number' };
    case 'boolean':
      return { type: 'bool_parsing', msg: 'Input should be a valid boolean' };
    case 'array':
      return { type: 'list_type', msg: 'Input should be a valid list' };
    case 'object':
    case 'record':
      return { type: 'dict_type', msg: 'Input should be a valid dictionary' };
    default:
      return { type: `${expected}_type`, msg: `Input should be a valid ${expected}` };
  }
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inside, part) => (inside === null || inside === undefined ? undefined : (inside as Record<PropertyKey, unknown>)[part]),
    value,
  );
}
