import { countUpstreams, evaluateRule } from '../../src/core/trigger-rules';
import type { RuleVerdict } from '../../src/core/trigger-rules';
import type { TaskState } from '../../src/core/states';
import { TRIGGER_RULES } from '../../src/dag-spec/spec';
import type { TriggerRule } from '../../src/dag-spec/spec';

/** S success, F failed, K skipped, U upstream_failed, R removed, - not finished. */
const letters: Record<string, TaskState> = { S: 'success', F: 'failed', K: 'skipped', U: 'upstream_failed', R: 'removed', '-': 'running' };
const verdicts: Record<string, RuleVerdict> = { run: 'ready', '..': 'wait', skip: 'skipped', uf: 'upstream_failed' };

const columns = ['SS', 'S-', 'FF', 'F-', 'KK', 'K-', 'UU', 'U-', '--', 'SF', 'SK', 'SU', 'FK', 'FU', 'KU'];
const table: Record<TriggerRule, string> = {
  //                            SS   S-   FF   F-   KK   K-   UU   U-   --   SF   SK   SU   FK   FU   KU
  all_success: '                run  ..   uf   uf   skip skip uf   uf   ..   uf   skip uf   uf   uf   uf',
  all_failed: '                 skip skip run  ..   skip skip run  ..   ..   skip skip skip skip run  skip',
  all_done: '                   run  ..   run  ..   run  ..   run  ..   ..   run  run  run  run  run  run',
  all_done_min_one_success: '   run  ..   uf   ..   skip skip uf   ..   ..   run  skip run  skip uf   skip',
  all_done_setup_success: '     run  ..   run  ..   run  ..   run  ..   ..   run  run  run  run  run  run',
  all_skipped: '                skip skip skip skip run  ..   skip skip ..   skip skip skip skip skip skip',
  one_success: '                run  run  uf   ..   skip ..   uf   ..   ..   run  run  run  uf   uf   uf',
  one_failed: '                 skip ..   run  run  skip ..   run  run  ..   run  skip run  run  run  run',
  one_done: '                   run  run  run  run  skip ..   skip ..   ..   run  run  run  run  run  skip',
  none_failed: '                run  ..   uf   uf   run  ..   uf   uf   ..   uf   run  uf   uf   uf   uf',
  none_failed_min_one_success: 'run  ..   uf   uf   skip ..   uf   uf   ..   uf   run  uf   uf   uf   uf',
  none_skipped: '               run  ..   run  ..   skip skip run  ..   ..   run  skip run  skip run  skip',
  always: '                     run  run  run  run  run  run  run  run  run  run  run  run  run  run  run',
};

const cases = TRIGGER_RULES.flatMap((rule) => {
  const cells = table[rule].trim().split(/\s+/);
  expect(cells).toHaveLength(columns.length);
  return columns.map((upstreams, i) => [rule, upstreams, verdicts[cells[i]!]!] as const);
});
const of = (upstreams: string) => countUpstreams([...upstreams].map((letter) => letters[letter]!));

describe('trigger rules', () => {
  it.each(cases)('%s with upstreams %s: %s', (rule, upstreams, verdict) => {
    expect(evaluateRule(rule, of(upstreams))).toBe(verdict);
    expect(evaluateRule(rule, of([...upstreams].reverse().join('')))).toBe(verdict);
  });

  it.each(cases)('%s with upstreams %s is the same when a removed task stands beside them', (rule, upstreams, verdict) => {
    expect(evaluateRule(rule, of(`${upstreams}R`))).toBe(verdict);
  });

  it.each(TRIGGER_RULES)('%s passes a task without upstreams, or with removed ones only', (rule) => {
    expect(evaluateRule(rule, of(''))).toBe('ready');
    expect(evaluateRule(rule, of('RR'))).toBe('ready');
  });

  it('a rule that this version does not know is never ready', () => {
    expect(evaluateRule('from_the_future' as TriggerRule, of('SS'))).toBe('wait');
  });

  it.each([
    ['SF', { total: 1, success: 1, skipped: 0 }, 'ready'],
    ['FF', { total: 1, success: 0, skipped: 0 }, 'upstream_failed'],
    ['KF', { total: 1, success: 0, skipped: 1 }, 'skipped'],
    ['S-', { total: 1, success: 1, skipped: 0 }, 'wait'],
  ] as const)('a teardown with upstreams %s and setups %j: %s', (upstreams, setups, verdict) => {
    expect(evaluateRule('all_done_setup_success', { ...of(upstreams), setups })).toBe(verdict);
  });
});
