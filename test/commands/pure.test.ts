import { checkConf } from '../../src/commands/check-conf';
import { instantOf } from '../../src/commands/dates';
import { checkRunId, isoOf, runIdOf } from '../../src/commands/run-ids';
import { dagSpec } from '../support/factories';

const dag = (params: object | null, version = JSON.stringify(params)) => ({
  dagId: 'etl',
  isPaused: false,
  version,
  spec: dagSpec({ dagId: 'etl', params: params as never }),
});

describe('run ids', () => {
  it('are the ISO date as Airflow prints it', () => {
    expect(runIdOf('scheduled', Date.UTC(2026, 0, 1))).toBe('scheduled__2026-01-01T00:00:00+00:00');
    expect(runIdOf('backfill', Date.UTC(2026, 0, 1, 6, 30))).toBe('backfill__2026-01-01T06:30:00+00:00');
    expect(isoOf(Date.UTC(2026, 0, 1, 6, 30, 0, 5))).toBe('2026-01-01T06:30:00.005000+00:00');
    expect(runIdOf('manual', Date.UTC(2026, 0, 1))).toMatch(/^manual__2026-01-01T00:00:00\+00:00_[A-Za-z0-9]{8}$/);
  });

  it('that somebody typed are checked', () => {
    expect(checkRunId('my-run_1~2026:01+x')).toBe('my-run_1~2026:01+x');
    for (const bad of ['a b', '../x', '', '..', 'ä', 'x'.repeat(251)]) expect(() => checkRunId(bad)).toThrow('is not allowed');
  });
});

describe('dates that somebody typed', () => {
  it('are wall-clock times of the DAG’s timezone unless they have an offset', () => {
    expect(instantOf('from-date', '2026-07-01', 'Europe/Zurich')).toBe(Date.parse('2026-06-30T22:00:00Z'));
    expect(instantOf('from-date', '2026-07-01T06:00', 'Europe/Zurich')).toBe(Date.parse('2026-07-01T04:00:00Z'));
    expect(instantOf('from-date', '2026-07-01 06:00', 'Europe/Zurich')).toBe(Date.parse('2026-07-01T04:00:00Z'));
    expect(instantOf('from-date', '2026-07-01T06:00:00+00:00', 'Europe/Zurich')).toBe(Date.parse('2026-07-01T06:00:00Z'));
    expect(instantOf('from-date', 5, 'Europe/Zurich')).toBe(5);
  });

  it.each(['tomorrow', '2026', '2026-02-30', '12:30', '', 'NaN'])('"%s" is refused with what is allowed', (text) => {
    expect(() => instantOf('from-date', text, 'UTC')).toThrow(`the from-date "${text}" is not a date: give ISO 8601`);
  });
});

describe('conf', () => {
  const params = {
    type: 'object',
    properties: {
      region: { type: 'string', enum: ['eu', 'us'], default: 'eu' },
      day: { type: 'string', format: 'date', default: '2026-01-01' },
      count: { type: 'integer', minimum: 1 },
      nested: { type: 'object', properties: { on: { type: 'boolean' } } },
    },
    required: ['region', 'count'],
  };

  it('is kept as it was given, when it fits with the defaults filled in', () => {
    expect(checkConf(dag(params), { count: 2, extra: [1] })).toEqual({ count: 2, extra: [1] });
    expect(checkConf(dag(null), { anything: null })).toEqual({ anything: null });
    expect(checkConf(dag(null), undefined)).toEqual({});
  });

  it.each([
    [{}, 'conf does not fit the params of DAG "etl": count is missing and has no default'],
    [{ count: 1, region: 'asia' }, 'region must be one of "eu", "us", given "asia"'],
    [{ count: 0 }, 'count must be >= 1, given 0'],
    [{ count: 1, nested: { on: 'yes' } }, 'nested.on must be boolean, given "yes"'],
    [{ count: 1, day: 'today' }, 'day must match format "date", given "today"'],
  ])('%j is refused: %s', (conf, message) => {
    expect(() => checkConf(dag(params), conf)).toThrow(message);
  });

  it.each([[[1, 2]], ['text'], [3]])('%j is refused: it is no object', (conf) => {
    expect(() => checkConf(dag(null), conf)).toThrow('conf must be a JSON object such as {"key": "value"}, given ');
  });

  it('says all that is wrong at once, and which param is unknown', () => {
    const strict = { ...params, additionalProperties: false };
    expect(() => checkConf(dag(strict), { region: 1, regoin: 'eu' })).toThrow(/count is missing/);
    expect(() => checkConf(dag(strict), { count: 1, regoin: 'eu' })).toThrow('regoin is not a param');
  });
});
