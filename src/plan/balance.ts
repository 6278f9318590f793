/**
 * HOT: spreads units over partitions (`npm run bench -- plan`: 1,000,000 users). Largest first, each to where the squares
 * of all loads, bytes and files, grow least; then moves and swaps from the fullest partition until nothing gains.
 * Never over a disk's room while another partition has room. The same answer for the same units; `keys` must ascend.
 */
import { improve } from './improve.js';
import { searchLeastMoves } from './least-moves.js';
import { Loads } from './loads.js';
import { lowerBound } from './lower-bound.js';
import type { PlacementTask } from './units.js';

/** Closer to the lower bound than this is not looked for: a tenth of what is promised. */
const GOOD_ENOUGH = 1.001;

/** Of so few, all placements are tried where that may gain. */
const FEW = 12;

/** What lies or was promised somewhere stays there; all others are placed. */
export function balance(task: PlacementTask): Loads {
  const loads = new Loads(task);
  const { keys, current } = task;
  const isOpen = (u: number) => current[u]! < 0;
  let count = 0;
  for (let u = 0; u < keys.length; u++)
    if (isOpen(u)) count++;
    else loads.put(u, current[u]!);
  const units = new Uint32Array(count);
  for (let u = 0, at = 0; u < keys.length; u++) if (isOpen(u)) units[at++] = u;
  sortLargestFirst(task, units);
  for (const u of units) loads.put(u, bestPlace(loads, u));
  const goodEnough = Math.min(GOOD_ENOUGH * lowerBound(loads), loads.mostOfShare);
  improve(loads, goodEnough, isOpen);
  if (count <= FEW && loads.spread() > goodEnough) searchLeastMoves(loads, task, [...units], goodEnough);
  return loads;
}

/** By the larger of what a unit is of all bytes and of all files, the first slot's; then by name. */
function sortLargestFirst({ partitions }: PlacementTask, units: Uint32Array): void {
  const { bytes, files } = partitions[0]!.slots[0]!;
  let allBytes = 0;
  let allFiles = 0;
  for (const u of units) {
    allBytes += bytes[u]!;
    allFiles += files[u]!;
  }
  const ofBytes = allBytes > 0 ? 1 / allBytes : 0;
  const ofFiles = allFiles > 0 ? 1 / allFiles : 0;
  const size = new Float64Array(bytes.length);
  for (const u of units) size[u] = Math.max(bytes[u]! * ofBytes, files[u]! * ofFiles);
  sortFalling(units, size);
}

/** By merging, stably: `sort` of a typed array copies it into objects, 30 MB of a million. `units` ascend. */
function sortFalling(units: Uint32Array, size: Float64Array): void {
  let from: Uint32Array = units;
  let to: Uint32Array = new Uint32Array(units.length);
  for (let width = 1; width < units.length; width *= 2) {
    for (let start = 0; start < units.length; start += 2 * width) {
      const middle = Math.min(start + width, units.length);
      const end = Math.min(start + 2 * width, units.length);
      let a = start;
      let b = middle;
      for (let at = start; at < end; at++)
        to[at] = a < middle && (b >= end || size[from[a]!]! >= size[from[b]!]!) ? from[a++]! : from[b++]!;
    }
    [from, to] = [to, from];
  }
  if (from !== units) units.set(from);
}

/** Of the partitions allowed the one where it weighs least; where it fits nowhere, that which it overfills least. */
function bestPlace(loads: Loads, u: number): number {
  const { choices, choice } = loads.task;
  const set = choices[choice[u]!]!;
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const p of set) {
    if (!loads.fits(u, p)) continue;
    const growth = loads.shares[p]! > 0 ? loads.growthOfSquares(u, p) : Number.MAX_VALUE;
    if (growth < least) {
      least = growth;
      best = p;
    }
  }
  if (best >= 0) return best;
  for (const p of set) {
    const excess = loads.excess(u, p);
    if (excess < least) {
      least = excess;
      best = p;
    }
  }
  return best;
}
