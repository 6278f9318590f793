/**
 * What no placement can beat: the least that the largest measure of any partition can be, whatever lies where the rules
 * allow. Four reasons: somebody carries the mean; what rules tie to some partitions is carried there; large units can't
 * be cut, and where one of them lies there is little room for the files that belong to the rest of its bytes. By bytes and
 * files of each kind of disk.
 */
import type { Loads } from './loads.js';

/** Of so many sets of partitions that rules name, all unions are looked at; of more, each set by itself. */
const MOST_SETS = 8;
/** How many of the largest units are looked at for each partition. */
const PER_PARTITION = 8;

export function lowerBound(loads: Loads): number {
  const { shares, isCounted } = loads;
  const parts = new Float64Array(isCounted.length);
  const dimensions = dimensionsOf(loads);
  let bound = 0;
  for (const columns of dimensions) {
    fillParts(parts, columns, isCounted);
    bound = Math.max(bound, boundOfSets(loads, parts), boundOfLargest(shares, parts));
  }
  for (const mine of dimensions) {
    fillParts(parts, mine, isCounted);
    const giant = giantOf(loads, parts);
    if (giant < 0) continue;
    for (const columns of dimensions) {
      if (columns === mine) continue;
      const others = new Float64Array(parts.length);
      fillParts(others, columns, isCounted);
      bound = Math.max(bound, boundOfGiant(loads, giant, parts, others));
    }
  }
  return bound > 1 - 1e-9 ? Math.max(1, bound) : bound > 0 ? bound : 1; // sums of doubles
}

/** Bytes and files of each kind of disk: the column of every partition that takes part; undefined where it has none. */
function dimensionsOf(loads: Loads): (Float64Array | undefined)[][] {
  const { open, first } = loads;
  const partitions = [...open.keys()].filter((p) => open[p]);
  const most = Math.max(0, ...partitions.map((p) => first[p + 1]! - first[p]!));
  return Array.from({ length: most }, (_, i) => {
    const columns = partitions.map((p) => (first[p]! + i < first[p + 1]! ? loads.column(first[p]! + i) : undefined));
    return [...new Set(columns)];
  });
}

/** What each unit is of the whole; the least of it where partitions count differently. */
function fillParts(parts: Float64Array, columns: readonly (Float64Array | undefined)[], isCounted: Uint8Array): void {
  parts.fill(0);
  if (columns.includes(undefined)) return;
  for (const [i, column] of (columns as readonly Float64Array[]).entries()) {
    let sum = 0;
    for (let u = 0; u < column.length; u++) sum += isCounted[u]! * column[u]!;
    const factor = sum > 0 ? 1 / sum : 0;
    for (let u = 0; u < column.length; u++) {
      const part = isCounted[u]! * column[u]! * factor;
      if (i === 0 || part < parts[u]!) parts[u] = part;
    }
  }
}

function boundOfSets({ task: { choices, choice, current }, shares }: Loads, parts: Float64Array): number {
  const sums = new Float64Array(choices.length);
  const isIn = choices.map((set) => new Set(set));
  for (let u = 0; u < parts.length; u++) {
    // what an excluded partition keeps is tied to no other
    if (current[u]! < 0 || isIn[choice[u]!]!.has(current[u]!)) sums[choice[u]!]! += parts[u]!;
  }
  const used = [...choices.keys()].filter((c) => sums[c]! > 0);
  const unions: (readonly number[])[] = used.map((c) => choices[c]!);
  if (used.length <= MOST_SETS)
    for (let mask = 1; mask < 1 << used.length; mask++)
      unions.push(used.flatMap((c, i) => (mask & (1 << i) ? choices[c]! : [])));
  let bound = parts.reduce((a, b) => a + b, 0); // of partitions that all together have a share of 1
  for (const union of unions) {
    const set = new Set(union);
    let share = 0;
    for (const p of set) share += shares[p]!;
    let load = 0;
    for (const c of used) if (choices[c]!.every((p) => set.has(p))) load += sums[c]!;
    if (share > 0) bound = Math.max(bound, load / share);
  }
  return bound;
}

