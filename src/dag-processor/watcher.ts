/** Says that something in the dags folder changed, soon after it did. What changed is found out by a scan; this only makes it quick. */
import path from 'node:path';
import { watch } from 'chokidar';
import type { FSWatcher } from 'chokidar';
import type { Logger } from '../telemetry/logger';
import { IGNORE_FILE } from './find-files';

/** An editor's save is several events. */
const DEBOUNCE_MS = 50;

export class DagsFolderWatcher {
  private readonly watcher: FSWatcher;
  private readonly outside = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly root: string,
    onChange: () => void,
    logger: Logger,
  ) {
    this.watcher = watch(root, { ignoreInitial: true, ignored: (file: string) => isUninteresting(path.relative(root, file)) });
    this.watcher.on('all', () => {
      this.timer ??= setTimeout(() => {
        this.timer = null;
        onChange();
      }, DEBOUNCE_MS);
    });
    this.watcher.on('error', (error) => {
      logger.warn(`cannot watch ${root} (${error.message}); changes are found by the scan every few seconds`);
    });
  }

  /** Also watches files outside the folder that DAG files import or read. */
  add(files: Iterable<string>): void {
    const added = [...files].filter((file) => !this.outside.has(file) && path.relative(this.root, file).startsWith('..'));
    for (const file of added) this.outside.add(file);
    if (added.length > 0) this.watcher.add(added);
  }

  async close(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    await this.watcher.close();
  }
}

function isUninteresting(relative: string): boolean {
  if (relative.startsWith('..')) return false;
  return relative.split(path.sep).some((part) => part === 'node_modules' || (part.startsWith('.') && part !== IGNORE_FILE));
}
