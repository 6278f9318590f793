import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balance } from '../../src/plan/balance.js';
import { lowerBound } from '../../src/plan/lower-bound.js';
import { randoms } from '../support/randoms.js';
import { disks, disksFor, optimum, placesOf, roomy, type TestUnit, taskOf, units } from './task.js';

/** Log-normal sizes, as mail has them: a few users have most of it. */
function manyUsers(count: number, seed: number): TestUnit[] {
  const random = randoms(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, (_, i) => {
    const files = Math.ceil(Math.exp(6 + 1.4 * normal()));
    return { key: `user.u${i}`, files, bytes: Math.ceil(files * Math.exp(10 + normal())) };
  });
}

describe('balancing', () => {
  it('places every unit once, where its rule lets it, and counts it once', () =>
    fc.assert(
      fc.property(units, disks, fc.infiniteStream(fc.nat(31)), (all, proportions, masks) => {
        const ruled = all.map((u) => {
          const mask = masks.next().value as number;
          const to = proportions.flatMap((_, p) => (mask & (1 << p) ? [p] : []));
          return to.length > 0 ? { ...u, to } : u;
        });
        const loads = balance(taskOf(ruled, disksFor(all, proportions, 0.3)));
        const places = placesOf(loads);
        for (const { key, to } of ruled) expect(to ?? proportions.map((_, p) => p)).toContain(places[key]);
        for (const [d] of proportions.entries()) {
          const here = ruled.filter(({ key }) => places[key] === d);
          expect(loads.used[2 * d]).toBeCloseTo(
            here.reduce((s, u) => s + u.bytes, 0),
            4,
          );
          expect(loads.used[2 * d + 1]).toBeCloseTo(
            here.reduce((s, u) => s + u.files, 0),
            4,
          );
        }
      }),
    ));

  it('is the same in whatever order the units come', () =>
    fc.assert(
      fc.property(
        units.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        disks,
        ([all, shuffled], proportions) => {
          const rooms = disksFor(all, proportions, 0.5);
          expect(placesOf(balance(taskOf(shuffled, rooms)))).toEqual(placesOf(balance(taskOf(all, rooms))));
        },
      ),
    ));

  it('never overfills a disk while it says that all fits, be it as full as it may', () =>
    fc.assert(
      fc.property(units, disks, fc.double({ min: 0.3, max: 1.3, noNaN: true }), (all, proportions, fill) => {
        const rooms = disksFor(all, proportions, fill);
        const loads = balance(taskOf(all, rooms));
        const over = rooms.some(
          ({ bytes, inodes }, d) => loads.used[2 * d]! > bytes + 1e-3 || loads.used[2 * d + 1]! > inodes + 1e-3,
        );
        expect(loads.shortfalls().length > 0).toBe(over);
      }),
    ));

  it('fits many users onto disks that are nearly full', () => {
    const all = manyUsers(2000, 5);
    for (const fill of [0.9, 0.98, 0.999]) {
      const rooms = disksFor(
        all,
        [
          { bytes: 3, inodes: 3 },
          { bytes: 1, inodes: 1 },
          { bytes: 2, inodes: 2 },
        ],
        fill,
      );
      expect(balance(taskOf(all, rooms)).shortfalls()).toEqual([]);
    }
  });

  it('says by how much it does not fit', () => {
    const all: TestUnit[] = [
      { key: 'user.a', bytes: 100, files: 10 },
      { key: 'user.b', bytes: 100, files: 10 },
    ];
    expect(balance(taskOf(all, [{ bytes: 150, inodes: 100 }])).shortfalls()).toEqual([
      { disk: 0, bytes: 50, inodes: 0 },
    ]);
    expect(balance(taskOf(all, [{ bytes: 1e9, inodes: 12 }])).shortfalls()).toEqual([{ disk: 0, bytes: 0, inodes: 8 }]);
  });

  it('places a handful of users as well as can be', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 100 }), files: fc.integer({ min: 1, max: 100 }) }), {
          minLength: 1,
          maxLength: 7,
        }),
        fc.integer({ min: 1, max: 3 }),
        (sizes, count) => {
          const all = sizes.map((size, i) => ({ ...size, key: `user.u${i}` }));
          const loads = balance(taskOf(all, roomy(count)));
          const best = optimum(loads);
          expect(lowerBound(loads)).toBeLessThanOrEqual(best + 1e-9);
          expect(loads.spread()).toBeGreaterThanOrEqual(best - 1e-9);
          expect(loads.spread()).toBeLessThanOrEqual(1.001 * best + 1e-9);
        },
      ),
    ));

  it('bounds from below what rules allow, too', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            bytes: fc.integer({ min: 0, max: 50 }),
            files: fc.integer({ min: 1, max: 50 }),
            to: fc.constantFrom([0], [1, 2], [0, 1, 2], [2]),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        (sizes) => {
          const loads = balance(
            taskOf(
              [...sizes.map((size, i) => ({ ...size, key: `user.u${i}` })), { key: 'z', bytes: 1, files: 1 }],
              roomy(3),
            ),
          );
          expect(lowerBound(loads)).toBeLessThanOrEqual(optimum(loads) + 1e-9);
          expect(loads.spread()).toBeGreaterThanOrEqual(lowerBound(loads) - 1e-9);
        },
      ),
    ));

  it.each([
    ['eight alike', 1001, roomy(8)],
    ['three of different sizes', 1001, [9, 3, 1].map((n) => ({ bytes: n * 1e12, inodes: 1e12 }))],
    ['few inodes on one', 1500, [1, 1, 1].map((_, i) => ({ bytes: 1e12, inodes: i === 0 ? 4e5 : 1e9 }))],
    ['twenty', 5000, roomy(20)],
  ] as const)('%s: %i users come within 1 %% of the lower bound', (_case, count, rooms) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const loads = balance(taskOf(manyUsers(count, seed), rooms));
      expect(loads.shortfalls()).toEqual([]);
      expect(loads.spread() / lowerBound(loads)).toBeLessThanOrEqual(1.01);
    }
  });

  /** Pareto sizes: the largest few hundred have most of the mail, the largest of all some percent. */
  function heavyTailed(count: number, seed: number): TestUnit[] {
    const random = randoms(seed);
    return Array.from({ length: count }, (_, i) => {
      const files = Math.min(300_000, Math.ceil(20 * (1 - random()) ** (-1 / 1.05)));
      return { key: `user.u${i}`, files, bytes: Math.ceil(files * Math.min(2e6, 3000 * (1 - random()) ** (-1 / 1.5))) };
    });
  }

  it.each([
    ['four alike', roomy(4), undefined],
    ['six on three file systems', roomy(3), [0, 1, 2, 0, 1, 0]],
    ['capacities of 1 to 16', [16, 4, 2, 1].map((n) => ({ bytes: n * 1e13, inodes: n * 1e9 })), undefined],
    ['much room and few inodes', [1, 9, 3].map((n) => ({ bytes: n * 1e13, inodes: (10 - n) * 1e7 })), undefined],
  ] as const)(
    '%s: of a heavy tail of 1,001 to 20,000 users it comes within 1 %% of the lower bound',
    (_case, rooms, diskOf) => {
      for (const count of [1001, 3000, 20_000])
        for (const seed of [1, 2, 3]) {
          const loads = balance(taskOf(heavyTailed(count, seed), rooms, diskOf as number[] | undefined));
          expect(loads.shortfalls()).toEqual([]);
          expect(loads.spread() / lowerBound(loads), `${count} users, seed ${seed}`).toBeLessThanOrEqual(1.01);
        }
    },
  );

  it('with archive and meta disks of their own comes within 1 % of even on all of them', () => {
    for (const seed of [1, 2, 3]) {
      const all = manyUsers(4000, seed);
      const random = randoms(seed + 10);
      const data = taskOf(all, roomy(3));
      const { bytes, files } = data.partitions[0]!.slots[0]!;
      const old = bytes.map((b) => Math.floor(b * random()));
      const archived = { bytes: old, files: files.map((f, u) => Math.floor((f * old[u]!) / Math.max(1, bytes[u]!))) };
      const meta = { bytes: files.map((f) => 900 * f + 400), files: files.map(() => 6) };
      const fresh = { bytes: bytes.map((b, u) => b - old[u]!), files: files.map((f, u) => f - archived.files[u]!) };
      const slot = (disk: number, of: { bytes: Float64Array; files: Float64Array }) => ({
        ...{ disk, ...of, diskBytes: of.bytes, inodes: of.files },
      });
      const partitions = data.partitions.map((partition, p) => ({
        ...partition,
        slots: [slot(p, fresh), slot(3 + (p % 2), archived), slot(5, meta)],
      }));
      const loads = balance({ ...data, partitions, disks: roomy(6) });
      expect(loads.spread() / lowerBound(loads)).toBeLessThanOrEqual(1.01);
    }
  });

  it('evens out bytes and files, where few have many small messages and others few large ones', () => {
    const all: TestUnit[] = Array.from({ length: 1200 }, (_, i) =>
      i % 10 === 0 ? { key: `u${i}`, bytes: 1000, files: 900 } : { key: `u${i}`, bytes: 9000 + i, files: 5 },
    );
    const loads = balance(taskOf(all, roomy(4)));
    for (const p of [0, 1, 2, 3]) {
      const here = all.filter(({ key }) => placesOf(loads)[key] === p);
      const mean = (of: (u: TestUnit) => number) => all.reduce((s, u) => s + of(u), 0) / 4;
      expect(here.reduce((s, u) => s + u.bytes, 0) / mean((u) => u.bytes)).toBeCloseTo(1, 2);
      expect(here.reduce((s, u) => s + u.files, 0) / mean((u) => u.files)).toBeCloseTo(1, 2);
    }
  });

  it('fills disks by their room, and two partitions of one disk as one', () => {
    const all: TestUnit[] = Array.from({ length: 400 }, (_, i) => ({ key: `user.u${i}`, bytes: 100, files: 1 }));
    const loads = balance(
      taskOf(
        all,
        [
          { bytes: 3e6, inodes: 1e9 },
          { bytes: 1e6, inodes: 1e9 },
        ],
        [0, 1, 0],
      ),
    );
    expect([...loads.shares]).toEqual([0.375, 0.25, 0.375]);
    expect([0, 1, 2].map((p) => Object.values(placesOf(loads)).filter((at) => at === p).length)).toEqual([
      150, 100, 150,
    ]);
  });

  it('leaves where it is what lies there, however it has grown, and places the others around it', () =>
    fc.assert(
      fc.property(units, units, disks, (before, growth, proportions) => {
        const first = placesOf(balance(taskOf(before, disksFor(before, proportions, 0.4))));
        const grown = before.map((u, i) => ({
          ...u,
          bytes: u.bytes + (growth[i]?.bytes ?? 0),
          files: u.files + (growth[i]?.files ?? 0),
          at: first[u.key]!,
        }));
        const fresh = growth.map((u) => ({ ...u, key: `${u.key}.new` }));
        const all = [...grown, ...fresh];
        const second = placesOf(balance(taskOf(all, disksFor(all, proportions, 0.4))));
        for (const { key, at } of grown) expect(second[key]).toBe(at);
      }),
    ));

  it('gives the next users to the partition that was added, until it carries as much', () => {
    const old: TestUnit[] = Array.from({ length: 200 }, (_, i) => ({ key: `a${i}`, bytes: 100, files: 1, at: i % 2 }));
    const fresh: TestUnit[] = Array.from({ length: 50 }, (_, i) => ({ key: `b${i}`, bytes: 100, files: 1 }));
    const places = placesOf(balance(taskOf([...old, ...fresh], roomy(3))));
    expect(fresh.every(({ key }) => places[key] === 2)).toBe(true);
    expect(old.every(({ key, at }) => places[key] === at)).toBe(true);
  });

  it('leaves an excluded partition what it has, and out of the mean', () => {
    const all: TestUnit[] = [
      { key: 'old', bytes: 1e6, files: 10, to: [0, 1], at: 2 },
      ...Array.from({ length: 100 }, (_, i) => ({ key: `u${i}`, bytes: 100, files: 1, to: [0, 1] })),
    ];
    const loads = balance(taskOf(all, roomy(3)));
    expect(placesOf(loads).old).toBe(2);
    expect(loads.shares[2]).toBe(0);
    expect(loads.spread()).toBeCloseTo(1, 6);
    expect(lowerBound(loads)).toBeCloseTo(1, 6);
  });
});