/** Of the n largest units some partitions carry several: the least measure at which n of the size of the nth have places. */
function boundOfLargest(shares: Float64Array, parts: Float64Array): number {
  const largest = largestOf(parts, PER_PARTITION * shares.length + 1);
  let bound = 0;
  for (const [i, size] of largest.entries()) {
    const n = i + 1;
    if (size <= 0) break;
    const isPossible = (measure: number) => placesAt(measure, shares, size) >= n;
    if (!isPossible(bound)) bound = leastPossible(bound, isPossible);
  }
  return bound;
}

/** The least measure that is possible, from below; `impossible` is not, and above one that is all are. */
function leastPossible(impossible: number, isPossible: (measure: number) => boolean): number {
  let low = impossible;
  let high = Math.max(1, 2 * low);
  while (!isPossible(high)) high *= 2;
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (isPossible(middle)) high = middle;
    else low = middle;
  }
  return low;
}

/** In falling order. */
function largestOf(values: Float64Array, count: number): Float64Array {
  const top = new Float64Array(Math.min(count, values.length));
  for (const value of values) {
    let at = top.length - 1;
    if (value <= top[at]!) continue;
    for (; at > 0 && top[at - 1]! < value; at--) top[at] = top[at - 1]!;
    top[at] = value;
  }
  return top;
}

function placesAt(measure: number, shares: Float64Array, size: number): number {
  let places = 0;
  for (const share of shares) places += Math.floor((measure * share) / size);
  return places;
}

/** A unit that is less of every partition's share leaves room enough for everything else. */
const GIANT = 0.25;

/** The largest unit, where it is a good part of what a partition should carry; else -1. */
function giantOf({ task: { partitions }, shares }: Loads, parts: Float64Array): number {
  let giant = -1;
  for (let u = 0; u < parts.length; u++) if (parts[u]! > (giant < 0 ? 0 : parts[giant]!)) giant = u;
  if (giant < 0) return -1;
  const largest = partitions.reduce((most, _, p) => Math.max(most, shares[p]!), 0);
  return parts[giant]! > GIANT * largest ? giant : -1;
}

/**
 * Beside the giant a partition has little room left by `mine`; what it can carry of `other` in it, with those units that
 * have most of it (a fraction of the last), and what the other partitions can carry at that measure, must be all there is.
 */
function boundOfGiant(loads: Loads, giant: number, mine: Float64Array, other: Float64Array): number {
  const { choices, choice, current } = loads.task;
  const order: number[] = [];
  for (let u = 0; u < mine.length; u++) if (u !== giant && other[u]! > 0) order.push(u);
  const price = (u: number) => mine[u]! / other[u]!;
  order.sort((a, b) => price(a) - price(b));
  const cost = new Float64Array(order.length + 1);
  const gain = new Float64Array(order.length + 1);
  for (const [i, u] of order.entries()) {
    cost[i + 1] = cost[i]! + mine[u]!;
    gain[i + 1] = gain[i]! + other[u]!;
  }
  const all = gain[order.length]! + other[giant]!;
  /** The most of `other` that comes with so much of `mine`. */
  const mostFor = (room: number): number => {
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (cost[middle]! <= room) low = middle;
      else high = middle - 1;
    }
    const left = room - cost[low]!;
    return gain[low]! + (low < order.length ? (left * other[order[low]!]!) / mine[order[low]!]! : 0);
  };
  const isPossibleOn = (share: number) => (measure: number) => {
    const room = measure * share - mine[giant]!;
    if (room < 0) return false;
    return all <= Math.min(measure * share, other[giant]! + mostFor(room)) + measure * (1 - share);
  };
  let least = Number.POSITIVE_INFINITY;
  const set = choices[choice[giant]!]!;
  for (const p of current[giant]! < 0 || set.includes(current[giant]!) ? set : [current[giant]!]) {
    const share = loads.shares[p]!;
    if (share === 0) return 0;
    least = Math.min(least, leastPossible(0, isPossibleOn(share)));
  }
  return Number.isFinite(least) ? least : 0;
}
