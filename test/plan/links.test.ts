import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balance } from '../../src/plan/balance.js';
import { savedBy, splitBytes } from '../../src/plan/links.js';
import type { Loads } from '../../src/plan/loads.js';
import { lowerBound } from '../../src/plan/lower-bound.js';
import { rebalance } from '../../src/plan/rebalance.js';
import type { LinkGroup, PlacementTask } from '../../src/plan/units.js';
import { randoms } from '../support/randoms.js';
import { roomy, type TestDisk, type TestUnit, taskOf } from './task.js';

const key = (u: number) => `user.u${String(u).padStart(5, '0')}`;

/** Some users have the same mail, `bytes` of it in `files` messages of one size. */
function sharing(units: readonly number[], bytes: number, files = 1): LinkGroup {
  return { units, bytes, files, squares: (bytes * bytes) / files };
}

/** Departments of `each` users who all got the same mail, a third of what they have; and as many others. */
function departments(count: number, each: number): { all: TestUnit[]; groups: LinkGroup[] } {
  const random = randoms(3);
  const size = () => Math.ceil(Math.exp(14 + 1.5 * random()));
  const all: TestUnit[] = Array.from({ length: 2 * count * each }, (_, u) => {
    const bytes = size();
    return { key: key(u), bytes: u < count * each ? bytes + 2_000_000 : bytes, files: 40 + Math.ceil(200 * random()) };
  });
  const groups = Array.from({ length: count }, (_, d) =>
    sharing(
      Array.from({ length: each }, (__, i) => i * count + d), // neighbours in name are of different departments
      2_000_000,
      20,
    ),
  );
  return { all, groups };
}

function linked(
  all: readonly TestUnit[],
  disks: readonly TestDisk[],
  groups: readonly LinkGroup[],
  diskOf?: readonly number[],
): PlacementTask {
  return { ...taskOf(all, disks, diskOf), links: { groups, oneIn: 1 } };
}

const split = ({ task, assignment }: Loads, diskOf: readonly number[]) =>
  splitBytes(task.links!, (u) => assignment[u]!, diskOf);

describe('users who share mail by hard links', () => {
  it('come to one file system, over its partitions, and all is as even as ever', () => {
    const { all, groups } = departments(30, 25);
    const diskOf = [0, 1, 2, 0, 1, 2];
    const loads = balance(linked(all, roomy(3), groups, diskOf));
    expect(split(loads, diskOf)).toBe(0);
    expect(loads.spread() / lowerBound(loads)).toBeLessThanOrEqual(1.01);
    const plain = balance(taskOf(all, roomy(3), diskOf));
    expect(splitBytes({ groups, oneIn: 1 }, (u) => plain.assignment[u]!, diskOf)).toBe(30 * 2 * 2_000_000);
    expect(new Set(groups[0]!.units.map((u) => loads.assignment[u]!)).size).toBe(2);
  });

  it('are parted where they are more than a file system should carry, or where it would be uneven', () => {
    const { all } = departments(4, 100);
    const everyone = sharing(Array.from(all.keys()), 1000);
    const loads = balance(linked(all, roomy(4), [everyone]));
    expect(loads.spread() / lowerBound(loads)).toBeLessThanOrEqual(1.01);
    const pair: TestUnit[] = [
      { key: 'a', bytes: 500, files: 5 },
      { key: 'b', bytes: 500, files: 5 },
    ];
    const parted = balance(linked(pair, roomy(2), [sharing([0, 1], 400)]));
    expect([...parted.assignment].sort()).toEqual([0, 1]);
  });

  it('are never the reason for more than 1 % above what can be had, or above the plan without', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 9999 }), files: fc.integer({ min: 1, max: 99 }) }), {
          minLength: 2,
          maxLength: 60,
        }),
        fc.array(
          fc.tuple(fc.uniqueArray(fc.nat(59), { minLength: 2, maxLength: 20 }), fc.integer({ min: 1, max: 5000 })),
          {
            maxLength: 12,
          },
        ),
        fc.integer({ min: 2, max: 4 }),
        (sizes, shared, count) => {
          const all = sizes.map((size, u) => ({ ...size, key: key(u) }));
          const groups = shared.flatMap(([units, bytes]) => {
            const here = units.filter((u) => u < all.length).sort((a, b) => a - b);
            return here.length > 1 ? [sharing(here, Math.min(bytes, ...here.map((u) => all[u]!.bytes)))] : [];
          });
          const loads = balance(linked(all, roomy(count), groups));
          const plain = balance(taskOf(all, roomy(count)));
          expect(loads.spread()).toBeLessThanOrEqual(Math.max(plain.spread(), 1.01 * lowerBound(loads)) + 1e-9);
          expect([...loads.assignment].every((p) => p >= 0 && p < count)).toBe(true);
          expect(loads.spread()).toBeCloseTo(fresh(loads).spread(), 9);
        },
      ),
    ));

  it('come to the file system that has mail of theirs', () => {
    const all: TestUnit[] = [
      ...Array.from({ length: 20 }, (_, u) => ({ key: key(u), bytes: 100, files: 1, at: u < 10 ? 0 : 1 })),
      ...Array.from({ length: 4 }, (_, u) => ({ key: key(20 + u), bytes: 90, files: 1 })),
    ];
    // two of the new ones share with one who lies on the first, two with one on the second
    const groups = [sharing([3, 20, 23], 50), sharing([15, 21, 22], 50)];
    const loads = balance(linked(all, roomy(2), groups));
    expect([20, 21, 22, 23].map((u) => loads.assignment[u])).toEqual([0, 1, 1, 0]);
  });

  it('are moved last by a rebalance', () => {
    const all: TestUnit[] = Array.from({ length: 100 }, (_, u) => ({ key: key(u), bytes: 100, files: 1, at: 0 }));
    const groups = [
      sharing(
        Array.from({ length: 40 }, (_, u) => u),
        60,
      ),
    ];
    const { loads } = rebalance(linked(all, roomy(2), groups), 1.02, () => true);
    expect(loads.spread()).toBeLessThanOrEqual(1.02 + 1e-9);
    expect(split(loads, [0, 1])).toBe(0);
  });
});

