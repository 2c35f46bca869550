/** A web server over a test's database, on a port of its own, and a visitor who keeps cookies. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Auth } from '../../src/auth/auth';
import type { Config } from '../../src/config/config';
import type { LogStore } from '../../src/logs/log-store';
import { createWebserver } from '../../webserver/server';
import { testConfig } from './config';
import type { TestDatabase } from './database';
import { MemoryLogs } from './ui-fixtures';
import { recordingCommands, silentLogger, testAuth, testCipher } from './web';

export interface TestWebserver {
  readonly url: string;
  readonly commands: ReturnType<typeof recordingCommands>;
  /** Signed in as admin. */
  visitor(): Promise<Visitor>;
  close(): Promise<void>;
}

export async function startTestWebserver(
  test: TestDatabase,
  { config = {}, logStore = new MemoryLogs(), auth = testAuth }: { config?: Partial<Config>; logStore?: LogStore; auth?: Auth } = {},
): Promise<TestWebserver> {
  const commands = recordingCommands(test.pool);
  const app = createWebserver({
    config: testConfig(config),
    database: test.database,
    auth,
    commands,
    logStore,
    secretKey: 'a key for tests',
    cipher: testCipher,
    logger: silentLogger,
    metrics: async () => 'thence_up 1\n',
  });
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    commands,
    async visitor() {
      const visitor = new Visitor(url);
      await visitor.post('/login', { username: 'admin', password: 'admin' });
      return visitor;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Follows no redirect by itself. */
export class Visitor {
  private readonly cookies = new Map<string, string>();

  constructor(private readonly base: string) {}

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.send(path, { headers });
  }

  async post(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return this.send(path, { method: 'POST', body: new URLSearchParams(form), headers });
  }

  /** The CSRF token that forms of this session carry. */
  async token(path = '/dags'): Promise<string> {
    const html = await (await this.get(path)).text();
    return /data-csrf="([^"]+)"/.exec(html)?.[1] ?? '';
  }

  cookie(name: string): string | undefined {
    return this.cookies.get(name);
  }

  private async send(path: string, init: RequestInit): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.base + path, { redirect: 'manual', ...init, headers: { ...(init.headers as object), cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';')[0]!.split('=', 2);
      this.cookies.set(name, value);
    }
    return response;
  }
}
