/** The configuration of a process: read once, validated, frozen. Nothing outside src/config reads process.env. Defaults are in load-config.ts. */
export interface Config {
  /** Absolute. Embedded database, logs, bundles, secret key. */
  readonly home: string;
  readonly dagsFolder: string;
  /** null: the embedded Postgres of `home`. */
  readonly databaseUrl: string | null;
  /** For LISTEN and session locks when databaseUrl is a pooler; null: databaseUrl. */
  readonly databaseDirectUrl: string | null;
  /** First is the default executor. */
  readonly executors: readonly string[];
  readonly parallelism: number;
  /** Triggers of users that one triggerer runs at once. */
  readonly triggererCapacity: number;
  readonly host: string;
  readonly port: number;
  /** Signs sessions and tokens, and encrypts variables and connections. null: generated into the home (0600) by the first process that needs it. */
  readonly secretKey: string | null;
  /** An earlier secretKey, to read with what it encrypted. */
  readonly secretKeyPrevious: string | null;
  /** 'file:' and an absolute folder, or the absolute path of a module; asked in this order, before all else. */
  readonly secretsBackends: readonly string[];
  /** Absolute paths of modules that export a Listener. */
  readonly listeners: readonly string[];
  /** Whether connections may be tested through the API, the pages and the command line. */
  readonly testConnection: boolean;
  readonly adminPassword: string | null;
  readonly baseUrl: string | null;
  readonly trustProxy: boolean;
  readonly dagRefreshIntervalMs: number;
  readonly dagFileTimeoutMs: number;
  readonly dagFileMemoryMb: number;
  readonly dagsPausedAtCreation: boolean;
  readonly maxXcomBytes: number;
  readonly maxLostTries: number;
  readonly leaseMs: number;
  readonly killGraceMs: number;
  /** Runs older than this are deleted; null keeps them. */
  readonly retentionMs: number | null;
  readonly loadExamples: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'pretty' | 'json';
  /** Lower-cased id → value of THENCE_CONN_<ID>. */
  readonly connections: { readonly [id: string]: string };
  /** Lower-cased key → value of THENCE_VAR_<KEY>; look a key up in lower case. */
  readonly variables: { readonly [key: string]: string };
}
