import { countUpstreams, evaluateRule, UpstreamCounter } from '../../src/core/trigger-rules';
import type { RuleVerdict } from '../../src/core/trigger-rules';
import type { TaskState } from '../../src/core/states';
import { TRIGGER_RULES } from '../../src/dag-spec/spec';
import type { TriggerRule } from '../../src/dag-spec/spec';

/** S success, F failed, K skipped, U upstream_failed, R removed, - not finished. */
const letters: Record<string, TaskState> = { S: 'success', F: 'failed', K: 'skipped', U: 'upstream_failed', R: 'removed', '-': 'running' };
const verdicts: Record<string, RuleVerdict> = { run: 'ready', '..': 'wait', skip: 'skipped', uf: 'upstream_failed' };

/** Every mix of states that upstreams can be in: how many are in each is all the same to a rule. */
// prettier-ignore
const mixes = ['S', 'F', 'K', 'U', '-', 'SF', 'SK', 'SU', 'S-', 'FK', 'FU', 'F-', 'KU', 'K-', 'U-', 'SFK', 'SFU', 'SF-', 'SKU', 'SK-', 'SU-', 'FKU', 'FK-', 'FU-', 'KU-', 'SFKU', 'SFK-', 'SFU-', 'SKU-', 'FKU-', 'SFKU-'];

// prettier-ignore
const table: Record<TriggerRule, string> = {
  //                               S     F     K     U     -     SF    SK    SU    S-    FK    FU    F-    KU    K-    U-    SFK   SFU   SF-   SKU   SK-   SU-   FKU   FK-   FU-   KU-   SFKU  SFK-  SFU-  SKU-  FKU-  SFKU-
  all_success:                   'run   uf    skip  uf    ..    uf    skip  uf    ..    uf    uf    uf    uf    skip  uf    uf    uf    uf    uf    skip  uf    uf    uf    uf    uf    uf    uf    uf    uf    uf    uf',
  all_failed:                    'skip  run   skip  run   ..    skip  skip  skip  skip  skip  run   ..    skip  skip  ..    skip  skip  skip  skip  skip  skip  skip  skip  ..    skip  skip  skip  skip  skip  skip  skip',
  all_done:                      'run   run   run   run   ..    run   run   run   ..    run   run   ..    run   ..    ..    run   run   ..    run   ..    ..    run   ..    ..    ..    run   ..    ..    ..    ..    ..',
  all_done_min_one_success:      'run   uf    skip  uf    ..    run   skip  run   ..    skip  uf    ..    skip  skip  ..    skip  run   ..    skip  skip  ..    skip  skip  ..    skip  skip  skip  ..    skip  skip  skip',
  all_done_setup_success:        'run   run   run   run   ..    run   run   run   ..    run   run   ..    run   ..    ..    run   run   ..    run   ..    ..    run   ..    ..    ..    run   ..    ..    ..    ..    ..',
  all_skipped:                   'skip  skip  run   skip  ..    skip  skip  skip  skip  skip  skip  skip  skip  ..    skip  skip  skip  skip  skip  skip  skip  skip  skip  skip  skip  skip  skip  skip  skip  skip  skip',
  one_success:                   'run   uf    skip  uf    ..    run   run   run   run   uf    uf    ..    uf    ..    ..    run   run   run   run   run   run   uf    ..    ..    ..    run   run   run   run   ..    run',
  one_failed:                    'skip  run   skip  run   ..    run   skip  run   ..    run   run   run   run   ..    run   run   run   run   run   ..    run   run   run   run   run   run   run   run   run   run   run',
  one_done:                      'run   run   skip  skip  ..    run   run   run   run   run   run   run   skip  ..    ..    run   run   run   run   run   run   run   run   run   ..    run   run   run   run   run   run',
  none_failed:                   'run   uf    run   uf    ..    uf    run   uf    ..    uf    uf    uf    uf    ..    uf    uf    uf    uf    uf    ..    uf    uf    uf    uf    uf    uf    uf    uf    uf    uf    uf',
  none_failed_min_one_success:   'run   uf    skip  uf    ..    uf    run   uf    ..    uf    uf    uf    uf    ..    uf    uf    uf    uf    uf    ..    uf    uf    uf    uf    uf    uf    uf    uf    uf    uf    uf',
  none_skipped:                  'run   run   skip  run   ..    run   skip  run   ..    skip  run   ..    skip  skip  ..    skip  run   ..    skip  skip  ..    skip  skip  ..    skip  skip  skip  ..    skip  skip  skip',
  always:                        'run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run   run',
};

