/**
 * What no placement can beat: the least that the largest measure of any partition can be, whatever lies where the rules
 * allow. Three reasons: somebody carries the mean; what rules tie to some partitions is carried there; large units can't
 * be cut. Reckoned with the messages alone (the first slot), by bytes and by files.
 */
import type { Loads } from './loads.js';

/** Of so many sets of partitions that rules name, all unions are looked at; of more, each set by itself. */
const MOST_SETS = 8;
/** How many of the largest units are looked at for each partition. */
const PER_PARTITION = 8;

export function lowerBound(loads: Loads): number {
  const { task, shares, first, open, isCounted } = loads;
  const parts = new Float64Array(isCounted.length);
  let bound = 0;
  for (const kind of [0, 1]) {
    const columns = new Set(task.partitions.flatMap((_, p) => (open[p] ? [loads.column(first[p]! + kind)] : [])));
    fillParts(parts, [...columns], isCounted);
    bound = Math.max(bound, boundOfSets(loads, parts), boundOfLargest(shares, parts));
  }
  return bound > 1 - 1e-9 ? Math.max(1, bound) : bound > 0 ? bound : 1; // sums of doubles
}

/** What each unit is of the whole; the least of it where partitions count differently. */
function fillParts(parts: Float64Array, columns: readonly Float64Array[], isCounted: Uint8Array): void {
  parts.fill(0);
  for (const [i, column] of columns.entries()) {
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
    if (placesAt(bound, shares, size) >= n) continue;
    let low = bound;
    let high = Math.max(1, 2 * bound);
    while (placesAt(high, shares, size) < n) high *= 2;
    for (let i = 0; i < 50; i++) {
      const middle = (low + high) / 2;
      if (placesAt(middle, shares, size) >= n) high = middle;
      else low = middle;
    }
    bound = low;
  }
  return bound;
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
