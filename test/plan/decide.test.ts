import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotsOf, UnitCollector } from '../../src/plan/collect.js';
import { type DecideInput, type Decision, decide, type PlacedBefore } from '../../src/plan/decide.js';
import { plainFootprint } from '../../src/plan/footprint.js';
import { growthOfUnits } from '../../src/plan/growth.js';
import type { Rule } from '../../src/plan/rules.js';

interface Box {
  readonly unit: string;
  readonly bytes: number;
  /** Partition of the target that has it already. */
  readonly lies?: number;
}

const NAMES = ['p0', 'p1', 'p2'];
const FREE: Rule = { text: 'policy = "balance"', partitions: NAMES, kind: 'free', uses: 0 };
const rule = (partitions: string[], kind: Rule['kind'] = 'written'): Rule => ({ text: 'r', partitions, kind, uses: 1 });

function decideFor(
  boxes: readonly Box[],
  ruleOf: (unit: string) => Rule = () => FREE,
  change: Partial<DecideInput> = {},
) {
  const collector = new UnitCollector();
  for (const { unit, bytes, lies } of boxes)
    collector.add(
      { key: unit, name: unit, rule: ruleOf(unit) },
      plainFootprint(bytes, 1),
      lies ?? -1,
      lies === undefined ? 0 : bytes,
    );
  const collected = collector.finish();
  const disk = { data: 0, archive: 0, index: 0, cache: 0 };
  const root = { data: '', archive: '', index: '', cache: '' };
  const partitions = NAMES.map((name, p) => ({
    ...{ name, path: '', roots: root },
    disk: { data: disk.data + p, archive: p, index: p, cache: p },
  }));
  const decision = decide({
    collected,
    partitions: slotsOf(partitions, [4096, 4096, 4096], collected.columns),
    rooms: NAMES.map(() => ({ bytes: 1e12, inodes: 1e9 })),
    growth: undefined,
    placed: [],
    rulesChanged: false,
    edited: new Map(),
    rebalanceTo: undefined,
    ...change,
  });
  return { decision, collected };
}

const placed = (unit: string, partition: string, reason = 'balanced'): PlacedBefore => ({
  ...{ unit, partition, reason, bytes: 1, placedAt: '2026-01-01T00:00:00.000Z' },
});

function where({ decision, collected }: { decision: Decision; collected: { keys: readonly string[] } }) {
  return Object.fromEntries(
    collected.keys.map((key, u) => [key, `${NAMES[decision.loads.assignment[u]!]} ${decision.reasonOf(u)}`]),
  );
}

const A = [{ unit: 'user.a', bytes: 100 }];

describe('growth of each user', () => {
  const MIB = 2 ** 20;
  const now = new Date('2026-04-11T00:00:00Z'); // 100 days after `placed`
  const boxes: Box[] = [
    { unit: 'user.grew', bytes: 1100 * MIB, lies: 0 },
    { unit: 'user.new', bytes: 500 * MIB },
    { unit: 'user.still', bytes: 1100 * MIB, lies: 1 },
  ];
  const before = [
    { ...placed('user.grew', 'p0'), bytes: 100 * MIB },
    { ...placed('user.still', 'p1'), bytes: 1100 * MIB },
  ];
  const only = rule(['p0', 'p1']);
  const rooms = (mib: number) => NAMES.map(() => ({ bytes: mib * MIB, inodes: 1e9 }));

  it("is each unit's own where its history says so: the next one comes to who stays as he is", () => {
    const growth = { part: 300 / 2200, days: 30, now };
    // 265 MiB more of who grew, 34 of the other; were it one rate for all, neither had room for a third
    const found = decideFor(boxes, () => only, { placed: before, rooms: rooms(1750), growth });
    expect(where(found)).toEqual({
      'user.grew': 'p0 balanced',
      'user.new': 'p1 balanced',
      'user.still': 'p1 balanced',
    });
    expect(found.decision.roomForGrowth).toBe(true);
    const without = decideFor(boxes, () => only, { placed: before, rooms: rooms(1750) });
    expect(where(without)['user.new']).toBe('p0 balanced');
    expect(decideFor(boxes, () => only, { placed: before, rooms: rooms(1650), growth }).decision.roomForGrowth).toBe(
      false,
    );
  });

  it('is that of all where there is no history, and in sum never more than that', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            bytes: fc.nat(1e9),
            placedAs: fc.option(fc.nat(1e9), { nil: -1 }),
            age: fc.double({ min: 0, max: 400, noNaN: true }),
          }),
        ),
        fc.double({ min: 0.001, max: 2, noNaN: true }),
        (units, part) => {
          const extra = growthOfUnits(
            { part, days: 30, now },
            (u) => units[u]!.bytes,
            Float64Array.from(units, ({ placedAs }) => placedAs),
            Float32Array.from(units, ({ age }) => age),
          );
          const all = part * units.reduce((sum, { bytes }) => sum + bytes, 0);
          expect(extra.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(all * (1 + 1e-9) + 1e-6);
          expect(Math.min(0, ...extra)).toBe(0);
          if (units.every(({ placedAs, age }) => placedAs < 0 || age < 1))
            for (const [u, { bytes }] of units.entries()) expect(extra[u]).toBeCloseTo(part * bytes, 3);
        },
      ),
    ));
});

