/**
 * Which units have messages that are one file: what is copied once on each file system that they come to lie on. From it
 * follow bundles of units that belong on one, and the room that need not be there. Pure.
 */
import type { Loads } from './loads.js';
import type { LinkGroup, Links, PlacementTask, Room } from './units.js';

/** File system of each partition's messages. */
export type DiskOfPartition = readonly number[];

/** What lies on one file system is not counted on by more than this many standard deviations of the estimate. */
const DEVIATIONS = 2;

/**
 * By disk, bytes and inodes that links save under an assignment: all names of a message but one. Of a sample it is the
 * estimate less what that may be wrong by, so that no disk fills up for a guess.
 */
export function savedBy(
  { groups, oneIn }: Links,
  placeOf: (u: number) => number,
  diskOf: DiskOfPartition,
  disks: number,
): Room[] {
  const sums = Array.from({ length: disks }, () => ({ bytes: 0, files: 0, byteSquares: 0, fileSquares: 0 }));
  const names = new Float64Array(disks);
  for (const { units, bytes, files, squares } of groups) {
    names.fill(0);
    for (const u of units) {
      const p = placeOf(u);
      if (p >= 0) names[diskOf[p]!]!++;
    }
    for (let d = 0; d < disks; d++) {
      const spared = names[d]! - 1;
      if (spared <= 0) continue;
      const sum = sums[d]!;
      sum.bytes += spared * bytes;
      sum.files += spared * files;
      sum.byteSquares += spared * spared * squares;
      sum.fileSquares += spared * spared * files;
    }
  }
  // of messages that are each met with a chance of 1 in n (Horvitz and Thompson)
  const less = (squares: number) => DEVIATIONS * Math.sqrt((oneIn * oneIn - oneIn) * squares);
  return sums.map(({ bytes, files, byteSquares, fileSquares }) => ({
    bytes: Math.max(0, oneIn * bytes - less(byteSquares)),
    inodes: Math.max(0, oneIn * files - less(fileSquares)),
  }));
}

/** Bytes of messages that lie on several file systems, once for each beyond the first. */
export function splitBytes({ groups, oneIn }: Links, placeOf: (u: number) => number, diskOf: DiskOfPartition): number {
  let sum = 0;
  for (const { units, bytes } of groups) sum += bytes * (new Set(units.map((u) => diskOf[placeOf(u)!])).size - 1);
  return oneIn * sum;
}

/** Of each unit, bytes of messages that others have too. */
export function sharedBytes({ groups, oneIn }: Links, units: number): Float64Array {
  const shared = new Float64Array(units);
  for (const { units: of, bytes } of groups) {
    const distinct = new Set(of);
    if (distinct.size > 1) for (const u of distinct) shared[u]! += oneIn * bytes;
  }
  return shared;
}

export interface Bundle {
  readonly units: readonly number[];
  /** By disk, bytes of its messages that lie there already. */
  readonly drawnTo: ReadonlyMap<number, number>;
  /** Messages of which all names are in it. */
  readonly own: readonly LinkGroup[];
}

/**
 * Units that are placed together: those who share most come together first, as long as what they are together is not
 * more than the smallest file system's share, so that the rest can be even.
 */
export function bundlesOf(loads: Loads, isOpen: (u: number) => boolean, diskOf: DiskOfPartition): Bundle[] {
  const { links, choice, current, partitions } = loads.task;
  if (!links || new Set(diskOf).size < 2) return [];
  const { bytes, files } = partitions[0]!.slots[0]!;
  const most = smallestShare(loads, diskOf);
  const mostBytes = most * sumOf(bytes, loads.isCounted);
  const mostFiles = most * sumOf(files, loads.isCounted);
  const bunchOf = new Map<number, number[]>();
  const weigh = ({ units, bytes: each }: LinkGroup) => each * (new Set(units).size - 1);
  const shared = links.groups.filter((group) => weigh(group) > 0).sort((a, b) => weigh(b) - weigh(a));
  for (const { units } of shared) {
    const open = [...new Set(units)].filter(isOpen);
    const [first] = open;
    if (first === undefined) continue;
    const bunches = new Set(open.map((u) => bunchOf.get(u) ?? [u]));
    const together = [...new Set([...bunches].flat())];
    const isAlike = together.every((u) => choice[u] === choice[first]);
    const sum = (column: Float64Array) => together.reduce((all, u) => all + column[u]!, 0);
    if (isAlike && sum(bytes) <= mostBytes && sum(files) <= mostFiles)
      for (const u of together) bunchOf.set(u, together);
  }
  const made = new Map<number[], { units: number[]; drawnTo: Map<number, number>; own: LinkGroup[] }>();
  for (const units of new Set(bunchOf.values())) made.set(units, { units, drawnTo: new Map(), own: [] });
  for (const group of links.groups) {
    const distinct = [...new Set(group.units)];
    const bunches = new Set(distinct.map((u) => bunchOf.get(u)));
    const disks = new Set(distinct.filter((u) => current[u]! >= 0).map((u) => diskOf[current[u]!]!));
    for (const units of bunches) {
      const bundle = units && made.get(units)!;
      if (!bundle) continue;
      if (bunches.size === 1) bundle.own.push(group);
      for (const d of disks) bundle.drawnTo.set(d, (bundle.drawnTo.get(d) ?? 0) + group.bytes);
    }
  }
  return [...made.values()];
}

function smallestShare({ shares }: Loads, diskOf: DiskOfPartition): number {
  const ofDisk = new Map<number, number>();
  for (const [p, disk] of diskOf.entries()) ofDisk.set(disk, (ofDisk.get(disk) ?? 0) + shares[p]!);
  return Math.min(...[...ofDisk.values()].filter((share) => share > 0), 1);
}

function sumOf(column: Float64Array, isCounted: Uint8Array): number {
  let sum = 0;
  for (let u = 0; u < column.length; u++) sum += isCounted[u]! * column[u]!;
  return sum;
}

/** What of it a task may count on: of what lies there already the links are there too. */
export function savedOfTask(loads: Loads): Room[] {
  const { links, disks, partitions, lying, current } = loads.task;
  if (!links) return disks.map(() => ({ bytes: 0, inodes: 0 }));
  const diskOf = dataDisks(loads.task);
  const saved = savedBy(links, (u) => loads.assignment[u]!, diskOf, disks.length);
  const all = new Float64Array(disks.length);
  const there = new Float64Array(disks.length);
  const { bytes } = partitions[0]!.slots[0]!;
  for (const { units } of links.groups)
    for (const u of new Set(units)) {
      const p = loads.assignment[u]!;
      if (p < 0) continue;
      all[diskOf[p]!]! += bytes[u]!;
      if (current[u] === p) there[diskOf[p]!]! += Math.min(lying[u]!, bytes[u]!);
    }
  return saved.map((room, d) => {
    const toCome = all[d]! > 0 ? 1 - there[d]! / all[d]! : 0;
    return { bytes: toCome * room.bytes, inodes: toCome * room.inodes };
  });
}

export function dataDisks({ partitions }: PlacementTask): DiskOfPartition {
  return partitions.map(({ slots }) => slots[0]!.disk);
}
