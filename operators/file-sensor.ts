import path from 'node:path';
import { findPaths } from '../src/connections/find-paths';
import type { BuiltInWait } from '../src/core/waits';
import type { OperatorOptions } from '../src/dag/types';
import { BaseSensor, type PokeResult, type SensorOptions } from './base-sensor';
import { checkOwnOptions, filledText } from './own-options';

export interface FileSensorOptions {
  /** Of a file or folder, or a pattern: `*` `?` `[a-z]` `{a,b}` within a name, `**` for folders. Relative: from the task's working directory. */
  path: string;
}

const MOST_PATHS = 1_000;

/** Waits for a file. Output: the paths that are there, sorted (at most 1,000). A deferrable one looks on the triggerer's host. */
export class FileSensor<Mapped extends string = never> extends BaseSensor<string[], FileSensorOptions, Mapped> {
  static override readonly templateFields: readonly string[] = ['path'];
  static override readonly optionNames: readonly string[] | undefined = ['path'];

  constructor(id: string, options: OperatorOptions<FileSensorOptions & SensorOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, { path: filledText }, ['path']);
  }

  async poke(): Promise<PokeResult<string[]>> {
    const value = await findPaths(path.resolve(this.options.path), MOST_PATHS);
    return { done: value.length > 0, value };
  }

  override waitFor(): BuiltInWait {
    return { kind: 'file', args: { path: path.resolve(this.options.path) } };
  }
}
