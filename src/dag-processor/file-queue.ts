/** Files to be looked at, several at once, none of them twice at the same time. */
export class FileQueue {
  private readonly waiting: string[] = [];
  private readonly working = new Set<string>();
  /** Files that changed again, perhaps, while they were being worked on. */
  private readonly touched = new Set<string>();
  private whenIdle: (() => void)[] = [];

  /**
   * @param work never rejects
   * @param onTouched called when a file has been worked on that `touch` named meanwhile
   */
  constructor(
    private readonly atOnce: number,
    private readonly work: (file: string) => Promise<void>,
    private readonly onTouched: () => void,
  ) {}

  /** In front of all others, or behind them. Files that wait or are worked on already are left where they are. */
  add(files: readonly string[], where: 'front' | 'back'): void {
    const fresh = files.filter((file) => !this.working.has(file) && !this.waiting.includes(file));
    if (where === 'front') this.waiting.unshift(...fresh);
    else this.waiting.push(...fresh);
    this.next();
  }

  isWorkingOn(file: string): boolean {
    return this.working.has(file);
  }

  /** What is being worked on has to be looked at once more afterwards. */
  touch(): void {
    for (const file of this.working) this.touched.add(file);
  }

  /** Forgets what waits; what is being worked on goes on. */
  clear(): void {
    this.waiting.length = 0;
  }

  get isIdle(): boolean {
    return this.working.size + this.waiting.length === 0;
  }

  async idle(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }

  private next(): void {
    while (this.working.size < this.atOnce && this.waiting.length > 0) void this.run(this.waiting.shift()!);
    if (this.isIdle) for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private async run(file: string): Promise<void> {
    this.working.add(file);
    await this.work(file);
    this.working.delete(file);
    if (this.touched.delete(file)) this.onTouched();
    this.next();
  }
}