describe('what was placed', () => {
  it('stays', () => {
    expect(where(decideFor(A, undefined, { placed: [placed('user.a', 'p2')] }))).toEqual({ 'user.a': 'p2 balanced' });
  });

  it('is not written to the state again', () => {
    expect(decideFor(A, undefined, { placed: [placed('user.a', 'p2')] }).decision.fresh).toHaveLength(0);
    expect([...decideFor(A).decision.fresh]).toEqual([0]);
  });

  it('goes where a pin says, and stays there when the pin is taken out', () => {
    const pinned = decideFor(A, () => rule(['p1']), { placed: [placed('user.a', 'p2')] });
    expect(where(pinned)).toEqual({ 'user.a': 'p1 rule' });
    expect([...pinned.decision.fresh]).toEqual([0]);
    expect(where(decideFor(A, undefined, { placed: [placed('user.a', 'p1', 'rule')] }))).toEqual({
      'user.a': 'p1 rule',
    });
  });

  it('is placed anew where its partition is gone', () => {
    expect(where(decideFor(A, undefined, { placed: [placed('user.a', 'gone')] }))['user.a']).toMatch(/balanced$/);
  });

  it('leaves a partition that a rule of the job file no longer names, not one that is excluded', () => {
    const before = { placed: [placed('user.a', 'p2')] };
    expect(where(decideFor(A, () => rule(['p0', 'p1']), before))['user.a']).toMatch(/^p[01] balanced$/);
    const excluded: Rule = { ...FREE, partitions: ['p0', 'p1'] };
    expect(where(decideFor(A, () => excluded, before))).toEqual({ 'user.a': 'p2 balanced' });
    const allButOne: Rule = { ...FREE, partitions: ['p0'] };
    expect(where(decideFor(A, () => allButOne, before))).toEqual({ 'user.a': 'p2 balanced' });
  });

  it('is placed anew where the rules changed and nothing of it was copied yet, unless a person said where', () => {
    const boxes: Box[] = [
      { unit: 'user.a', bytes: 100 },
      { unit: 'user.b', bytes: 100, lies: 2 },
      { unit: 'user.c', bytes: 100 },
      { unit: 'user.d', bytes: 100 },
    ];
    const before = [
      placed('user.a', 'p2'),
      placed('user.b', 'p2'),
      placed('user.c', 'p2', 'csv'),
      placed('user.d', 'p2'),
    ];
    const found = where(decideFor(boxes, undefined, { placed: before, rulesChanged: true }));
    expect(found).toMatchObject({ 'user.b': 'p2 balanced', 'user.c': 'p2 csv' });
    expect([found['user.a'], found['user.d']].sort()).toEqual(['p0 balanced', 'p1 balanced']);
  });

  it('stays where most of its mail lies, where the state knows it by no name: a renamed user', () => {
    const boxes: Box[] = [
      { unit: 'user.new', bytes: 100, lies: 1 },
      { unit: 'user.new', bytes: 900, lies: 2 },
      { unit: 'user.new', bytes: 300, lies: 1 },
    ];
    expect(where(decideFor(boxes))).toEqual({ 'user.new': 'p2 lying' });
  });

  it('goes where it was moved to, not back to where it still lies', () => {
    const boxes = [{ unit: 'user.a', bytes: 100, lies: 1 }];
    expect(where(decideFor(boxes, undefined, { placed: [placed('user.a', 'p2', 'rebalanced')] }))).toEqual({
      'user.a': 'p2 rebalanced',
    });
  });
});

