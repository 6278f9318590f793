import { describe, expect, it } from 'vitest';
import { Loads } from '../../src/plan/loads.js';
import { taskOf } from './task.js';

const UNITS = [
  { key: 'a', bytes: 60, files: 1 },
  { key: 'b', bytes: 40, files: 1 },
  { key: 'c', bytes: 41, files: 1 },
];

describe('what a disk has room for', () => {
  it('is all of it, to the last byte and inode, and no more', () => {
    const loads = new Loads(taskOf(UNITS, [{ bytes: 100, inodes: 9 }]));
    loads.put(0, 0);
    expect([loads.fits(1, 0), loads.fits(2, 0)]).toEqual([true, false]);
    const few = new Loads(taskOf(UNITS, [{ bytes: 1e6, inodes: 1 }]));
    expect(few.fits(1, 0)).toBe(true);
    few.put(0, 0);
    expect(few.fits(1, 0)).toBe(false);
  });

  it('is one for the partitions that share it', () => {
    const loads = new Loads(taskOf(UNITS, [{ bytes: 100, inodes: 9 }], [0, 0]));
    loads.put(0, 0);
    expect([loads.fits(1, 1), loads.fits(2, 1)]).toEqual([true, false]);
    loads.put(2, 1);
    expect([loads.isOver(0), loads.isOver(1)]).toEqual([true, true]);
    expect(loads.shortfalls()).toEqual([{ disk: 0, bytes: 1, inodes: 0 }]);
  });

  it('has room for a unit in place of another, on whichever of its partitions that lies', () => {
    const loads = new Loads(taskOf(UNITS, [{ bytes: 100, inodes: 9 }], [0, 0]));
    loads.put(0, 0);
    loads.put(1, 1);
    expect(loads.fits(2, 1)).toBe(false);
    expect(loads.fits(2, 1, 1, 1)).toBe(false); // 40 go, 41 come
    expect(loads.fits(2, 1, 0, 0)).toBe(true);
  });

  it('counts what comes and goes', () => {
    const loads = new Loads(
      taskOf(UNITS, [
        { bytes: 1000, inodes: 9 },
        { bytes: 1000, inodes: 9 },
      ]),
    );
    for (const u of [0, 1, 2]) loads.put(u, 0);
    loads.move(1, 1);
    expect([...loads.used]).toEqual([101, 2, 40, 1]);
    expect(loads.measure(0)).toBeCloseTo(101 / 70.5, 9);
    expect(loads.measure(0, 0)).toBeCloseTo(1 / 1.5, 9); // of its files, then
    expect(loads.measure(1, 1, 0)).toBeCloseTo(60 / 70.5, 9);
  });
});
