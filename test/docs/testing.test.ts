/** The block of code in docs/testing.md is a test that passes: it registers itself here. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';

const [, block] = /^```ts\n(.*?)^```/ms.exec(readFileSync(path.join(packageRoot, 'docs/testing.md'), 'utf8'))!;
const folder = mkdtempSync(path.join(os.tmpdir(), 'thence-docs-testing-'));
const file = path.join(folder, 'block.ts');
writeFileSync(file, block!);
// eslint-disable-next-line @typescript-eslint/no-require-imports -- it calls `test` while it loads
require(file);
rmSync(folder, { recursive: true });
