import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  BaseSensor,
  DAG,
  DateTimeSensor,
  DeferralTimeout,
  FailError,
  FileSensor,
  FunctionSensor,
  HttpSensor,
  SkipError,
  SqlSensor,
  TimeDeltaSensor,
  Trigger,
  TriggerFailed,
  type PokeResult,
  type SensorOptions,
} from 'thence';
import type { BuiltInWait } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { taskEndOf } from '../../src/dag/task-errors';
import { useTestDatabase } from '../support/database';
import { useHttpServer } from '../support/http-server';
import { contextFor, type ContextValues, type Deferred } from '../support/task-context';

const server = useHttpServer();
const db = useTestDatabase({ migrated: false });
let dag: DAG;
let made = 0;
beforeEach(() => {
  openRegistry();
  dag = new DAG('d', { timezone: 'Europe/Zurich' });
});

/** Answers with each in turn, the last one for ever. */
class Looks extends BaseSensor<string, { answers: readonly PokeResult<string>[]; wait?: BuiltInWait | Trigger }> {
  static override readonly optionNames = ['answers', 'wait'];
  looks = 0;
  poke(): PokeResult<string> {
    const { answers } = this.options;
    return answers[Math.min(this.looks++, answers.length - 1)]!;
  }
  override waitFor() {
    return this.options.wait ?? null;
  }
}

const sensor = (answers: readonly PokeResult<string>[], options: SensorOptions & { wait?: BuiltInWait | Trigger } = {}) =>
  new Looks('wait', { dag: new DAG(`d${++made}`), answers, pokeInterval: 1, ...options });
const thrownBy = (task: { execute(context: never): unknown }, values: ContextValues = {}) =>
  Promise.resolve()
    .then(() => task.execute(contextFor({ dag, ...values }) as never))
    .then(
      () => null,
      (error: unknown) => error,
    );
const hour = 3_600_000;
const long = { startDate: Date.now() - 2 * hour, timeout: { hours: 1 } };

describe('a sensor in mode poke', () => {
  it('looks until it is done; the value is the output', async () => {
    const task = sensor([false, { done: false, value: 'early' }, { done: true, value: 'x' }]);
    expect(await task.execute(contextFor({}))).toBe('x');
    expect(task.looks).toBe(3);
    expect(await sensor([true]).execute(contextFor({}))).toBeUndefined();
  });

  it('stops waiting when the try has to stop', async () => {
    const controller = new AbortController();
    const waiting = thrownBy(sensor([false], { pokeInterval: { hours: 1 } }), { signal: controller.signal });
    controller.abort(new Error('stopped'));
    expect(await waiting).toMatchObject({ message: 'stopped' });
  });
});

describe('the timeout', () => {
  it('counts from the beginning of the try, looks once more, and fails without a retry', async () => {
    const { startDate, timeout } = long;
    const late = sensor([false], { timeout });
    const error = await thrownBy(late, { startDate });
    expect(error).toBeInstanceOf(FailError);
    expect(error).toMatchObject({ message: 'what it waits for did not come within its timeout of 3600 s' });
    expect(late.looks).toBe(1);
    expect(await sensor([true], { timeout }).execute(contextFor({ startDate }))).toBeUndefined();
  });

  it('skips with softFail, as does a FailError; any other error fails', async () => {
    const { startDate, timeout } = long;
    expect(await thrownBy(sensor([false], { timeout, softFail: true }), { startDate })).toBeInstanceOf(SkipError);
    const throwing = (error: Error) =>
      new FunctionSensor('f', {
        dag: new DAG('other'),
        softFail: true,
        run: () => {
          throw error;
        },
      });
    expect(await thrownBy(throwing(new FailError('never')))).toMatchObject({ name: 'SkipError', message: 'never' });
    expect(await thrownBy(throwing(new Error('odd')))).toMatchObject({ name: 'Error', message: 'odd' });
  });
});

