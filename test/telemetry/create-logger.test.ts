import { createLogger } from '../../src/telemetry/create-logger';

/** What a logger writes to stderr while `log` runs. */
async function written(
  options: Parameters<typeof createLogger>[0],
  log: (logger: ReturnType<typeof createLogger>) => void,
): Promise<string> {
  const chunks: string[] = [];
  const write = jest.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    chunks.push(String(chunk));
    return true;
  });
  try {
    log(createLogger(options, 'scheduler'));
    await new Promise(setImmediate);
  } finally {
    write.mockRestore();
  }
  return chunks.join('');
}

describe('the log', () => {
  it('as JSON is one object a line with time, level, service and what was given, errors with their stack', async () => {
    const text = await written({ logLevel: 'info', logFormat: 'json' }, (logger) => {
      logger.info('started', { port: 8080 });
      logger.child({ service: 'engine' }).warn('failed', { error: new TypeError('no luck') });
      logger.debug('not shown');
    });
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ level: 'info', message: 'started', port: 8080, service: 'scheduler' });
    expect(Number.isNaN(Date.parse(lines[0]!.time!))).toBe(false);
    expect(lines[1]).toMatchObject({ level: 'warn', service: 'engine' });
    expect(lines[1]!.error).toMatch(/TypeError: no luck\n\s+at /);
  });

  it('for people says when, how bad, who and what in one line', async () => {
    const text = await written({ logLevel: 'debug', logFormat: 'pretty' }, (logger) => logger.warn('slow', { tookMs: 12, file: 'a.ts' }));

    expect(text.replace(/\u001b\[\d+m/g, '')).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}scheduler: slow tookMs=12 file=a\.ts\n$/);
  });
});
