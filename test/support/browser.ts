/** A headless Chromium: CHROME_PATH, the system's, or the one from the npm package. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

export async function launchBrowser(): Promise<Browser> {
  const system = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    (path) => path && existsSync(path),
  );
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  if (system) return chromium.launch({ executablePath: system, args });
  const { default: bundled } = await import('@sparticuz/chromium');
  return chromium.launch({
    executablePath: await bundled.executablePath(),
    args: [...bundled.args.filter((arg) => arg !== '--single-process'), ...args],
  });
}
