import { describe, expect, it } from 'vitest';
import type { Collected } from '../../src/plan/collect.js';
import { checkEdits, type EditedRow } from '../../src/plan/edited.js';
import type { DetailedPlan } from '../../src/plan/plan.js';
import type { Rule } from '../../src/plan/rules.js';

const rule = (kind: Rule['kind'], partitions: string[]): Rule => ({ text: `${kind} rule`, partitions, kind, uses: 1 });
const RULES = [rule('free', ['p1', 'p2']), rule('written', ['fast']), rule('followed', ['p1'])];
/** Key, rule, where it lies. `user.two` lies on two partitions of the source. */
const UNITS: readonly (readonly [string, number, number])[] = [
  ['user.a', 0, 0],
  ['user.b', 0, 1],
  ['user.ceo', 1, 2],
  ['user.two\told1', 2, 0],
  ['user.two\told2', 2, 0],
];

const plan = {
  disks: { partitions: ['p1', 'p2', 'fast'].map((name) => ({ name })) },
  details: {
    collected: {
      keys: UNITS.map(([key]) => key),
      nameOf: (u: number) => UNITS[u]![0].split('\t')[0]!,
      rules: RULES,
      rule: UNITS.map(([, number]) => number),
    } as unknown as Collected,
    decision: { loads: { assignment: UNITS.map(([, , p]) => p) } },
  },
} as unknown as DetailedPlan;

const row = (line: number, name: string, partition: string, from = ''): EditedRow => ({ line, name, partition, from });
const check = (...rows: EditedRow[]) => {
  const { edited, problems } = checkEdits(rows, plan, 'f.csv');
  return { edited: Object.fromEntries(edited), problems: problems.map(({ code, path }) => `${code} ${path}`) };
};

describe('an edited spreadsheet', () => {
  it('changes what it says otherwise, and nothing else', () => {
    expect(check(row(2, 'user.a', 'p2'), row(3, 'user.b', 'p2'))).toEqual({ edited: { 'user.a': 'p2' }, problems: [] });
  });

  it('is about all parts of a user, or about that of one old partition', () => {
    expect(check(row(2, 'user.two', 'p2')).edited).toEqual({ 'user.two\told1': 'p2', 'user.two\told2': 'p2' });
    expect(check(row(2, 'user.two', 'p2', 'old2'), row(3, 'user.two', 'p1', 'old1'))).toEqual({
      edited: { 'user.two\told2': 'p2' },
      problems: [],
    });
  });

  it.each([
    ['a name that is not there', [row(2, 'user.x', 'p1')], ['csv-unknown-user f.csv:2']],
    ['an empty name', [row(2, '', 'p1')], ['csv-unknown-user f.csv:2']],
    ['an old partition that the user is not on', [row(2, 'user.two', 'p1', 'x')], ['csv-unknown-user f.csv:2']],
    ['a partition that is not there', [row(2, 'user.a', 'p9')], ['csv-unknown-partition f.csv:2']],
    ['no partition', [row(2, 'user.a', '')], ['csv-unknown-partition f.csv:2']],
    ['a name twice', [row(2, 'user.a', 'p1'), row(5, 'user.a', 'p1')], ['csv-duplicate f.csv:5']],
    ['a part twice', [row(2, 'user.two', 'p1', 'old1'), row(3, 'user.two', 'p1')], ['csv-duplicate f.csv:3']],
    ['an excluded partition', [row(2, 'user.a', 'fast')], ['csv-against-rule f.csv:2']],
    ['a pinned user', [row(2, 'user.ceo', 'p1')], ['csv-against-rule f.csv:2']],
    [
      'several of these',
      [row(2, 'user.x', 'p1'), row(3, 'user.a', 'p9'), row(4, 'user.ceo', 'p1')],
      ['csv-unknown-user f.csv:2', 'csv-unknown-partition f.csv:3', 'csv-against-rule f.csv:4'],
    ],
  ])('with %s is refused row by row', (_case, rows, problems) => expect(check(...rows).problems).toEqual(problems));

  it('may name what a pin says, and write partitions in capitals', () => {
    expect(check(row(2, 'user.ceo', ' FAST'), row(3, 'user.a', 'P2'))).toEqual({
      edited: { 'user.a': 'p2' },
      problems: [],
    });
  });
});
