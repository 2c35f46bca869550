import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DAG, FileSensor, FunctionSensor, ShortCircuitOperator } from 'thence';
import type { Outcome, ResumeInfo } from '../../src/core/workload';
import { openRegistry } from '../../src/dag/registry';
import { stage } from './support';

beforeEach(() => openRegistry());

const hour = 3_600_000;
const waitOf = (outcome: Outcome) => {
  expect(outcome).toMatchObject({ kind: 'deferred' });
  return (outcome as Extract<Outcome, { kind: 'deferred' }>).wait;
};
const later = (event: ResumeInfo['event']) => ({ piece: 1, resume: { method: 'execute', event } });

test('a short circuit that closes has chosen nothing, an open one leaves all to itself', async () => {
  const dag = new DAG('d');
  new ShortCircuitOperator('gate', { dag, run: ({ tryNumber }) => tryNumber > 1 });
  const { run } = stage(dag);
  expect(await run('gate')).toEqual({ kind: 'success', returnValue: 'false', branch: [] });
  expect(await run('gate', { tryNumber: 2 })).toEqual({ kind: 'success', returnValue: 'true', branch: null });
});

describe('a deferrable sensor', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'thence-sensor-'));
  const make = (options: object = {}) => {
    openRegistry();
    const dag = new DAG('d');
    new FileSensor('wait', { dag, path: `${folder}/{{ ds }}*`, deferrable: true, timeout: { hours: 2 }, pokeInterval: 1000, ...options });
    return stage(dag);
  };

  it('defers with its templates filled in, for what is left of the try’s time', async () => {
    const begun = Date.now() - hour;
    const wait = waitOf(await make().run('wait', { tryStartedAt: begun, piece: 3 }));
    expect(wait).toMatchObject({ kind: 'file', args: { path: `${folder}/2026-01-31*` }, intervalMs: 1000, resume: 'execute' });
    expect(Math.abs(wait.timeoutAt! - (begun + 2 * hour))).toBeLessThan(60_000);
  });

  it('looks again when its wait is over: early, and it defers again; else it is done', async () => {
    const { run, value } = make();
    const woken = later({ kind: 'event', payload: { paths: [] } });
    expect(await run('wait', woken)).toMatchObject({ kind: 'deferred' });
    writeFileSync(path.join(folder, '2026-01-31.csv'), '');
    expect(await value('wait', woken)).toEqual([path.join(folder, '2026-01-31.csv')]);
    expect(await value('wait', later({ kind: 'timeout' }))).toHaveLength(1);
  });

  it('fails for good when nothing came in time, or is skipped; a wait that failed may be tried again', async () => {
    const nothing = { path: '/does/not/exist' };
    expect(await make(nothing).run('wait', later({ kind: 'timeout' }))).toMatchObject({
      kind: 'failed',
      retryable: false,
      error: { message: 'what it waits for did not come within its timeout of 7200 s' },
    });
    expect(await make({ ...nothing, softFail: true }).run('wait', later({ kind: 'timeout' }))).toMatchObject({ kind: 'skipped' });
    const failed = await make(nothing).run('wait', later({ kind: 'failed', message: 'no such folder' }));
    expect(failed).toMatchObject({
      kind: 'failed',
      retryable: true,
      error: { message: expect.stringContaining('no such folder') as string },
    });
  });
});

test('a rescheduled sensor goes on as the same try, whose time runs on', async () => {
  const dag = new DAG('d');
  new FunctionSensor('wait', { dag, mode: 'reschedule', timeout: { hours: 1 }, run: () => false });
  const { run } = stage(dag);
  expect(await run('wait')).toMatchObject({ kind: 'rescheduled' });
  expect(await run('wait', { piece: 1, tryStartedAt: Date.now() - hour / 2 })).toMatchObject({ kind: 'rescheduled' });
  expect(await run('wait', { piece: 2, tryStartedAt: Date.now() - hour })).toMatchObject({ kind: 'failed', retryable: false });
});

test('a mapped sensor finds its element in its options, rendered', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'thence-mapped-')), '2026-01-31');
  writeFileSync(file, '');
  const dag = new DAG('d');
  new FileSensor('wait', {
    dag,
    expand: { path: ['/does/not/exist', path.join(path.dirname(file), '{{ ds }}')] },
    timeout: 1,
    pokeInterval: 1,
  });
  const { run, value } = stage(dag);
  expect(await value('wait', { mapIndex: 1, mapLengths: [2] })).toEqual([file]);
  expect(await run('wait', { mapIndex: 0, mapLengths: [2] })).toMatchObject({ kind: 'failed', retryable: false });
});
