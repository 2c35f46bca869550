import { stat } from 'node:fs/promises';

/** What files looked like at one moment; each is asked for once. Make a new one for each pass. */
export class FileSignatures {
  private readonly known = new Map<string, Promise<string>>();

  /** Changes when any of the files or folders changes, appears or goes away. */
  async of(files: readonly string[]): Promise<string> {
    return (await Promise.all(files.map((file) => this.one(file)))).join('\n');
  }

  private one(file: string): Promise<string> {
    const known = this.known.get(file) ?? look(file);
    this.known.set(file, known);
    return known;
  }
}

async function look(file: string): Promise<string> {
  try {
    const { mtimeMs, ctimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  } catch {
    return 'absent';
  }
}
