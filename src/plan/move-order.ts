/**
 * In which order mailboxes go from file system to file system so that none is ever over its room: what leaves one makes
 * room for what comes there, and swaps go through whatever is free. Two ways are tried, the smallest first and the
 * largest that fits; where mailboxes wait for each other in both, nobody goes. Pure.
 */
import type { Room } from './units.js';

/** Of one mailbox: what it takes of disks that it comes to, and leaves free on others. */
export interface MoveNeeds {
  readonly takes: readonly DiskNeed[];
  readonly frees: readonly DiskNeed[];
}

export interface DiskNeed {
  readonly disk: number;
  readonly bytes: number;
  readonly inodes: number;
}

export type MoveOrder =
  | { readonly order: readonly number[] }
  /** Those that wait for each other. */
  | { readonly stuck: readonly number[] };

/** More are only tried the smallest first. */
const MOST_TO_SEARCH = 20_000;
/** Sums of doubles. */
const SLACK = 1e-3;

export function orderMoves(moves: readonly MoveNeeds[], free: readonly Room[]): MoveOrder {
  const first = tryOrder(moves, free, 'smallest');
  if ('order' in first || moves.length > MOST_TO_SEARCH) return first;
  const second = tryOrder(moves, free, 'largest');
  return 'order' in second ? second : first;
}

function tryOrder(moves: readonly MoveNeeds[], free: readonly Room[], which: 'smallest' | 'largest'): MoveOrder {
  const left = free.map(({ bytes, inodes }) => ({ bytes, inodes }));
  const order: number[] = [];
  const ways = waysOf(moves, order);
  const fits = (n: number) =>
    moves[n]!.takes.every(
      ({ disk, bytes, inodes }) => bytes <= left[disk]!.bytes + SLACK && inodes <= left[disk]!.inodes + SLACK,
    );
  const next = (way: readonly number[]): number => {
    if (which === 'smallest') return way.length > 0 && fits(way.at(-1)!) ? way.length - 1 : -1;
    return way.findIndex(fits);
  };
  for (;;) {
    let from: number[] | undefined;
    let at = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const way of ways) {
      const candidate = next(way);
      if (candidate < 0) continue;
      // off the fullest disk first: others wait for that
      const pressed = Math.min(...moves[way[candidate]!]!.frees.map(({ disk }) => left[disk]!.bytes));
      if (from && pressed >= least) continue;
      from = way;
      at = candidate;
      least = pressed;
    }
    if (!from) break;
    const [n] = from.splice(at, 1) as [number];
    order.push(n);
    for (const { disk, bytes, inodes } of moves[n]!.takes) {
      left[disk]!.bytes -= bytes;
      left[disk]!.inodes -= inodes;
    }
    for (const { disk, bytes, inodes } of moves[n]!.frees) {
      left[disk]!.bytes += bytes;
      left[disk]!.inodes += inodes;
    }
  }
  const stuck = ways.flat();
  return stuck.length === 0 ? { order } : { stuck: stuck.sort((a, b) => a - b) };
}

/** Those with the same disks, the largest first; what takes nothing goes into `order` at once. */
function waysOf(moves: readonly MoveNeeds[], order: number[]): number[][] {
  const ways = new Map<string, number[]>();
  const sizes = moves.map(({ takes }) => takes.reduce((sum, { bytes }) => sum + bytes, 0));
  for (const [n, { takes, frees }] of moves.entries()) {
    if (takes.length === 0) {
      order.push(n);
      continue;
    }
    const key = [...takes, ...frees].map(({ disk }) => disk).join();
    const way = ways.get(key);
    if (way) way.push(n);
    else ways.set(key, [n]);
  }
  return [...ways.values()].map((way) => way.sort((a, b) => sizes[b]! - sizes[a]! || b - a));
}
