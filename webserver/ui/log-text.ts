/** A log as plain text, as long as it may be. */
import type { Response } from 'express';
import type { AnyLogRef, LogStore } from '../../src/logs/log-store';

const BYTES = 512 * 1024;

export async function sendLogText(logs: LogStore, ref: AnyLogRef, response: Response): Promise<void> {
  response.type('text/plain; charset=utf-8').set('Cache-Control', 'no-store');
  for (let from = 0; ;) {
    const page = await logs.read(ref, from, BYTES);
    for (const line of page.lines) response.write(`${line.time} ${line.level.toUpperCase().padEnd(5)} ${line.message}\n`);
    if (page.lines.length === 0 || page.next === from) break;
    from = page.next;
  }
  response.end();
}