/** The same places, reckoned anew. */
function fresh({ task, assignment }: Loads): Loads {
  const { links: _, ...plain } = task;
  return balance({ ...plain, current: assignment });
}

describe('room that links save', () => {
  const pair: TestUnit[] = [
    { key: 'a', bytes: 500, files: 5 },
    { key: 'b', bytes: 500, files: 5 },
  ];
  const groups = [sharing([0, 1], 400, 4)];

  it('counts where they lie together, to the byte', () => {
    expect(balance(linked(pair, [{ bytes: 600, inodes: 6 }], groups)).shortfalls()).toEqual([]);
    expect(balance(linked(pair, [{ bytes: 599, inodes: 6 }], groups)).shortfalls()).toEqual([
      { disk: 0, bytes: 1, inodes: 0 },
    ]);
    expect(balance(linked(pair, [{ bytes: 600, inodes: 5 }], groups)).shortfalls()).toEqual([
      { disk: 0, bytes: 0, inodes: 1 },
    ]);
  });

  it('does not count where rules part them: what is copied twice needs its room twice', () => {
    const parted = pair.map((u, i) => ({ ...u, to: [i] }));
    const disks = [
      { bytes: 450, inodes: 10 },
      { bytes: 600, inodes: 10 },
    ];
    expect(balance(linked(parted, disks, groups)).shortfalls()).toEqual([{ disk: 0, bytes: 50, inodes: 0 }]);
  });

  it('does not count once it is copied: it is free there already', () => {
    const lying = pair.map((u) => ({ ...u, at: 0 }));
    expect(balance(linked(lying, [{ bytes: 600, inodes: 60 }], groups)).shortfalls()).toMatchObject([{ bytes: 400 }]);
  });

  it('of a sample is no more than is there, nearly always', () => {
    const random = randoms(11);
    let tooMuch = 0;
    for (let round = 0; round < 200; round++) {
      const messages = Array.from({ length: 400 }, () => Math.ceil(1000 + 100_000 * random() ** 4));
      const all = messages.reduce((a, b) => a + b, 0);
      const met = messages.filter(() => random() < 1 / 8);
      const sample = met.map((bytes) => sharing([0, 1], bytes));
      const [saved] = savedBy({ groups: sample, oneIn: 8 }, () => 0, [0], 1);
      if (saved!.bytes > all) tooMuch++;
    }
    expect(tooMuch).toBeLessThanOrEqual(14); // 2.3 % of a normal distribution, and a skewed one
    const whole = savedBy({ groups: [sharing([0, 1, 1], 100)], oneIn: 1 }, () => 0, [0], 1);
    expect(whole).toEqual([{ bytes: 200, inodes: 2 }]);
  });
});
