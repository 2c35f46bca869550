import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createDatabase } from '../src/db/embedded/create-database';
import { ensureEmbeddedPostgres } from '../src/db/embedded/embedded-postgres';
import { migrate } from '../src/db/migrate';
import { openDatabase } from '../src/db/database';
import { createDecide } from '../src/engine/decide';
import type { ClaimedAttempt, NewRun, SessionId } from '../src/ledger/ledger';
import { PostgresLedger } from '../src/ledger/postgres/postgres-ledger';
import { insertDag, insertPool } from '../test/support/factories';
import { median, type Benchmark } from './benchmark';

/**
 * What a run with 100,000 waiting task instances costs the others: hops of a chain in another DAG, each beside one in a database that
 * has nothing else to do, in turns. Once with the instances before the gate, as maxActiveTasks has it, once with all of them through it, in
 * the line of their full pool. Of the ledger alone: attention and hop, as the engine asks for them at every turn.
 */
export const waiting: Benchmark = async ({ smoke }) => {
  const [instances, pairs] = smoke ? [2_000, 5] : [100_000, 200];
  const home = mkdtempSync(path.join(os.tmpdir(), 'thence-bench-'));
  chmodSync(home, 0o755); // so that the user that Postgres runs as can reach it
  const server = await ensureEmbeddedPostgres(path.join(home, '.thence'));
  const scenes: Scene[] = [];
  try {
    for (const [name, maxActiveTasks] of [
      ['nothing', null],
      ['gate', 16],
      ['pool', instances],
    ] as const) {
      scenes.push(await Scene.open(await createDatabase(server.url, `bench_${name}`), instances, maxActiveTasks, pairs));
    }
    for (let pair = -5; pair < pairs; pair++) for (const scene of scenes) await scene.hop(pair >= 0);

    const [alone, ...beside] = scenes.map(({ took }) => median(took)) as [number, number, number];
    const line = (where: string, took: number) =>
      `${pairs} paired hops: median ${alone.toFixed(2)} ms alone, ${took.toFixed(2)} ms beside ${instances} task instances that wait ${where}; ratio ${(took / alone).toFixed(2)}`;
    return [line('for maxActiveTasks', beside[0]), line('for their pool', beside[1])];
  } finally {
    await Promise.all(scenes.map((scene) => scene.close()));
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
};

/** A database, a ledger on it, and a chain that is moved on hop by hop. */
class Scene {
  readonly took: number[] = [];
  private readonly decide = createDecide();
  private running: readonly ClaimedAttempt[] = [];

  private constructor(
    private readonly ledger: PostgresLedger,
    private readonly session: SessionId,
  ) {}

  /** @param maxActiveTasks of the waiting run; null: none waits */
  static async open(url: string, instances: number, maxActiveTasks: number | null, hops: number): Promise<Scene> {
    await migrate(url);
    const ledger = new PostgresLedger({ url });
    const info = { kind: 'test', host: 'bench', bootId: 'bench', pid: process.pid, version: '0', lanes: ['default'], capacity: 8, leaseMs: 3_600_000 } as const; // prettier-ignore
    const scene = new Scene(ledger, await ledger.openSession(info));
    const database = await openDatabase({ url, applicationName: 'thence-bench' });
    const ids = Array.from({ length: hops + 10 }, (_, i) => `t${i}`);
    await insertDag(database.pool, { dagId: 'chain', tasks: ids, edges: ids.slice(1).map((id, i) => [ids[i]!, id] as const) });
    if (maxActiveTasks !== null) {
      await insertPool(database.pool, 'slow', 1);
      const keys = [{ name: 'x', target: 'input', source: { kind: 'literal', length: instances } }] as const;
      const tasks = [{ id: 'many', pool: 'slow', expand: { kind: 'product', keys, maxMapLength: instances } } as const];
      await insertDag(database.pool, { dagId: 'waiting', maxActiveTasks, tasks });
      await scene.start('waiting');
      while ((await ledger.expandTasks(1)).length > 0) await scene.turn([]);
    }
    await database.pool.query('ANALYZE');
    await database.close();
    scene.running = await scene.start('chain');
    return scene;
  }

  private async start(dagId: string): Promise<readonly ClaimedAttempt[]> {
    const run: NewRun = {
      dagId,
      runId: dagId,
      runType: 'manual',
      logicalDate: null,
      interval: null,
      runAfter: Date.now(),
      conf: {},
      triggeredBy: 'test',
      triggeringUser: null,
      note: null,
      backfill: null,
    };
    await this.ledger.createRuns([run]);
    await this.ledger.startQueuedRuns(1);
    return this.turn([]);
  }

  /** As the engine's. */
  private async turn(ended: readonly ClaimedAttempt[]): Promise<readonly ClaimedAttempt[]> {
    const { runs } = await this.ledger.attention(this.session, ['default'], 1000);
    const outcome = { kind: 'success', returnValue: null, branch: null } as const;
    const outcomes = ended.map(({ attemptId }) => ({ attemptId, outcome, cpuMs: null, peakKb: null }));
    const request = { session: this.session, started: [], outcomes, runs, capacity: new Map([['default', 8]]) };
    return (await this.ledger.hop(request, this.decide)).claimed;
  }

  async hop(isMeasured: boolean): Promise<void> {
    const begin = performance.now();
    this.running = await this.turn(this.running);
    if (isMeasured) this.took.push(performance.now() - begin);
    if (this.running.length !== 1) throw new Error(`${this.running.length} tasks of the chain began`);
  }

  close(): Promise<void> {
    return this.ledger.close();
  }
}
