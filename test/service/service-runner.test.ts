import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../../src/service/service';
import { CronService } from '../../src/service/cron-service';
import { ServiceRunner } from '../../src/service/service-runner';
import { silentLogger } from '../../src/telemetry/create-logger';
import { eventually } from '../support/eventually';

const HOUR = 3_600_000;
function runner(runOnce: Service['runOnce'], intervalMs = HOUR): ServiceRunner {
  return new ServiceRunner({ name: 'test', intervalMs, runOnce }, { logger: silentLogger });
}

describe('a service', () => {
  it('runs at its start and again at a wake-up, not before', async () => {
    let passes = 0;
    const service = runner(async () => void passes++);
    service.start();
    await eventually(() => passes === 1);
    service.wake();
    await eventually(() => passes === 2);
    await service.stop();
    expect(passes).toBe(2);
  });

  it('runs again when a wake-up comes during a pass, once for many', async () => {
    let passes = 0;
    let finish = () => undefined as void;
    const service = runner(() => {
      passes++;
      return new Promise((resolve) => (finish = resolve));
    });
    service.start();
    await eventually(() => passes === 1);
    for (let i = 0; i < 10; i++) service.wake();
    finish();
    await eventually(() => passes === 2);
    finish();
    await service.stop();
    expect(passes).toBe(2);
  });

  it('goes on at once as long as there is more to do', async () => {
    let passes = 0;
    const service = runner(async () => ++passes < 5);
    service.start();
    await eventually(() => passes === 5);
    await service.stop();
    expect(passes).toBe(5);
  });

  it('survives a pass that throws', async () => {
    let passes = 0;
    const service = runner(async () => {
      if (++passes < 3) throw new Error('no luck');
    }, 1);
    service.start();
    await eventually(() => passes > 3);
    await service.stop();
  });

  it('tells a pass to stop, waits for it, and starts no other', async () => {
    let active = 0;
    let passes = 0;
    const service = runner(async (signal) => {
      passes++;
      active++;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await sleep(5);
      active--;
    });
    service.start();
    await eventually(() => active === 1);
    service.wake();
    await service.stop();
    expect({ active, passes }).toEqual({ active: 0, passes: 1 });
    await service.stop();
  });

  it('never runs two passes at once, whatever is started, stopped and woken in whatever order', async () => {
    let active = 0;
    let most = 0;
    let passes = 0;
    const service = runner(async (signal) => {
      passes++;
      most = Math.max(most, ++active);
      await sleep(Math.random() * 3);
      active--;
      if (passes % 7 === 0) throw new Error('now and then');
      return !signal.aborted && passes % 3 === 0;
    }, 1);
    const stops: Promise<void>[] = [];
    for (let i = 0; i < 400; i++) {
      const dice = Math.random();
      if (dice < 0.3) service.start();
      else if (dice < 0.5) stops.push(service.stop());
      else service.wake();
      if (i % 10 === 0) await sleep(1);
    }
    await Promise.all(stops);
    await service.stop();
    expect(active).toBe(0);
    expect(most).toBe(1);
    expect(passes).toBeGreaterThan(5);
    const after = passes;
    service.wake();
    await sleep(10);
    expect(passes).toBe(after);
  });
});

describe('a service at wall-clock times', () => {
  it('runs at its start and at each time that the expression names', async () => {
    let passes = 0;
    const service = new CronService('* * * * * *', { name: 'test', runOnce: async () => void passes++ }, silentLogger);
    service.start();
    await eventually(() => passes >= 3);
    await service.stop();
    const after = passes;
    await sleep(1100);
    expect(passes).toBe(after);
  });
});
