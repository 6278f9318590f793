/** What lies on each partition, on the source now and on the target by the plan; and who is largest. */
import type { Job } from '../job/job.js';
import type { PartitionSum, PlannedMoves, PlannedWay, TargetPartitionSum, UnitSum } from '../model/placement-view.js';
import { type Disks, disksOf, type ProbeDisk, probeDisk, ROLES } from './disks.js';
import { HashSet } from './key-table.js';
import { savedBy, splitBytes } from './links.js';
import type { DetailedPlan } from './plan.js';
import type { PlanInput } from './plan-input.js';
import type { SpaceNeeds } from './space.js';

type Sums = readonly { readonly users: number; mailboxes: number; files: number; bytes: number }[];

function shown({ disks, partitions }: Disks, sums: Sums, fillOf: (disk: number) => number): PartitionSum[] {
  return partitions.map(({ name, path, disk }, p) => {
    const { totalBytes, id } = disks[disk.data]!;
    const { users, mailboxes, files, bytes } = sums[p]!;
    return {
      name,
      path,
      capacityBytes: Number.isFinite(totalBytes) ? totalBytes : 0,
      users,
      mailboxes,
      files,
      bytes,
      fill: part(bytes, totalBytes),
      fileSystem: id,
      fileSystemFill: fillOf(disk.data),
    };
  });
}

export function sumsBefore(
  job: Job,
  { details: { before } }: Pick<DetailedPlan, 'details'>,
  probe: ProbeDisk = probeDisk,
): PartitionSum[] {
  const disks = disksOf(job.source, probe);
  const fillOf = (d: number) =>
    part(disks.disks[d]!.totalBytes - disks.disks[d]!.freeBytes, disks.disks[d]!.totalBytes);
  const sums = disks.partitions.map(({ name }) => {
    const { users, mailboxes, files, bytes } = before.get(name) ?? NOTHING;
    return { users: users.size, mailboxes, files, bytes };
  });
  return shown(disks, sums, fillOf);
}

const NOTHING = { users: { size: 0 }, mailboxes: 0, files: 0, bytes: 0 };

export function sumsAfter({ disks, details }: DetailedPlan): TargetPartitionSum[] {
  const { loads } = details.decision;
  const fillOf = (d: number) => part(details.rooms[d]!.others + loads.used[2 * d]!, disks.disks[d]!.totalBytes);
  return shown(disks, sumsOfUnits(details, disks.partitions.length), fillOf).map((sum, p) => {
    const { disk, roots } = disks.partitions[p]!;
    const apart = ROLES.filter((kind) => disk[kind] !== disk.data).map((kind) => ({
      kind,
      path: roots[kind],
      fileSystem: disks.disks[disk[kind]]!.id,
      fileSystemFill: fillOf(disk[kind]),
    }));
    return { ...sum, share: loads.shares[p]!, measure: loads.measure(p), apart };
  });
}

/** A user whose mailboxes are several units counts once on each partition. */
function sumsOfUnits({ collected, decision }: DetailedPlan['details'], partitions: number): Sums {
  const { keys, owner, columns, bytesOf, filesOf } = collected;
  const sums = Array.from({ length: partitions }, () => ({ mailboxes: 0, files: 0, bytes: 0, owners: new HashSet() }));
  for (let u = 0; u < keys.length; u++) {
    const sum = sums[decision.loads.assignment[u]!]!;
    sum.mailboxes += columns.mailboxes[u]!;
    sum.files += filesOf(u);
    sum.bytes += bytesOf(u);
    if (owner[u] !== 0) sum.owners.add(owner[u]!);
  }
  return sums.map(({ owners, ...sum }) => ({ users: owners.size, ...sum }));
}

function part(of: number, all: number): number {
  return Number.isFinite(all) && all > 0 ? of / all : 0;
}

/** The largest units by bytes. */
export function largestUnits({ details: { collected, decision }, disks }: DetailedPlan, count: number): UnitSum[] {
  const { keys, nameOf, bytesOf: bytes } = collected;
  const top: number[] = [];
  for (let u = 0; u < keys.length; u++) {
    if (top.length === count && bytes(u) <= bytes(top[count - 1]!)) continue;
    const at = top.findIndex((other) => bytes(other) < bytes(u));
    top.splice(at < 0 ? top.length : at, 0, u);
    top.length = Math.min(top.length, count);
  }
  return top.map((u) => ({
    unit: nameOf(u),
    partition: disks.partitions[decision.loads.assignment[u]!]!.name,
    bytes: bytes(u),
    files: collected.filesOf(u),
  }));
}

/** @param space Is told of each move. */
export function plannedMoves(
  { disks, placeOf, footprintOf }: DetailedPlan,
  input: PlanInput,
  space?: SpaceNeeds,
): PlannedMoves {
  const ways = new Map<string, { from: string; to: string; mailboxes: number; bytes: number }>();
  const diskOf = new Map(disks.partitions.map(({ name, disk }) => [name, disk.data]));
  for (const [mailbox, row] of input.lying()) {
    const { partition, relative } = placeOf(mailbox);
    if (row.targetPartition === partition && row.targetRelative === relative) continue;
    space?.move(footprintOf(mailbox), 1, row.targetPartition, partition);
    const key = `${row.targetPartition} ${partition}`;
    const way = ways.get(key) ?? { from: row.targetPartition, to: partition, mailboxes: 0, bytes: 0 };
    way.mailboxes++;
    way.bytes += mailbox.summary?.bytes ?? 0;
    ways.set(key, way);
  }
  const all = [...ways.values()].sort((a, b) => b.bytes - a.bytes || (a.from + a.to < b.from + b.to ? -1 : 1));
  const sum = (list: readonly PlannedWay[], of: (way: PlannedWay) => number) => list.reduce((s, way) => s + of(way), 0);
  return {
    mailboxes: sum(all, (way) => way.mailboxes),
    bytes: sum(all, (way) => way.bytes),
    bytesCopied: sum(
      all.filter(({ from, to }) => diskOf.get(from) !== diskOf.get(to)),
      (way) => way.bytes,
    ),
    ways: all,
  };
}

export interface LinkSums {
  /** What messages under several names take less than these add up to, where they come to lie. */
  readonly savedBytes: number;
  /** Of messages that come to lie on several file systems, each beyond the first. */
  readonly splitBytes: number;
  /** Of so many messages one was looked at. */
  readonly oneIn: number;
}

/** Undefined where nobody looked, or there are none. */
export function linkSums({ disks, details: { links, decision } }: DetailedPlan): LinkSums | undefined {
  if (!links || links.groups.length === 0) return undefined;
  const diskOf = disks.partitions.map(({ disk }) => disk.data);
  const placeOf = (u: number) => decision.loads.assignment[u]!;
  const saved = savedBy({ ...links, oneIn: 1 }, placeOf, diskOf, disks.disks.length);
  return {
    savedBytes: links.oneIn * saved.reduce((sum, { bytes }) => sum + bytes, 0),
    splitBytes: splitBytes(links, placeOf, diskOf),
    oneIn: links.oneIn,
  };
}
