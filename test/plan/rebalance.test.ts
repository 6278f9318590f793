import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balance } from '../../src/plan/balance.js';
import { lowerBound } from '../../src/plan/lower-bound.js';
import { movedBytes, rebalance } from '../../src/plan/rebalance.js';
import { disks, disksFor, placesOf, roomy, type TestUnit, taskOf, units } from './task.js';

const everyone = () => true;

describe('rebalancing', () => {
  it('moves no more than placing all anew would, and reaches what that reaches', () =>
    fc.assert(
      fc.property(
        units,
        disks,
        fc.infiniteStream(fc.nat(4)),
        fc.double({ min: 1, max: 1.5, noNaN: true }),
        (all, proportions, where, wanted) => {
          const lying = all.map((u) => ({ ...u, at: (where.next().value as number) % proportions.length }));
          const task = taskOf(lying, disksFor(all, proportions, 0.4));
          const { loads, aim } = rebalance(task, wanted, everyone);
          const anew = balance(
            taskOf(
              all.map((u) => ({ ...u, at: -1 })),
              disksFor(all, proportions, 0.4),
            ),
          );
          const reaches = (l: typeof anew) => l.spread() <= aim + 1e-9 && l.shortfalls().length === 0;
          if (reaches(anew)) {
            expect(reaches(loads)).toBe(true);
            expect(movedBytes(task, loads)).toBeLessThanOrEqual(movedBytes(task, anew) + 1e-6);
          } else expect(loads.spread()).toBeLessThanOrEqual(anew.spread() + 1e-9);
        },
      ),
    ));

  it('moves nothing where the spread is as wanted', () =>
    fc.assert(
      fc.property(units, disks, (all, proportions) => {
        const rooms = disksFor(all, proportions, 0.4);
        const first = balance(taskOf(all, rooms));
        const places = placesOf(first);
        const task = taskOf(
          all.map((u) => ({ ...u, at: places[u.key]! })),
          rooms,
        );
        if (first.shortfalls().length > 0) return;
        const { loads } = rebalance(task, first.spread(), everyone);
        expect(movedBytes(task, loads)).toBe(0);
      }),
    ));

  it('moves little more onto an added partition than must leave the others', () => {
    const all: TestUnit[] = Array.from({ length: 2000 }, (_, i) => ({
      key: `user.u${i}`,
      bytes: 1000 + ((i * 7919) % 50_000),
      files: 10 + ((i * 104_729) % 900),
      at: i % 3,
    }));
    const task = taskOf(all, roomy(4));
    const { loads } = rebalance(task, 1.02, everyone);
    expect(loads.spread()).toBeLessThanOrEqual(1.02 + 1e-9);
    const whole = all.reduce((s, u) => s + u.bytes, 0);
    const must = whole * (1 - 3 * 0.25 * 1.02);
    expect(movedBytes(task, loads)).toBeLessThanOrEqual(1.05 * must);
    const moved = task.keys.filter((_, u) => loads.assignment[u] !== task.current[u]);
    expect(moved.every((key) => placesOf(loads)[key] === 3)).toBe(true);
  });

  it('leaves pinned users alone, and what is not free', () => {
    const all: TestUnit[] = [
      { key: 'ceo', bytes: 500, files: 5, to: [0], at: 0 },
      ...Array.from({ length: 20 }, (_, i) => ({ key: `u${i}`, bytes: 100, files: 1, at: 0 })),
    ];
    const task = taskOf(all, roomy(2));
    const { loads } = rebalance(task, 1.05, (u) => task.keys[u] !== 'ceo');
    expect(placesOf(loads).ceo).toBe(0);
    expect(loads.spread()).toBeLessThanOrEqual(Math.max(1.05, 1.005 * lowerBound(loads)) + 1e-9);
  });

  it('empties a disk that is over its room, even where the spread is as wanted', () => {
    const all: TestUnit[] = Array.from({ length: 100 }, (_, i) => ({
      key: `u${i}`,
      bytes: 100,
      files: 1,
      at: i < 60 ? 0 : 1,
    }));
    const rooms = [
      { bytes: 5500, inodes: 1e9 },
      { bytes: 5500, inodes: 1e9 },
    ];
    const { loads } = rebalance(taskOf(all, rooms), 2, everyone);
    expect(loads.shortfalls()).toEqual([]);
  });
});
