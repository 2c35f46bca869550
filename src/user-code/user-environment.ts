/** The environment of processes that run user code: everything but thence's own variables, which hold its secrets. */
export function userEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('THENCE_')));
}