/** A teardown with setups above it (the letters), and something else above it that has ended. */
const ofSetups = ['S', 'F', 'K', 'U', 'SF', 'SK', 'SU', 'FK', 'FU', 'KU', 'SFKU', 'S-', 'F-', 'K-', 'R', 'KR'];
const teardown = '  run  uf   skip uf   run   run   run   uf    uf    uf    run     ..    ..    ..    run  skip';

interface Cell {
  readonly rule: TriggerRule;
  readonly mix: string;
  readonly verdict: RuleVerdict;
}

const cells: Cell[] = TRIGGER_RULES.flatMap((rule) => {
  const row = table[rule].trim().split(/\s+/);
  return mixes.map((mix, i) => ({ rule, mix, verdict: verdicts[row[i]!]! }));
});

type Evaluate = typeof evaluateRule;
const of = (upstreams: string) => countUpstreams([...upstreams].map((letter) => letters[letter]!));

/** The same mix with other numbers, in another order, and with removed upstreams beside it. */
const variants = (mix: string) => [mix, [...mix].reverse().join(''), mix + mix, `${mix}${mix[0]}`, `R${mix}`, `${mix}RR`];

const disagreements = (evaluate: Evaluate) =>
  cells.filter(({ rule, mix, verdict }) => variants(mix).some((upstreams) => evaluate(rule, of(upstreams)) !== verdict));

describe('trigger rules', () => {
  it('the table has every rule and every mix of upstream states', () => {
    expect(new Set(mixes.map((mix) => [...mix].sort().join(''))).size).toBe(2 ** 5 - 1);
    expect(Object.keys(table).sort()).toEqual([...TRIGGER_RULES].sort());
    expect(cells.every(({ verdict }) => verdict !== undefined)).toBe(true);
    for (const rule of TRIGGER_RULES) expect(table[rule].trim().split(/\s+/)).toHaveLength(mixes.length);
  });

  it('are as the table says, whatever the numbers, the order and what was removed', () => {
    expect(disagreements(evaluateRule)).toEqual([]);
  });

  it('a rule that differed in one cell only would be found out', () => {
    for (const cell of cells) {
      const flipped = Object.values(verdicts).find((verdict) => verdict !== cell.verdict)!;
      const isCell = (rule: TriggerRule, counts: ReturnType<typeof of>) => {
        const { success, failed, skipped, upstreamFailed, total, done } = counts;
        const there = [success > 0 && 'S', failed > 0 && 'F', skipped > 0 && 'K', upstreamFailed > 0 && 'U', total > done && '-'];
        return rule === cell.rule && there.filter(Boolean).join('') === cell.mix;
      };
      const mutant: Evaluate = (rule, counts) => (isCell(rule, counts) ? flipped : evaluateRule(rule, counts));
      expect(disagreements(mutant)).toEqual([cell]);
    }
  });

  it.each(TRIGGER_RULES)('%s passes a task without upstreams, or with removed ones only', (rule) => {
    expect(evaluateRule(rule, of(''))).toBe('ready');
    expect(evaluateRule(rule, of('RR'))).toBe('ready');
  });

  it('a rule that this version does not know is never ready', () => {
    expect(evaluateRule('from_the_future' as TriggerRule, of('SS'))).toBe('wait');
  });

  it.each(ofSetups.map((setups, i) => [setups, verdicts[teardown.trim().split(/\s+/)[i]!]!] as const))(
    'a teardown whose setups are %s: %s',
    (setups, verdict) => {
      for (const other of ['S', 'F', 'K', 'U']) {
        const counter = new UpstreamCounter();
        for (const letter of setups) counter.add(letters[letter]!, true);
        counter.add(letters[other]!);
        expect(evaluateRule('all_done_setup_success', counter.counts)).toBe(verdict);
        counter.add('running');
        expect(evaluateRule('all_done_setup_success', counter.counts)).toBe('wait');
      }
    },
  );

  it('count every instance of a mapped task as one upstream, those that are missing or undecided as unfinished', () => {
    const tally = { length: 9, none: 1, waiting: 1, active: 1, sleeping: 1, success: 1, failed: 1, skipped: 1, upstreamFailed: 1 };
    const counter = new UpstreamCounter();
    counter.addTally(tally, true);
    counter.add('success');
    expect(counter.counts).toEqual({
      total: 10,
      success: 2,
      failed: 1,
      skipped: 1,
      upstreamFailed: 1,
      removed: 0,
      done: 5,
      setups: { total: 9, success: 1, skipped: 1 },
    });
  });
});
