/**
 * The configuration of a process: options of the command line over environment over thence.config.* over defaults.
 * Everything is validated here, so that nothing later meets a wrong value; unknown names are errors, since a misspelled
 * variable that is silently ignored costs an afternoon.
 */
import path from 'node:path';
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { Config } from './config';
import { readConfigFile } from './config-file';
import { packageRoot } from './package-root';
import { findProjectFolder } from './project-folder';
import { defaults, settings } from './settings';
import type { Setting, SettingKey } from './settings';

export interface ConfigSources {
  /** Default: process.env. */
  readonly env?: { readonly [name: string]: string | undefined };
  /** Default: process.cwd(). */
  readonly cwd?: string;
  /** What the command line says; wins over everything. */
  readonly overrides?: Partial<Config>;
}

/** One line of `thence config list`. */
export interface ConfigEntry {
  readonly key: string;
  readonly variable: string;
  /** Secrets are masked. */
  readonly value: string;
  /** 'default', 'environment', 'command line', or the config file's path. */
  readonly source: string;
}

const CONN = 'THENCE_CONN_';
const VAR = 'THENCE_VAR_';

const sourcesOf = new WeakMap<Config, ReadonlyMap<string, string>>();

/** @throws ThenceError (CONFIG) that names the variable or key, what was given and what is allowed. */
export function loadConfig({ env = process.env, cwd = process.cwd(), overrides = {} }: ConfigSources = {}): Config {
  const project = findProjectFolder(cwd);
  const values: { [field: string]: unknown } = {
    ...defaults,
    home: project.home,
    dagsFolder: project.dagsFolder,
    // A clone of the repository shows its examples; an installed package does not.
    loadExamples: path.resolve(cwd) === packageRoot,
    connections: {},
    variables: {},
  };
  const sources = new Map<string, string>();
  const apply = (changes: { readonly [field: string]: unknown }, source: string) => {
    for (const [field, value] of Object.entries(changes)) {
      if (value === undefined) continue;
      values[field] = isFamily(field) ? { ...(values[field] as object), ...(value as object) } : value;
      if (!isFamily(field)) sources.set(field, source);
      else for (const name of Object.keys(value as object)) sources.set(`${field}.${name}`, source);
    }
  };

  if (project.configFile !== null) apply(fromFile(project.configFile), project.configFile);
  apply(fromEnvironment(env, cwd), 'environment');
  apply(overrides, 'command line');

  const config = deepFreeze(values) as unknown as Config;
  sourcesOf.set(config, sources);
  return config;
}

/** Each value and where it came from, in a fixed order. */
export function describeConfig(config: Config): ConfigEntry[] {
  const sources = sourcesOf.get(config) ?? new Map<string, string>();
  const single = settings.map((setting) => ({
    key: setting.key,
    variable: setting.variable,
    value: shown(setting, config[setting.field]),
    source: sources.get(setting.field) ?? 'default',
  }));
  const family = (field: 'connections' | 'variables', prefix: string) =>
    Object.keys(config[field])
      .sort()
      .map((name) => ({
        key: `${field}.${name}`,
        variable: prefix + name.toUpperCase(),
        value: '***',
        source: sources.get(`${field}.${name}`) ?? 'default',
      }));
  return [...single, ...family('connections', CONN), ...family('variables', VAR)];
}

function shown(setting: Setting, value: Config[SettingKey]): string {
  if (value === null) return '';
  const text = typeof value === 'object' ? value.join(',') : String(value);
  return setting.mask === null ? text : setting.mask(text);
}

function fromFile(file: string): { [field: string]: unknown } {
  const byKey = new Map(settings.map((setting) => [setting.key, setting]));
  const changes: { [field: string]: unknown } = {};
  for (const [key, value] of Object.entries(readConfigFile(file))) {
    if (isFamily(key)) changes[key] = familyOf(value, key, file);
    else if (!byKey.has(key)) throw unknown(`key "${key}" in ${file}`, key, [...byKey.keys(), 'connections', 'variables']);
    else if (value !== undefined && value !== null)
      changes[byKey.get(key)!.field] = parse(byKey.get(key)!, value, path.dirname(file), `"${key}" in ${file}`);
  }
  return changes;
}

/** An empty variable counts as unset, as `THENCE_PORT= thence …` means it. */
function fromEnvironment(env: { readonly [name: string]: string | undefined }, cwd: string): { [field: string]: unknown } {
  const byVariable = new Map(settings.map((setting) => [setting.variable, setting]));
  const changes: { [field: string]: unknown } = {};
  const connections: { [id: string]: string } = {};
  const variables: { [key: string]: string } = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('THENCE_') || value === undefined) continue;
    if (name.startsWith(CONN)) connections[name.slice(CONN.length).toLowerCase()] = value;
    else if (name.startsWith(VAR)) variables[name.slice(VAR.length).toLowerCase()] = value;
    else if (!byVariable.has(name)) throw unknown(`environment variable ${name}`, name, [...byVariable.keys()]);
    else if (value !== '') changes[byVariable.get(name)!.field] = parse(byVariable.get(name)!, value, cwd, `${name} in the environment`);
  }
  return { ...changes, connections, variables };
}

function parse(setting: Setting, value: unknown, base: string, where: string): Config[SettingKey] {
  const parsed = setting.schema(base).safeParse(value);
  if (parsed.success) return parsed.data;
  const given = typeof value === 'string' ? value : JSON.stringify(value);
  throw new ThenceError('CONFIG', `${where} is "${setting.mask?.(given) ?? given}"; allowed is ${setting.allowed}`);
}

function familyOf(value: unknown, key: string, file: string): { [name: string]: string } {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
  if (entries?.every(([, text]) => typeof text === 'string') !== true) {
    throw new ThenceError('CONFIG', `"${key}" in ${file} has to be an object of texts, as in: ${key}: { name: 'text' }`);
  }
  return Object.fromEntries(entries.map(([name, text]) => [name.toLowerCase(), text as string]));
}

function unknown(what: string, given: string, known: readonly string[]): ThenceError {
  return new ThenceError('CONFIG', `unknown ${what}${didYouMean(given, known) || '.'} "thence config list" shows all settings.`);
}

function isFamily(field: string): boolean {
  return field === 'connections' || field === 'variables';
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  return Object.freeze(value);
}