describe('a placement from a spreadsheet', () => {
  it('is taken, kept, and not touched by a rebalance', () => {
    const boxes = Array.from({ length: 6 }, (_, i) => ({ unit: `user.${i}`, bytes: 100, lies: 0 }));
    const edited = decideFor(boxes, undefined, { edited: new Map([['user.3', 'p2']]) });
    expect(where(edited)['user.3']).toBe('p2 csv');
    expect([...edited.decision.fresh]).toContain(3);
    const rows = boxes.map(({ unit }) => placed(unit, 'p0', 'csv'));
    const again = where(decideFor(boxes, undefined, { placed: rows, rebalanceTo: 1.01 }));
    expect(Object.values(again)).toEqual(boxes.map(() => 'p0 csv'));
  });

  it('is dropped where the job file says otherwise since', () => {
    const before = { placed: [placed('user.a', 'p2', 'csv')] };
    expect(where(decideFor(A, () => rule(['p1']), before))).toEqual({ 'user.a': 'p1 rule' });
  });

  it("counts where the source's partition would decide", () => {
    const before = { placed: [placed('user.a', 'p2', 'csv')] };
    expect(where(decideFor(A, () => rule(['p1'], 'followed'), before))).toEqual({ 'user.a': 'p2 csv' });
    expect(decideFor(A, () => rule(['p1'], 'followed')).decision.fresh).toHaveLength(0);
  });
});

describe('a rebalance', () => {
  it('moves what was balanced, says so, and what it moved stays', () => {
    const boxes = Array.from({ length: 30 }, (_, i) => ({ unit: `user.${i + 10}`, bytes: 100, lies: 0 }));
    const rows = boxes.map(({ unit }) => placed(unit, 'p0'));
    const { decision, collected } = decideFor(boxes, undefined, { placed: rows, rebalanceTo: 1.02 });
    expect(decision.loads.spread()).toBeLessThanOrEqual(1.02);
    const found = where({ decision, collected });
    expect(Object.values(found).filter((w) => w === 'p0 balanced')).toHaveLength(10);
    expect(Object.values(found).filter((w) => w.endsWith('rebalanced'))).toHaveLength(20);
    expect(decision.fresh).toHaveLength(20);
    const after = Object.entries(found).map(([unit, w]) => placed(unit, w.slice(0, 2), w.slice(3)));
    expect(where(decideFor(boxes, undefined, { placed: after }))).toEqual(found);
  });
});

describe('growth of all', () => {
  const growth = { part: 0.5, days: 30, now: new Date() };
  const boxes = [{ unit: 'user.a', bytes: 1000 }];
  const rooms = (bytes: number) => ({ rooms: NAMES.map(() => ({ bytes, inodes: 1e9 })) });

  it('is allowed for, and where there is no room for it that is said', () => {
    expect(decideFor(boxes, undefined, { growth, ...rooms(1e6) }).decision.roomForGrowth).toBe(true);
    const tight = decideFor(boxes, undefined, { growth, ...rooms(20_000) }).decision;
    expect(tight.roomForGrowth).toBe(false);
    expect(tight.loads.shortfalls()).toEqual([]);
  });
});

describe('any plan', () => {
  const boxes = fc.array(
    fc.record({
      unit: fc.integer({ min: 0, max: 9 }).map((n) => `user.u${n}`),
      bytes: fc.integer({ min: 0, max: 1_000_000 }),
    }),
    { maxLength: 30 },
  );

  it('places each unit once, and again in the same way from what it wrote down, however it grew', () =>
    fc.assert(
      fc.property(boxes, boxes, (before, more) => {
        const first = decideFor(before);
        const rows = Object.entries(where(first)).map(([unit, w]) => placed(unit, w.slice(0, 2), w.slice(3)));
        expect(rows.map((r) => r.unit)).toEqual([...new Set(before.map((b) => b.unit))].sort());
        const second = where(decideFor([...more, ...before], undefined, { placed: rows }));
        for (const { unit, partition } of rows) expect(second[unit]!.slice(0, 2)).toBe(partition);
      }),
    ));

  it('does not depend on the order of mailboxes, nor on how they are cut up', () =>
    fc.assert(
      fc.property(
        boxes.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => void expect(where(decideFor(shuffled))).toEqual(where(decideFor(all))),
      ),
    ));
});
