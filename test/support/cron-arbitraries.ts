import fc from 'fast-check';

/** One field of a cron expression. */
export const list = (low: number, high: number) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: fc.integer({ min: low, max: high }).map(String) },
    { weight: 1, arbitrary: fc.integer({ min: 2, max: high }).map((step) => `*/${step}`) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 2, maxLength: 3 }).map((all) => all.join(',')),
    },
  );
/** Expressions of five fields. */
export const cron = fc
  .tuple(
    list(0, 59),
    list(0, 23),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, list(1, 28)),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, list(1, 12)),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, list(0, 6)),
  )
  .map((fields) => fields.join(' '));
