import { stat } from 'node:fs/promises';

interface Look {
  readonly text: string;
  /** When it was changed last; 0 when it is not there. */
  readonly changedMs: number;
}

/** What files looked like at one moment; each is asked for once. Make a new one for each pass. */
export class FileSignatures {
  private readonly known = new Map<string, Promise<Look>>();

  /** A text that changes when any of the files or folders changes, appears or goes away. */
  async of(files: readonly string[]): Promise<string> {
    return (await this.describe(files)).text;
  }

  async describe(files: readonly string[]): Promise<{ readonly text: string; readonly newestMs: number }> {
    const looks = await Promise.all(files.map((file) => this.one(file)));
    return { text: looks.map(({ text }) => text).join('\n'), newestMs: Math.max(0, ...looks.map(({ changedMs }) => changedMs)) };
  }

  private one(file: string): Promise<Look> {
    const known = this.known.get(file) ?? look(file);
    this.known.set(file, known);
    return known;
  }
}

async function look(file: string): Promise<Look> {
  try {
    const { mtimeMs, ctimeMs, size, ino } = await stat(file);
    return { text: `${mtimeMs} ${ctimeMs} ${size} ${ino}`, changedMs: Math.max(mtimeMs, ctimeMs) };
  } catch {
    return { text: 'absent', changedMs: 0 };
  }
}
