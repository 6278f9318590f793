import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import type { SourceMailbox } from '../../src/model/mailbox.js';
import {
  defaultPolicy,
  type Placement,
  type PlanInput,
  placementKey,
  planPlacements,
} from '../../src/plan/placement.js';
import { confOf } from '../cyrus/conf/conf-of.js';

interface Box {
  readonly unit: string;
  readonly from: string;
  readonly bytes: number;
}

/** Of a mailbox only what the planner looks at; without files, so that a unit costs its bytes. */
function mailboxOf({ unit, from, bytes }: Box): SourceMailbox {
  return { unit, place: { partition: from }, summary: { bytes, files: 0 } } as unknown as SourceMailbox;
}

function plan(boxes: readonly Box[], change: Partial<PlanInput> = {}): Map<string, Placement> {
  const weights = new Map([
    ['p1', 1],
    ['p2', 1],
  ]);
  return planPlacements({
    policy: 'balance',
    map: {},
    pins: {},
    weights,
    placed: new Map(),
    mailboxes: boxes.map(mailboxOf),
    ...change,
  });
}

const box = fc.record({
  unit: fc.integer({ min: 0, max: 12 }).map((n) => `user.u${n}`),
  from: fc.constantFrom('a', 'b'),
  bytes: fc.integer({ min: 0, max: 1_000_000 }),
});
const boxes = fc.array(box, { maxLength: 40 });
const weights = fc
  .array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 })
  .map((all) => new Map(all.map((w, i) => [`p${i + 1}`, w])));
const policy = fc.constantFrom('balance', 'keep', 'map');
const toTargets = { a: 'p1', b: 'p1' };

/** Bytes on each partition, and of each unit. */
function sums(all: readonly Box[], placements: ReadonlyMap<string, Placement>, names: Iterable<string>) {
  const load = new Map([...names].map((name) => [name, 0]));
  const units = new Map<string, number>();
  for (const { unit, bytes } of all) {
    const { partition } = placements.get(unit)!;
    load.set(partition, load.get(partition)! + bytes);
    units.set(unit, (units.get(unit) ?? 0) + bytes);
  }
  return { load, units };
}

/** The least that the fullest of `machines` can carry: every assignment tried. */
function optimum(jobs: readonly number[], machines: number): number {
  const load = new Array<number>(machines).fill(0);
  const tryFrom = (i: number): number => {
    if (i === jobs.length) return Math.max(...load);
    let best = Number.POSITIVE_INFINITY;
    for (let m = 0; m < machines; m++) {
      load[m]! += jobs[i]!;
      best = Math.min(best, tryFrom(i + 1));
      load[m]! -= jobs[i]!;
    }
    return best;
  };
  return tryFrom(0);
}

describe('a plan', () => {
  it('places every mailbox once, on a partition that is there, and nothing else', () =>
    fc.assert(
      fc.property(boxes, weights, policy, (all, w, p) => {
        const placements = plan(all, { policy: p, weights: w, map: toTargets });
        expect(new Set(placements.keys())).toEqual(new Set(all.map((b) => placementKey(mailboxOf(b), p))));
        for (const [key, { unit, partition }] of placements) {
          expect(unit).toBe(key);
          expect(w.has(partition)).toBe(true);
        }
      }),
    ));

  it('is the same in whatever order mailboxes.db lists them', () =>
    fc.assert(
      fc.property(
        boxes.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        weights,
        ([all, shuffled], w) => {
          const of = (b: readonly Box[]) => [...plan(b, { weights: w })].sort(([a], [b]) => (a < b ? -1 : 1));
          expect(of(shuffled)).toEqual(of(all));
        },
      ),
    ));

  it('leaves where it is what was placed before, however the mailboxes grow and others come', () =>
    fc.assert(
      fc.property(boxes, boxes, weights, policy, (before, after, w, p) => {
        const change = { policy: p, weights: w, map: toTargets };
        const placed = plan(before, change);
        const again = plan([...after, ...before], { ...change, placed });
        for (const [key, { partition }] of placed) expect(again.get(key)!.partition).toBe(partition);
      }),
    ));

  it('follows a pin even where a user was placed before', () =>
    fc.assert(
      fc.property(boxes, policy, fc.constantFrom('p1', 'p2'), (all, p, to) => {
        const change = { policy: p, map: toTargets };
        const placed = plan(all, change);
        const pinned = plan(all, { ...change, placed, pins: { 'user.u1': to } });
        for (const b of all) {
          const key = placementKey(mailboxOf(b), p);
          expect(pinned.get(key)!.partition).toBe(b.unit === 'user.u1' ? to : placed.get(key)!.partition);
        }
      }),
    ));

  it('places anew what lay on a partition that the target has no more', () => {
    const all = [{ unit: 'user.anna', from: 'a', bytes: 5 }];
    const placed = new Map([['user.anna', { unit: 'user.anna', partition: 'gone', reason: 'balanced' }]]);
    expect(['p1', 'p2']).toContain(plan(all, { placed }).get('user.anna')!.partition);
  });
});

