import path from 'node:path';
import { z } from 'zod';
import { ALLOWED_DURATIONS, durationToMs } from '../core/duration';
import type { Config } from './config';

/** One setting: its names, its default, what a value may be. The order is that of `thence config list`. */
export interface Setting<Key extends SettingKey = SettingKey> {
  /** Its field in Config. */
  readonly field: Key;
  /** Its key in thence.config.*. */
  readonly key: string;
  readonly variable: string;
  /** What is allowed, for messages: 'a whole number from 1 to 1000'. */
  readonly allowed: string;
  /** The text to show instead of the value; null when it may be shown. */
  readonly mask: ((value: string) => string) | null;
  /** Parses what was typed; relative paths start at `base` (the working directory, or the folder of the config file). */
  schema(base: string): z.ZodType<Config[Key]>;
}

/** Settings that have one value each; connections and variables are families of variables. */
export type SettingKey = Exclude<keyof Config, 'connections' | 'variables'>;

/** Homes and examples depend on the place and are decided in load-config.ts. */
export const defaults: Omit<Config, 'home' | 'dagsFolder' | 'loadExamples' | 'connections' | 'variables'> = {
  databaseUrl: null,
  databaseDirectUrl: null,
  executors: ['local'],
  parallelism: 32,
  triggererCapacity: 1_000,
  host: '127.0.0.1',
  port: 8080,
  secretKey: null,
  secretKeyPrevious: null,
  secretsBackends: [],
  listeners: [],
  testConnection: false,
  adminPassword: null,
  baseUrl: null,
  trustProxy: false,
  dagRefreshIntervalMs: 5 * 60_000,
  dagFileTimeoutMs: 30_000,
  dagFileMemoryMb: 512,
  dagsPausedAtCreation: true,
  maxXcomBytes: 1024 * 1024,
  maxLostTries: 2,
  leaseMs: 15_000,
  killGraceMs: 10_000,
  retentionMs: null,
  logLevel: 'info',
  logFormat: 'pretty',
};

const hidden = () => '***';

export const settings: readonly Setting[] = [
  folder('home', 'THENCE_HOME'),
  folder('dagsFolder', 'THENCE_DAGS_FOLDER'),
  postgresUrl('databaseUrl', 'THENCE_DATABASE_URL'),
  postgresUrl('databaseDirectUrl', 'THENCE_DATABASE_DIRECT_URL'),
  setting({
    field: 'executors',
    key: 'executor',
    variable: 'THENCE_EXECUTOR',
    allowed: 'local, thread, or the path of a module that exports an Executor; several with commas between them',
    schema: executors,
  }),
  integer('parallelism', 'THENCE_PARALLELISM', 1, 10_000),
  integer('triggererCapacity', 'THENCE_TRIGGERER_CAPACITY', 1, 1_000_000),
  text('host', 'THENCE_HOST', 'a host name or address to listen on'),
  integer('port', 'THENCE_PORT', 0, 65_535),
  secret('secretKey', 'THENCE_SECRET_KEY', 16),
  secret('secretKeyPrevious', 'THENCE_SECRET_KEY_PREVIOUS', 16),
  setting({
    field: 'secretsBackends',
    key: 'secretsBackend',
    variable: 'THENCE_SECRETS_BACKEND',
    allowed: 'file: and a folder, or the path of a module that exports a SecretsBackend; several with commas between them',
    schema: secretsBackends,
  }),
  setting({
    field: 'listeners',
    variable: 'THENCE_LISTENERS',
    allowed: 'the path of a module that exports a `listener`; several with commas between them',
    schema: modules,
  }),
  flag('testConnection', 'THENCE_TEST_CONNECTION'),
  secret('adminPassword', 'THENCE_ADMIN_PASSWORD', 1),
  setting({
    field: 'baseUrl',
    variable: 'THENCE_BASE_URL',
    allowed: 'an http(s) URL',
    schema: () => z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')),
  }),
  flag('trustProxy', 'THENCE_TRUST_PROXY'),
  duration('dagRefreshIntervalMs', 'dagRefreshInterval', 'THENCE_DAG_REFRESH_INTERVAL'),
  duration('dagFileTimeoutMs', 'dagFileTimeout', 'THENCE_DAG_FILE_TIMEOUT'),
  integer('dagFileMemoryMb', 'THENCE_DAG_FILE_MEMORY_MB', 64, 1_000_000),
  flag('dagsPausedAtCreation', 'THENCE_DAGS_PAUSED_AT_CREATION'),
  integer('maxXcomBytes', 'THENCE_MAX_XCOM_BYTES', 1, 1024 ** 3),
  integer('maxLostTries', 'THENCE_MAX_LOST_TRIES', 0, 1000),
  duration('leaseMs', 'lease', 'THENCE_LEASE'),
  duration('killGraceMs', 'killGrace', 'THENCE_KILL_GRACE'),
  duration('retentionMs', 'retention', 'THENCE_RETENTION'),
  flag('loadExamples', 'THENCE_LOAD_EXAMPLES'),
  choice('logLevel', 'THENCE_LOG_LEVEL', ['debug', 'info', 'warn', 'error']),
  choice('logFormat', 'THENCE_LOG_FORMAT', ['pretty', 'json']),
];

