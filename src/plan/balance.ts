/**
 * HOT: spreads units over partitions (`npm run bench -- plan`: 1,000,000 users). Largest first, each to where the squares
 * of all loads, bytes and files, grow least; then moves and swaps from the fullest partition until nothing gains.
 * Never over a disk's room while another partition has room. The same answer for the same units; `keys` must ascend.
 */
import { improve } from './improve.js';
import { searchLeastMoves } from './least-moves.js';
import { bundlesOf, dataDisks, savedBy, savedOfTask } from './links.js';
import { Loads } from './loads.js';
import { lowerBound } from './lower-bound.js';
import type { PlacementTask } from './units.js';

/** Closer to the lower bound than this is not looked for: a tenth of what is promised. */
const GOOD_ENOUGH = 1.001;

/** Placements that keep links on one file system may be so much less even: what is promised of any. */
const MOST_FOR_LINKS = 1.01;
/** So many of the largest are tried elsewhere, and so many units placed again for that at most: about 3 s. */
const GIANTS = 5;
const MOST_PLACED_AGAIN = 1_000_000;
/** A file system may be so much over its share with a bundle: others can't go off it to make it even. */
const SLACK_FOR_LINKS = 0.005;
/** Of so few, all placements are tried where that may gain. */
const FEW = 12;

/** What lies or was promised somewhere stays there; all others are placed. */
export function balance(task: PlacementTask): Loads {
  const plain = withGiantsElsewhere(task, spread(task, false));
  if (!task.links) return plain;
  plain.spare(savedOfTask(plain));
  const bundled = spread(task, true);
  bundled.spare(savedOfTask(bundled));
  const isWorse =
    bundled.shortfalls().length > plain.shortfalls().length ||
    bundled.spread() > Math.max(plain.spread(), MOST_FOR_LINKS * lowerBound(plain));
  return isWorse ? plain : bundled;
}

/**
 * Where the largest units came to lie first decides how even the rest can be: where it is not as even as is promised, each
 * of them is tried on each other partition, with all the rest placed anew.
 */
function withGiantsElsewhere(task: PlacementTask, loads: Loads): Loads {
  const goodEnough = MOST_FOR_LINKS * lowerBound(loads);
  const { current, choices, choice } = task;
  const open = new Uint32Array(current.length).map((_, u) => u).filter((u) => current[u]! < 0);
  if (loads.spread() <= goodEnough || open.length <= FEW) return loads;
  sortLargestFirst(task, open);
  let best = loads;
  let fixed = current;
  let runs = Math.floor(MOST_PLACED_AGAIN / open.length);
  for (const giant of open.subarray(0, GIANTS)) {
    for (const p of choices[choice[giant]!]!) {
      if (p === best.assignment[giant] || loads.shares[p] === 0 || runs-- <= 0) continue;
      const there = Int16Array.from(fixed);
      there[giant] = p;
      const other = spread({ ...task, current: there }, false);
      const isBetter = other.spread() < best.spread() && other.shortfalls().length <= best.shortfalls().length;
      if (isBetter) best = other;
    }
    if (best.spread() <= goodEnough) break;
    fixed = Int16Array.from(fixed);
    fixed[giant] = best.assignment[giant]!;
  }
  return best === loads ? loads : Loads.of(task, best.assignment); // best's own task says that a giant lies there
}

function spread(task: PlacementTask, inBundles: boolean): Loads {
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
  const bundled = inBundles ? placeBundles(loads, units, isOpen) : undefined;
  for (const u of units) if (!bundled?.has(u)) loads.put(u, bestPlace(loads, u));
  const bound = lowerBound(loads);
  const goodEnough = Math.min(GOOD_ENOUGH * bound, loads.mostOfShare);
  if (bundled) {
    improve(loads, goodEnough, (u) => isOpen(u) && !bundled.has(u));
    if (loads.spread() <= MOST_FOR_LINKS * bound && loads.spread() <= loads.mostOfShare) return loads;
  }
  improve(loads, bundled ? Math.min(MOST_FOR_LINKS * bound, loads.mostOfShare) : goodEnough, isOpen);
  if (!bundled && count <= FEW && loads.spread() > goodEnough) searchLeastMoves(loads, task, [...units], goodEnough);
  return loads;
}

/** Those who share mail by links come to one file system, spread over its partitions. @returns who was placed so */
function placeBundles(loads: Loads, units: Uint32Array, isOpen: (u: number) => boolean): ReadonlySet<number> {
  const diskOf = dataDisks(loads.task);
  const { choices, choice, links } = loads.task;
  const oneIn = links?.oneIn ?? 1;
  const placed = new Set<number>();
  const rank = new Float64Array(loads.assignment.length);
  for (const [at, u] of units.entries()) rank[u] = at;
  const largest = (of: readonly number[]) => Math.min(...of.map((u) => rank[u]!));
  const bundles = bundlesOf(loads, isOpen, diskOf).sort((a, b) => largest(a.units) - largest(b.units));
  const saved = loads.task.disks.map(() => ({ bytes: 0, inodes: 0 }));
  for (const { units: together, drawnTo, own } of bundles) {
    const sorted = [...together].sort((a, b) => rank[a]! - rank[b]!);
    const set = choices[choice[sorted[0]!]!]!; // all have the same
    const disk = bestDisk(loads, sorted, set, diskOf, drawnTo);
    if (disk < 0) continue;
    const there = set.filter((p) => diskOf[p] === disk);
    for (const u of sorted) {
      loads.put(u, bestPlace(loads, u, there));
      placed.add(u);
    }
    const spared = savedBy({ groups: own, oneIn }, (u) => loads.assignment[u]!, diskOf, saved.length)[disk]!;
    saved[disk]!.bytes += spared.bytes;
    saved[disk]!.inodes += spared.inodes;
    loads.spare(saved);
  }
  return placed;
}

/** The file system that is least full with all of them, or that has their mail already; -1 where they are too much for any. */
function bestDisk(
  loads: Loads,
  units: readonly number[],
  set: readonly number[],
  diskOf: readonly number[],
  drawnTo: ReadonlyMap<number, number>,
): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const disk of new Set(set.map((p) => diskOf[p]!))) {
    const there = set.filter((p) => diskOf[p] === disk && loads.shares[p]! > 0);
    const share = there.reduce((sum, p) => sum + loads.shares[p]!, 0);
    let measure = 0;
    for (const kind of [0, 1]) {
      let carried = 0;
      for (const p of there) {
        const k = loads.first[p]! + kind;
        carried += loads.loads[k]! * loads.shares[p]!;
        if (p === there[0]) for (const u of units) carried += loads.part(u, k) * loads.shares[p]!;
      }
      measure = Math.max(measure, share > 0 ? carried / share : Number.POSITIVE_INFINITY);
    }
    if (measure > 1 + SLACK_FOR_LINKS) continue;
    if (drawnTo.has(disk)) measure -= 2; // before all that have nothing of it
    if (measure < least) {
      least = measure;
      best = disk;
    }
  }
  return best;
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
function bestPlace(loads: Loads, u: number, set = loads.task.choices[loads.task.choice[u]!]!): number {
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
