/** The environment that user code gets: this process's own, without thence's settings and without what libpq would log in with. */
export function hostEnvironment(from: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(from).filter(([name]) => !isSecret(name)));
}

const isSecret = (name: string) => /^(THENCE_|PG)/i.test(name);
