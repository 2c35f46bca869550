import net from 'node:net';
import { freePort } from '../../src/db/embedded/cluster';
import { waitForDatabase } from '../../src/db/wait-for-database';
import { useTestDatabase } from '../support/database';

const db = useTestDatabase();

it('returns as soon as the server answers', async () => {
  const port = await freePort();
  const url = new URL(db.url);
  const target = Number(url.port);
  url.port = String(port);
  const front = net.createServer((socket) => socket.pipe(net.connect(target, '127.0.0.1')).pipe(socket));
  const words: string[] = [];
  // The first word means that an attempt has failed: now the server comes up.
  const logger = { warn: (message: string) => words.push(message) && front.listen(port, '127.0.0.1') } as never;
  await waitForDatabase(url.toString(), logger);
  expect(words).toEqual([expect.stringMatching(/^waiting for the database at postgres:\/\/thence:\*\*\*@127\.0\.0\.1/)]);
  front.close();
});

it('does not wait for what waiting does not cure', async () => {
  await expect(waitForDatabase(db.url.replace(/:[0-9a-f]+@/, ':wrong@'))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('password authentication failed'),
  });
  await expect(waitForDatabase(db.url.replace(/[^/]+$/, 'nothing_here'))).rejects.toThrow('database "nothing_here" does not exist');
});

it('gives up with a sentence that names the server', async () => {
  await expect(waitForDatabase('postgres://u:secret@127.0.0.1:1/x', undefined, { waitMs: 0 })).rejects.toThrow(
    /^cannot reach the database at postgres:\/\/u:\*\*\*@127\.0\.0\.1:1\/x/,
  );
});

it('stops waiting when it is told to', async () => {
  const told = new AbortController();
  const logger = { warn: () => told.abort() } as never;
  await expect(waitForDatabase('postgres://u:secret@127.0.0.1:1/x', logger, { signal: told.signal })).rejects.toThrow('aborted');
});
