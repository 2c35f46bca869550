import { PgWakeup } from '../../src/ledger/postgres/notifier';
import { useTestDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const db = useTestDatabase();
const opened: PgWakeup[] = [];

async function listener() {
  const wakeup = new PgWakeup({ url: db.url, applicationName: 'thence-wakeup' });
  opened.push(wakeup);
  let heard = 0;
  wakeup.onWake(() => heard++);
  await wakeup.start();
  return { wakeup, heard: () => heard };
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((wakeup) => wakeup.stop()));
});

it('tells the others and not itself, many calls as one', async () => {
  const [one, two] = [await listener(), await listener()];
  const before = [one.heard(), two.heard()];
  for (let i = 0; i < 50; i++) one.wakeup.notify();
  await eventually(() => two.heard() === before[1]! + 1);
  two.wakeup.notify();
  await eventually(() => one.heard() === before[0]! + 1);
  expect(two.heard()).toBe(before[1]! + 1);
});

it('listens again after its connection was lost, and looks around since it may have missed something', async () => {
  const [one, two] = [await listener(), await listener()];
  const before = two.heard();
  await db.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'thence-wakeup'`);
  await eventually(() => two.heard() > before);
  const again = two.heard();
  await eventually(() => {
    one.wakeup.notify();
    return two.heard() > again;
  });
});