const rescheduledAfter = async (task: Looks, values: ContextValues = {}) => {
  const before = Date.now();
  const end = taskEndOf(await thrownBy(task, values));
  return end?.kind === 'reschedule' ? Math.round((end.at - before) / 60_000) : end;
};

describe('a sensor in mode reschedule', () => {
  const piece = (n: number) => ({ engine: { piece: n } });

  it('looks once and ends until the next look', async () => {
    const task = sensor([false], { mode: 'reschedule', pokeInterval: { minutes: 10 } });
    expect(await rescheduledAfter(task)).toBe(10);
    expect(task.looks).toBe(1);
  });

  it('waits twice as long after each look with exponentialBackoff, up to maxWait, and never past the timeout', async () => {
    const options = { mode: 'reschedule', pokeInterval: { minutes: 10 }, exponentialBackoff: true } as const;
    expect(await rescheduledAfter(sensor([false], options), piece(0))).toBe(10);
    expect(await rescheduledAfter(new Looks('b', { dag, answers: [false], ...options }), piece(3))).toBe(80);
    expect(await rescheduledAfter(new Looks('c', { dag, answers: [false], ...options, maxWait: { hours: 1 } }), piece(3))).toBe(60);
    const late = { ...piece(3), startDate: Date.now() - 55 * 60_000 };
    expect(await rescheduledAfter(new Looks('e', { dag, answers: [false], ...options, timeout: { hours: 1 } }), late)).toBe(5);
  });
});

describe('a deferrable sensor', () => {
  class Bell extends Trigger<{ n: number }> {
    static kind = 'bell';

    async *run() {
      await Promise.resolve();
    }
  }
  const deferred = async (task: Looks, values: ContextValues = {}) => {
    const { trigger, options } = (await thrownBy(task, values)) as Deferred;
    return { trigger, ...options };
  };

  it('looks once, and leaves its wait to the triggerer for the rest of its timeout', async () => {
    const wait = { kind: 'file', args: { path: '/x' } } as const;
    const now = Date.now();
    const found = await deferred(sensor([false], { deferrable: true, wait, pokeInterval: 1000, timeout: { hours: 1 } }), {
      startDate: now - hour / 2,
    });
    expect(found).toMatchObject({ trigger: { ...wait, intervalMs: 1000 }, resume: 'execute' });
    expect((found.trigger as { firstCheckAt: number }).firstCheckAt).toBeGreaterThanOrEqual(now + 1000);
    expect(Math.abs((found.timeout as number) - hour / 2)).toBeLessThan(60_000);
  });

  it('hands on how its looks become rarer', async () => {
    const wait = { kind: 'file', args: { path: '/x' } } as const;
    const options = { deferrable: true, wait, pokeInterval: 1000, exponentialBackoff: true, maxWait: 5000 };
    expect((await deferred(sensor([false], options))).trigger).toMatchObject({ args: { path: '/x', backoffToMs: 5000 }, intervalMs: 1000 });
  });

  it('waits by a Trigger of one’s own, or just for the time of its next look', async () => {
    const bell = new Bell({ n: 1 });
    expect((await deferred(sensor([false], { deferrable: true, wait: bell }))).trigger).toBe(bell);
    const now = Date.now();
    const { trigger } = await deferred(new Looks('plain', { dag, answers: [false], deferrable: true, pokeInterval: { minutes: 5 } }));
    expect(trigger).toMatchObject({ kind: 'time' });
    expect(Math.round(((trigger as { args: { at: number } }).args.at - now) / 60_000)).toBe(5);
  });

  it('looks once more when the wait has timed out; what the trigger failed with fails the try', async () => {
    const context = contextFor({});
    expect(await sensor([{ done: true, value: 'x' }], { deferrable: true }).onDeferralError(context, new DeferralTimeout('t'))).toBe('x');
    const never = new Looks('never', { dag, answers: [false], deferrable: true });
    await expect(never.onDeferralError(context, new DeferralTimeout('t'))).rejects.toBeInstanceOf(FailError);
    await expect(never.onDeferralError(context, new TriggerFailed('broken'))).rejects.toThrow('broken');
  });
});

