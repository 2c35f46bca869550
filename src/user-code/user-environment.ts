/** The environment of processes that run user code: everything but thence's own variables and libpq's, which hold our secrets. */
export function userEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(THENCE_|PG)/.test(name)));
}
