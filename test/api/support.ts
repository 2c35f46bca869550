import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import express from 'express';
import { createAuth } from '../../src/auth/create-auth';
import type { Auth } from '../../src/auth/auth';
import { hashPassword } from '../../src/auth/password';
import type { Commands } from '../../src/commands/commands';
import type { LogLine, LogStore } from '../../src/logs/log-store';
import type { ApiContext } from '../../webserver/api/route';
import { apiRouter } from '../../webserver/api/api-router';
import type { Config } from '../../src/config/config';
import { testConfig } from '../support/config';
import { testCipher } from '../support/web';
import { onServer } from '../support/test-postgres';
import { useTestDatabase, type TestDatabase } from '../support/database';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, or the text where it is none. */
  readonly body: any; // eslint-disable-line @typescript-eslint/no-explicit-any
}

export interface TestApi {
  readonly db: TestDatabase;
  readonly auth: Auth;
  readonly context: ApiContext;
  /** URL of the server. */
  readonly base: string;
  /** Signed in as `admin`, unless `headers` say otherwise. `body` is sent as JSON, a string as it is. */
  call(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** Cuts all connections to the database and refuses new ones, for as long as `work` takes. */
  withoutDatabase(work: () => Promise<void>): Promise<void>;
}

/** The real router over a real socket and a real database; every answer is also held against the OpenAPI schemas. */
export function useApi(parts: { commands?: (db: TestDatabase) => Commands; logs?: LogStore; config?: Partial<Config> } = {}): TestApi {
  const db = useTestDatabase();
  let server: Server;
  let base = '';
  let token = '';
  let context: ApiContext;

  beforeAll(async () => {
    await signUp();
    const auth = createAuth({ pool: db.pool, secretKey: 'of the tests, long enough' });
    token = await auth.issueToken({ username: 'admin', role: 'admin' });
    const silent = { debug: () => silent, info: () => silent, warn: () => silent, error: () => silent, child: () => silent } as never;
    context = {
      database: db.database,
      auth,
      commands: parts.commands?.(db) ?? ({} as Commands),
      logStore: parts.logs ?? memoryLogs(),
      config: testConfig({ dagsFolder: '/srv/dags', ...parts.config }),
      cipher: testCipher,
      logger: silent,
    };
    const app = express();
    const router = apiRouter(context, { checkAnswers: true });
    app.use(router);
    app.use('/below/here', router);
    app.use((_request, response) => void response.status(404).send('<html>a page</html>'));
    await new Promise<void>((resolve) => (server = app.listen(0, '127.0.0.1', () => resolve())));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const signUp = async () => {
    await db.pool.query("INSERT INTO app_user (username, password_hash, role) VALUES ('admin', $1, 'admin')", [
      await hashPassword('the password'),
    ]);
  };

  const call: TestApi['call'] = async (method, path, { body, headers } = {}) => {
    const response = await fetch(base + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = /^application\/json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  return {
    db,
    get auth() {
      return context.auth;
    },
    get context() {
      return context;
    },
    get base() {
      return base;
    },
    call,
    get: (path) => call('GET', path),
    withoutDatabase: async (work) => {
      const name = new URL(db.url).pathname.slice(1);
      await onServer(db.url, async (client) => {
        await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
        await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
        await work().finally(() => client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`));
      });
    },
  };
}

/** Positions are line numbers; a page has two lines, so that reading on is needed. */
export function memoryLogs(lines: readonly LogLine[] = []): LogStore {
  return {
    pathOf: () => '/nowhere',
    read: async (_ref, from = 0) => ({
      lines: lines.slice(from, from + 2),
      next: Math.min(lines.length, Math.max(from, Math.min(from + 2, lines.length))),
    }),
    append: async () => undefined,
    deleteRun: async () => undefined,
  };
}
