import { PgWakeup } from '../../src/ledger/postgres/notifier';
import { createWakeup } from '../../src/service/wakeup';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const db = useTestDatabase();

describe('a wake-up', () => {
  it('reaches the schedulers, the first at once and a burst as two', async () => {
    const listening = new PgWakeup({ url: db.url });
    await listening.start();
    let heard = 0;
    listening.onWake(() => heard++);
    const wakeup = createWakeup(db.pool);
    wakeup();
    await eventually(() => heard === 1);
    for (let i = 0; i < 100; i++) wakeup();
    await eventually(() => heard >= 2);
    await db.pool.query('SELECT pg_sleep(0.1)');
    expect(heard).toBeLessThanOrEqual(3);
    await listening.stop();
  });

  it('is forgotten when the database is away', async () => {
    const pool = { query: async () => Promise.reject(new Error('away')) };
    expect(() => createWakeup(pool as never)()).not.toThrow();
  });
});
