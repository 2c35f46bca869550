/** process.env for task code: what an attempt changes in it is undone after it, and costs nothing when it changes nothing. */

export class GuardedEnv {
  private readonly real = process.env;
  private readonly before: Readonly<Record<string, string | undefined>> = { ...process.env };
  private changed = false;

  constructor() {
    const note = () => (this.changed = true);
    process.env = new Proxy(this.real, {
      set: (env, name, value) => note() && Reflect.set(env, name, value),
      deleteProperty: (env, name) => note() && Reflect.deleteProperty(env, name),
      defineProperty: (env, name, descriptor) => note() && Reflect.defineProperty(env, name, descriptor),
    });
  }

  /** A variable that each attempt has with a value of its own. */
  setOwn(name: string, value: string): void {
    this.real[name] = value;
  }

  /** @param except the variable of setOwn */
  restore(except: string): void {
    if (!this.changed) return;
    this.changed = false;
    for (const name of Object.keys(this.real)) if (!(name in this.before) && name !== except) delete this.real[name];
    for (const [name, value] of Object.entries(this.before)) if (this.real[name] !== value) this.real[name] = value;
  }

  close(ownName: string): void {
    this.changed = true;
    this.restore('');
    delete this.real[ownName];
    process.env = this.real;
  }
}