describe('balancing', () => {
  it('keeps a user together', () =>
    fc.assert(fc.property(boxes, (all) => plan(all).size === new Set(all.map((b) => b.unit)).size)));

  it('comes within 4/3 of the best possible on partitions of one size', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 7 }),
        fc.integer({ min: 1, max: 3 }),
        (costs, m) => {
          const all = costs.map((bytes, i) => ({ unit: `user.u${i}`, from: 'a', bytes }));
          const w = new Map(Array.from({ length: m }, (_, i) => [`p${i}`, 7]));
          const { load } = sums(all, plan(all, { weights: w }), w.keys());
          expect(Math.max(...load.values())).toBeLessThanOrEqual((4 / 3) * optimum(costs, m) + 1e-9);
        },
      ),
    ));

  it('leaves no partition so full that its smallest user would have lain better elsewhere', () =>
    fc.assert(
      fc.property(boxes, weights, (all, w) => {
        const placements = plan(all, { weights: w });
        const { load, units } = sums(all, placements, w.keys());
        for (const [name, weight] of w) {
          const here = [...units]
            .filter(([unit]) => placements.get(unit)!.partition === name)
            .map(([, bytes]) => bytes);
          for (const [other, otherWeight] of w) {
            if (other === name || here.length === 0) continue;
            expect(load.get(name)! / weight).toBeLessThanOrEqual(
              (load.get(other)! + Math.min(...here)) / otherWeight + 1e-6,
            );
          }
        }
      }),
    ));

  it('fills partitions by their capacity', () => {
    const all = Array.from({ length: 400 }, (_, i) => ({ unit: `user.u${i}`, from: 'a', bytes: 100 }));
    const w = new Map([
      ['large', 3],
      ['small', 1],
    ]);
    expect(sums(all, plan(all, { weights: w }), w.keys()).load).toEqual(
      new Map([
        ['large', 30_000],
        ['small', 10_000],
      ]),
    );
  });

  it('counts what pinned and earlier users already take', () => {
    const all = [
      { unit: 'user.ceo', from: 'a', bytes: 100 },
      { unit: 'user.old', from: 'a', bytes: 100 },
      { unit: 'user.new', from: 'a', bytes: 50 },
    ];
    const placed = new Map([['user.old', { unit: 'user.old', partition: 'p1', reason: 'balanced' }]]);
    expect(plan(all, { placed, pins: { 'user.ceo': 'p1' } }).get('user.new')!.partition).toBe('p2');
  });

  it('weighs many small messages more than the same bytes in one', () => {
    const one = { ...mailboxOf({ unit: 'user.one', from: 'a', bytes: 1000 }), summary: { bytes: 1000, files: 1 } };
    const many = { ...mailboxOf({ unit: 'user.many', from: 'a', bytes: 1000 }), summary: { bytes: 1000, files: 1000 } };
    const third = mailboxOf({ unit: 'user.third', from: 'a', bytes: 500 });
    const placements = plan([], { mailboxes: [one, many, third] as SourceMailbox[] });
    expect(placements.get('user.third')!.partition).toBe(placements.get('user.one')!.partition);
  });
});

describe('keeping and mapping partitions', () => {
  const anna = [
    { unit: 'user.anna', from: 'a', bytes: 1 },
    { unit: 'user.anna', from: 'b', bytes: 1 },
  ];

  it("keeps each mailbox on the partition of its name, a user's on two of them too", () => {
    const placements = plan(anna, {
      policy: 'keep',
      weights: new Map([
        ['a', 1],
        ['b', 1],
      ]),
    });
    expect([...placements.values()].map((p) => [p.unit, p.partition])).toEqual([
      ['user.anna a', 'a'],
      ['user.anna b', 'b'],
    ]);
  });

  it('maps by name, and keeps what the map does not name', () => {
    const placements = plan(anna, {
      policy: 'map',
      map: { a: 'p1' },
      weights: new Map([
        ['p1', 1],
        ['b', 1],
      ]),
    });
    expect([...placements.values()].map((p) => p.partition)).toEqual(['p1', 'b']);
  });

  it.each<[string, Partial<PlanInput>, string]>([
    ['a kept partition', { policy: 'keep' }, '"a"'],
    ['a mapped one', { policy: 'map', map: { a: 'nowhere' } }, '"nowhere"'],
    ['a pin', { pins: { 'user.anna': 'fast' } }, '"fast"'],
  ])('refuses %s that the target does not have, by its name', (_case, change, name) => {
    expect(() => plan(anna, change)).toThrow(ConfigError);
    expect(() => plan(anna, change)).toThrow(name);
  });

  it.each([
    [['default'], ['default', 'more'], 'keep'],
    [['default', 'old'], ['default', 'new'], 'balance'],
  ])('source partitions %j on target partitions %j: %s', (from, to, expected) => {
    const conf = (names: string[]) =>
      confOf('3.6', Object.fromEntries(names.map((name) => [`partition-${name}`, `/D/${name}`])));
    expect(defaultPolicy(conf(from), conf(to))).toBe(expected);
  });
});