test('options that exclude each other, or are misspelled, are errors of the DAG file', () => {
  expect(() => sensor([], { deferrable: true, mode: 'poke' })).toThrow(/`deferrable` and a `mode`/);
  expect(() => new Looks('b', { dag, answers: [], maxWait: 5 })).toThrow(/`maxWait`, which limits `exponentialBackoff`/);
  expect(() => new Looks('c', { dag, answers: [], pokeIntervall: 5 } as never)).toThrow(
    /unknown option `pokeIntervall`.*did you mean "pokeInterval"/,
  );
  expect(() => new Looks('e', { dag, answers: [], mode: 'repoke' } as never)).toThrow(
    /`mode` of task "e".* is "repoke"; allowed is one of 'poke', 'reschedule'/,
  );
});

test('a FunctionSensor asks a function', async () => {
  let n = 0;
  const task = new FunctionSensor('f', { dag, pokeInterval: 1, run: async ({ ds }) => ({ done: ++n === 2, value: `${ds} ${n}` }) });
  expect(await task.execute(contextFor({}))).toBe('2026-01-31 2');
});

test('a FileSensor finds a file, a folder, or what fits a pattern', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'thence-files-'));
  const look = (name: string) =>
    new FileSensor(`s${name.length}`, { dag: new DAG(`f${name.length}`), path: path.join(folder, name) }).poke();
  expect(await look('a.csv')).toEqual({ done: false, value: [] });
  mkdirSync(path.join(folder, 'in/deep/er'), { recursive: true });
  for (const name of ['a.csv', 'b.tsv', '.hidden.csv', 'in/c.csv', 'in/deep/er/d.csv']) writeFileSync(path.join(folder, name), '');
  const names = async (pattern: string) => ((await look(pattern)) as { value: string[] }).value.map((file) => path.relative(folder, file));
  expect(await names('a.csv')).toEqual(['a.csv']);
  expect(await names('*.{csv,tsv}')).toEqual(['a.csv', 'b.tsv']);
  expect(await names('[!b].?sv')).toEqual(['a.csv']);
  expect(await names('**/*.csv')).toEqual(['a.csv', 'in/c.csv', 'in/deep/er/d.csv']);
  expect(await names('in')).toEqual(['in']);
  expect(await names('nowhere/*.csv')).toEqual([]);
  const odd = 'run-1 (2026-01-31) a+b^c&d~$.[x]{y}|é.csv';
  writeFileSync(path.join(folder, 'in', odd), '');
  expect(await names(`in/${odd.slice(0, 27)}*`)).toEqual([`in/${odd}`]);
  expect(await names('in/run-[0-9]*[é&~^].csv')).toEqual([`in/${odd}`]);
  expect(await names('in/run-[^0-9]*')).toEqual([]);
  await expect(names('in/[z-a]')).rejects.toThrow('the pattern "[z-a]" is not one');
  expect(new FileSensor('rel', { dag, path: 'x' }).waitFor()).toEqual({ kind: 'file', args: { path: path.resolve('x') } });
});

test('an HttpSensor waits through 404 and no answer, fails on other statuses, and may look into the answer', async () => {
  const look = (options: object = {}) => new HttpSensor('h', { dag: new DAG('h'), url: server.url, ...options }).poke(contextFor({}));
  server.answer = () => ({ status: 404 });
  expect(await look()).toBe(false);
  server.answer = () => ({ status: 503, body: 'soon' });
  await expect(look()).rejects.toThrow('status 503: soon');
  expect(await look({ waitStatuses: [404, 503] })).toBe(false);
  expect(await look({ url: 'http://127.0.0.1:65533/' })).toBe(false);
  server.answer = () => ({ body: null });
  expect(await look({ timeout: 50 })).toBe(false);
  server.answer = () => ({ body: 'ready' });
  expect(await look()).toBe(true);
  expect(await look({ responseCheck: ({ text }: { text: string }) => ({ done: text === 'ready', value: text }) })).toEqual({
    done: true,
    value: 'ready',
  });
  const wait = new HttpSensor('w', { dag, connection: 'c', url: 'x' }).waitFor();
  expect(wait).toMatchObject({ kind: 'http', args: { request: { connection: 'c', url: 'x', method: 'GET' }, notYet: [404] } });
});

