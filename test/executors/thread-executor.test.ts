import { ThreadExecutor } from '../../executors/thread/thread-executor';
import { describeExecutor } from './conformance';
import { startHarness } from './harness';

const make = (home: string, hostMemoryMb?: number) =>
  new ThreadExecutor({ home, killGraceMs: 500, maxThreads: 4, threadHeapMb: 100, hostMemoryMb });

describeExecutor('thread', make, { runsIn: 'thread' });

describe('the executor host', () => {
  test('a crash of the host loses all attempts in it, says so, and a new host takes the next', async () => {
    const run = await startHarness((home) => make(home));
    const neighbour = run.task('waits');
    run.begin(neighbour);
    const crashing = run.task('aborts');
    run.begin(crashing);
    for (const task of [neighbour, crashing]) {
      expect((await run.ended(task)).outcome).toMatchObject({
        kind: 'lost',
        message: expect.stringMatching(/cannot be told, so all are lost/) as string,
      });
      expect(run.text(task)).toMatch(/cannot be told, so all are lost/);
    }
    expect((await run.outcomeOf(run.task('silent'))).outcome.kind).toBe('success');
    await run.stop();
  });

  test('Buffers beyond the limit of the whole host end the host, not this process', async () => {
    const run = await startHarness((home) => make(home, 600));
    const task = run.task('buffers');
    run.begin(task);
    expect((await run.ended(task)).outcome).toMatchObject({
      kind: 'lost',
      message: expect.stringMatching(/used too much memory, \d+ of 600 MB/) as string,
    });
    await run.stop();
  });
});
