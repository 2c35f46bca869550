/** Variables, connections and pools in a real browser, by the keyboard, and no error on the console on the way. */
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser';
import { useTestDatabase } from '../support/database';
import { startTestWebserver } from '../support/web-server';
import type { TestWebserver } from '../support/web-server';

const test = useTestDatabase();
let web: TestWebserver;
let browser: Browser;
let page: Page;
let folder: string;
const problems: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'thence-import-'));
  web = await startTestWebserver(test, { config: { testConnection: true } });
  browser = await launchBrowser();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  await page.goto(`${web.url}/admin/variables`);
  await page.fill('#username', 'admin');
  await page.fill('#password', 'admin');
  await page.click('text=Sign in >> nth=-1');
  await page.waitForURL('**/admin/variables');
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await web?.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => expect(problems.splice(0)).toEqual([]));

it('a variable is made, found and deleted by the keyboard alone', async () => {
  await page.focus('text=New variable');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/admin/variables/new');
  await page.keyboard.type('region');
  await page.keyboard.press('Tab');
  await page.keyboard.type('eu');
  await page.keyboard.press('Tab');
  await page.keyboard.type('where we sell');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-key="variable-region"] >> text=eu');
  await page.waitForSelector('.toast >> text=Variable region is created.');

  await page.keyboard.press('/');
  await page.keyboard.type('nothing like it');
  await page.waitForSelector('text=No variable matches');
  await page.keyboard.press('Escape');
  await page.focus('[aria-label="Delete region"]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#confirm[open] >> text=Delete the variable region?');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('text=No variables yet');
});

it('a connection is tested where it is typed, and keeps what was typed', async () => {
  await page.goto(`${web.url}/admin/connections/new`);
  await page.fill('#id', 'web');
  await page.fill('#type', 'http');
  await page.fill('#host', web.url);
  await page.fill('#password', 'p-1');
  await page.click('button:text-is("Test")');
  await page.waitForSelector('[data-answer].is-info >> text=The server answered with the status 200.');
  await page.fill('#host', 'http://127.0.0.1:9');
  await page.click('button:text-is("Test")');
  await page.waitForSelector('[data-answer].is-error');
  expect(await page.inputValue('#password')).toBe('p-1');
  await page.click('button:text-is("Create")');
  await page.waitForSelector('[data-key="connection-web"]');
});

it('a file is imported', async () => {
  writeFileSync(path.join(folder, 'pools.json'), '{"api": {"slots": 3, "description": "calls"}}');
  await page.goto(`${web.url}/admin/pools`);
  await page.click('text=Import');
  await page.setInputFiles('#file', path.join(folder, 'pools.json'));
  await page.waitForFunction(() => (document.querySelector('#text') as HTMLTextAreaElement).value.includes('api'));
  await page.click('button >> text=Import');
  await page.waitForSelector('[data-key="pool-api"] >> text=calls');
  await page.waitForSelector('.toast >> text=1 created, 0 updated, 0 skipped.');
});
