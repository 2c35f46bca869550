import { createInterface } from 'node:readline/promises';
import { ThenceError } from '../core/errors';

/** @throws ThenceError (USAGE) when nobody is there to answer, or the answer is no. */
export async function confirm(what: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) throw new ThenceError('USAGE', `${what} Say --yes to do it.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${what} Proceed? (y/N) `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new ThenceError('CONFLICT', 'nothing was done');
  } finally {
    terminal.close();
  }
}
