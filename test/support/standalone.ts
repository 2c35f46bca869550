/** A real `thence standalone` in a process group of its own, with a home and a dags folder in a temporary place. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { thenceCommand } from '../../src/config/package-root';
import { joinEmbeddedPostgres } from '../../src/db/embedded/embedded-postgres';
import { freePort } from '../../src/db/embedded/cluster';
import { eventually } from './eventually';

export class Standalone {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'thence-standalone-'));
  readonly home = path.join(this.folder, '.thence');
  readonly dagsFolder = path.join(this.folder, 'dags');
  private child: ChildProcess | null = null;
  private pool: pg.Pool | null = null;
  port = 0;
  output = '';

  constructor(private readonly env: Record<string, string> = {}) {
    chmodSync(this.folder, 0o755); // so that the user that Postgres runs as can reach it
    mkdirSync(this.dagsFolder);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  writeDag(name: string, source: string): void {
    writeFileSync(path.join(this.dagsFolder, name), source);
  }

  /** Resolves when the pages answer. */
  async start(): Promise<void> {
    this.port = await freePort();
    const child = spawn(process.execPath, [thenceCommand, 'standalone'], {
      cwd: this.folder,
      detached: true, // a process group of its own, to be killed as a whole
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        THENCE_HOME: this.home,
        THENCE_DAGS_FOLDER: this.dagsFolder,
        THENCE_PORT: String(this.port),
        THENCE_ADMIN_PASSWORD: 'secret-of-the-test',
        THENCE_LOAD_EXAMPLES: 'false',
        ...this.env,
      },
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (this.output += data.toString()));
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`standalone ended with ${child.exitCode}:\n${this.output}`);
      const response = await fetch(`${this.url}/healthz`);
      if (!response.ok) throw new Error(`healthz: ${response.status}\n${this.output}`);
    }, 60_000);
  }

  /** kill -9 of the whole group. The embedded Postgres is nobody's child and lives on. */
  async kill(): Promise<void> {
    const child = this.child!;
    const exited = once(child, 'exit');
    process.kill(-child.pid!, 'SIGKILL');
    await exited;
  }

  async stop(): Promise<void> {
    await this.pool?.end();
    this.pool = null;
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await exited;
    }
  }

  /** Stops everything, Postgres too, and deletes the folder. */
  async dispose(): Promise<void> {
    await this.stop();
    await (await joinEmbeddedPostgres(this.home))?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    this.pool ??= new pg.Pool({ connectionString: this.databaseUrl(), max: 2, application_name: 'thence-test' }).on(
      'error',
      () => undefined,
    );
    return (await this.pool.query<Row>(sql, values)).rows;
  }

  databaseUrl(): string {
    const { port } = JSON.parse(readFileSync(path.join(this.home, 'postgres.json'), 'utf8')) as { port: number };
    const password = readFileSync(path.join(this.home, 'postgres-password'), 'utf8').trim();
    return `postgres://thence:${password}@127.0.0.1:${port}/thence`;
  }

  private token: Promise<string> | null = null;

  /** A call of the REST API, logged in. */
  async api<T>(method: string, apiPath: string, body?: unknown): Promise<{ status: number; body: T }> {
    this.token ??= fetch(`${this.url}/auth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password: 'secret-of-the-test' }),
    }).then(async (response) => ((await response.json()) as { access_token: string }).access_token);
    const response = await fetch(`${this.url}/api/v2${apiPath}`, {
      method,
      headers: { authorization: `Bearer ${await this.token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
  }

  async waitForDag(dagId: string): Promise<void> {
    await eventually(async () => {
      const { status } = await this.api('GET', `/dags/${dagId}`);
      if (status !== 200) throw new Error(`DAG ${dagId} is not there: ${status}\n${this.output}`);
    }, 30_000);
  }

  /** Triggers a run of an unpaused DAG and returns its id. */
  async trigger(dagId: string, body: object = {}): Promise<string> {
    await this.api('PATCH', `/dags/${dagId}`, { is_paused: false });
    const { status, body: run } = await this.api<{ dag_run_id: string }>('POST', `/dags/${dagId}/dagRuns`, { logical_date: null, ...body });
    if (status !== 200) throw new Error(`trigger answered ${status}: ${JSON.stringify(run)}`);
    return run.dag_run_id;
  }

  async waitForRun(dagId: string, runId: string, timeoutMs = 60_000): Promise<string> {
    return eventually(async () => {
      const [run] = await this.query<{ state: string }>('SELECT state FROM dag_run WHERE dag_id = $1 AND run_id = $2', [dagId, runId]);
      if (!run || run.state === 'queued' || run.state === 'running')
        throw new Error(`run ${runId} is ${run?.state}\n${this.output.slice(-4000)}`);
      return run.state;
    }, timeoutMs);
  }
}