type Described<Key extends SettingKey> = Omit<Setting<Key>, 'key' | 'mask'> & Partial<Pick<Setting<Key>, 'key' | 'mask'>>;

function setting<Key extends SettingKey>(described: Described<Key>): Setting {
  return { key: described.field, mask: null, ...described };
}

function folder(field: 'home' | 'dagsFolder', variable: string): Setting {
  return setting({
    field,
    variable,
    allowed: 'the path of a folder',
    schema: (base) => z.string().transform((given) => path.resolve(base, given)),
  });
}

function text(field: 'host', variable: string, allowed: string): Setting {
  return setting({ field, variable, allowed, schema: () => z.string().regex(/^\S+$/) });
}

function secret(field: 'secretKey' | 'secretKeyPrevious' | 'adminPassword', variable: string, least: number): Setting {
  return setting({
    field,
    variable,
    allowed: `a text of at least ${least} character${least === 1 ? '' : 's'}`,
    mask: hidden,
    schema: () => z.string().min(least),
  });
}

function integer(
  field: 'parallelism' | 'triggererCapacity' | 'port' | 'dagFileMemoryMb' | 'maxXcomBytes' | 'maxLostTries',
  variable: string,
  least: number,
  most: number,
): Setting {
  const typed = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]);
  return setting({
    field,
    variable,
    allowed: `a whole number from ${least} to ${most}`,
    schema: () => typed.pipe(z.int().min(least).max(most)),
  });
}

function flag(field: 'trustProxy' | 'testConnection' | 'dagsPausedAtCreation' | 'loadExamples', variable: string): Setting {
  return setting({ field, variable, allowed: 'true or false', schema: () => z.union([z.boolean(), z.stringbool()]) });
}

function choice<Key extends 'logLevel' | 'logFormat'>(field: Key, variable: string, values: readonly Config[Key][]): Setting {
  return setting({
    field,
    variable,
    allowed: values.join(', '),
    schema: () => z.enum(values as readonly string[]) as unknown as z.ZodType<Config[Key]>,
  });
}

/** A variable is text: digits are milliseconds. */
function duration(
  field: 'dagRefreshIntervalMs' | 'dagFileTimeoutMs' | 'leaseMs' | 'killGraceMs' | 'retentionMs',
  key: string,
  variable: string,
): Setting {
  const schema = z
    .unknown()
    .transform((given) => toMilliseconds(typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given))
    .pipe(z.int().positive());
  return setting({ field, key, variable, allowed: ALLOWED_DURATIONS, schema: () => schema });
}

/** NaN, which no schema accepts, for what is not a duration. */
function toMilliseconds(given: unknown): number {
  try {
    return durationToMs(given, '');
  } catch {
    return NaN;
  }
}

function postgresUrl(field: 'databaseUrl' | 'databaseDirectUrl', variable: string): Setting {
  return setting({
    field,
    variable,
    allowed: 'a URL such as postgres://user:password@host:5432/database',
    mask: maskUrl,
    schema: () => z.url({ protocol: /^postgres(ql)?$/ }),
  });
}

/** The URL without its password; *** when it is no URL. */
export function maskUrl(given: string): string {
  try {
    const url = new URL(given);
    if (url.password !== '') url.password = '***';
    for (const name of url.searchParams.keys()) if (/pass|secret|token|key/i.test(name)) url.searchParams.set(name, '***');
    return url.toString();
  } catch {
    return hidden();
  }
}

const isModule = (name: string) => /[\\/]|\.[cm]?[jt]s$/.test(name);

function executors(base: string): z.ZodType<readonly string[]> {
  return z
    .union([z.string().transform((list) => list.split(',').map((name) => name.trim())), z.array(z.string())])
    .pipe(z.array(z.string().refine((name) => name === 'local' || name === 'thread' || isModule(name))).min(1))
    .transform((names) => names.map((name) => (isModule(name) ? path.resolve(base, name) : name)));
}

function modules(base: string): z.ZodType<readonly string[]> {
  return z
    .union([z.string().transform((list) => list.split(',').map((name) => name.trim())), z.array(z.string())])
    .pipe(z.array(z.string().refine(isModule)))
    .transform((names) => names.map((name) => path.resolve(base, name)));
}

function secretsBackends(base: string): z.ZodType<readonly string[]> {
  const folderOf = (name: string) => /^file:(?:\/\/(?=\/))?(.+)$/.exec(name)?.[1];
  return z
    .union([z.string().transform((list) => list.split(',').map((name) => name.trim())), z.array(z.string())])
    .pipe(z.array(z.string().refine((name) => folderOf(name) !== undefined || isModule(name))))
    .transform((names) =>
      names.map((name) => {
        const folder = folderOf(name);
        return folder === undefined ? path.resolve(base, name) : `file:${path.resolve(base, folder)}`;
      }),
    );
}