test('an SqlSensor waits for a first value that is true, or that its check accepts', async () => {
  const look = (sql: string, options: object = {}) =>
    new SqlSensor('s', { dag: new DAG('s'), url: db.url, sql, ...options }).poke(contextFor({}));
  for (const no of ["''", '0', 'false', 'NULL', "'f'"]) expect(await look(`SELECT ${no}`)).toMatchObject({ done: false });
  for (const yes of ["'a'", '2', 'true', "'{}'::jsonb"]) expect(await look(`SELECT ${yes}`)).toMatchObject({ done: true });
  expect(await look('SELECT 1 WHERE false')).toBe(false);
  await expect(look('SELECT 1 WHERE false', { failOnEmpty: true })).rejects.toBeInstanceOf(FailError);
  expect(
    await look('SELECT $1::int AS n, 7 AS m', {
      parameters: [0],
      check: (value: unknown, row: { m: number }) => value === 0 && row.m === 7,
    }),
  ).toEqual({
    done: true,
    value: 0,
  });
  const task = new SqlSensor('w', { dag, connection: 'c', sql: 'SELECT 1' });
  expect(task.waitFor()).toEqual({ kind: 'sql', args: { connection: 'c', sql: 'SELECT 1', parameters: [] } });
  expect(new SqlSensor('x', { dag, connection: 'c', sql: 'SELECT 1', check: Boolean }).waitFor()).toBeNull();
});

test('a DateTimeSensor and a TimeDeltaSensor wait for a moment, in every mode until exactly then', async () => {
  const context = contextFor({ dag, logicalDate: '2026-03-28T05:00:00Z', dataIntervalEnd: '2026-03-28T06:00:00Z' });
  const at = (wait: BuiltInWait) => (wait.kind === 'time' ? new Date(wait.args.at).toISOString() : null);
  expect(at(new DateTimeSensor('a', { dag, targetTime: '2026-01-31T06:00' }).waitFor(context))).toBe('2026-01-31T05:00:00.000Z');
  expect(at(new DateTimeSensor('b', { dag, targetTime: new Date(0) }).waitFor(context))).toBe('1970-01-01T00:00:00.000Z');
  // A day of 23 hours in Zurich.
  const delta = { dag, delta: { days: 1 } };
  const interval = contextFor({ dag, logicalDate: '2026-03-27T06:00:00Z' });
  expect(at(new TimeDeltaSensor('c', delta).waitFor(interval))).toBe('2026-03-29T05:00:00.000Z');
  expect(new DateTimeSensor('e', { dag, targetTime: '2026-01-31' }).poke(context)).toBe(true);
  const soon = new Date(Date.now() + 300_000);
  const end = taskEndOf(await thrownBy(new DateTimeSensor('f', { dag, targetTime: soon, mode: 'reschedule' })));
  expect(end).toEqual({ kind: 'reschedule', at: soon.getTime() });
  const { trigger } = (await thrownBy(new DateTimeSensor('g', { dag, targetTime: soon, deferrable: true }))) as Deferred;
  expect(trigger).toEqual({ kind: 'time', args: { at: soon.getTime() } });
  expect(() => new DateTimeSensor('h', { dag, targetTime: 'tomorrow' })).toThrow(
    /`targetTime` of task "h".* is "tomorrow"; allowed is an ISO 8601/,
  );
});
