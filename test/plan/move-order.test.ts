import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MoveNeeds, orderMoves } from '../../src/plan/move-order.js';
import type { Room } from '../../src/plan/units.js';

const move = (from: number, to: number, bytes: number, inodes = 1): MoveNeeds => ({
  takes: from === to ? [] : [{ disk: to, bytes, inodes }],
  frees: from === to ? [] : [{ disk: from, bytes, inodes }],
});
const rooms = (...bytes: number[]): Room[] => bytes.map((b) => ({ bytes: b, inodes: 1e6 }));

/** Whether no disk is ever over its room, and every move is made once. */
function isSound(moves: readonly MoveNeeds[], free: readonly Room[], order: readonly number[]): boolean {
  const left = free.map((room) => ({ ...room }));
  for (const n of order) {
    for (const { disk, bytes, inodes } of moves[n]!.takes) {
      left[disk]!.bytes -= bytes;
      left[disk]!.inodes -= inodes;
      if (left[disk]!.bytes < -0.01 || left[disk]!.inodes < -0.01) return false;
    }
    for (const { disk, bytes, inodes } of moves[n]!.frees) {
      left[disk]!.bytes += bytes;
      left[disk]!.inodes += inodes;
    }
  }
  return [...order].sort((a, b) => a - b).join() === [...moves.keys()].join();
}

/** Every order tried. */
function isPossible(moves: readonly MoveNeeds[], free: readonly Room[]): boolean {
  const from = (done: readonly number[]): boolean => {
    if (done.length === moves.length) return isSound(moves, free, done);
    return [...moves.keys()].some((n) => {
      if (done.includes(n)) return false;
      const more = [...done, n];
      return (
        isSound(
          more.map((m) => moves[m]!),
          free,
          [...more.keys()],
        ) && from(more)
      );
    });
  };
  return from([]);
}

describe('the order of moves', () => {
  it('lets those leave first that others wait for', () => {
    const moves = [move(0, 1, 100), move(1, 2, 60), move(1, 2, 40)];
    const found = orderMoves(moves, rooms(0, 10, 100));
    expect('order' in found && isSound(moves, rooms(0, 10, 100), found.order) && found.order.at(-1)).toBe(0);
  });

  it('swaps many over two full disks through what little is free', () => {
    const moves = Array.from({ length: 100 }, (_, i) => move(i % 2, 1 - (i % 2), 50 + i));
    const found = orderMoves(moves, rooms(200, 0));
    expect('order' in found && isSound(moves, rooms(200, 0), found.order)).toBe(true);
  });

  it('makes room by the large ones, where the small ones alone do not get there', () => {
    // smallest first ends with 10 free on each and 12 on either side
    const moves = [move(0, 1, 12), move(0, 1, 9), move(1, 0, 12), move(1, 0, 9)];
    const found = orderMoves(moves, rooms(10, 10));
    expect('order' in found && isSound(moves, rooms(10, 10), found.order)).toBe(true);
  });

  it('says who waits for whom, and nothing else', () => {
    expect(orderMoves([move(0, 1, 50), move(1, 0, 50), move(0, 0, 99), move(0, 1, 10)], rooms(20, 20))).toEqual({
      stuck: [0, 1],
    });
    expect(
      orderMoves(
        [move(0, 1, 1, 5)],
        [
          { bytes: 9, inodes: 9 },
          { bytes: 9, inodes: 4 },
        ],
      ),
    ).toEqual({ stuck: [0] });
  });

  it('is sound, and what is stuck may still be possible, but seldom', () => {
    let missed = 0;
    let possible = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2), fc.nat(2), fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 6 }),
        fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30)),
        (all, free) => {
          const moves = all.map(([from, to, bytes]) => move(from, to, bytes));
          const found = orderMoves(moves, rooms(...free));
          if ('order' in found) expect(isSound(moves, rooms(...free), found.order)).toBe(true);
          else if (isPossible(moves, rooms(...free))) missed++;
          if ('order' in found || isPossible(moves, rooms(...free))) possible++;
        },
      ),
      { numRuns: 400, seed: 5 },
    );
    expect(missed / possible).toBeLessThan(0.02);
  });
});
