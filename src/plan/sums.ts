/** What lies on each partition, on the source now and on the target by the plan; and who is largest. */
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { SourceMailbox } from '../model/mailbox.js';
import type { PartitionSum, PlannedMoves, PlannedWay, TargetPartitionSum, UnitSum } from '../model/placement-view.js';
import type { State } from '../state/state.js';
import { type Disks, disksOf, type ProbeDisk, probeDisk, ROLES } from './disks.js';
import type { DetailedPlan } from './plan.js';

function sumUp(
  disks: Disks,
  mailboxes: Iterable<SourceMailbox>,
  partitionOf: (mailbox: SourceMailbox) => string,
  fillOf: (disk: number) => number,
): PartitionSum[] {
  const sums = new Map(
    disks.partitions.map(({ name }) => [name, { users: new Set<string>(), mailboxes: 0, files: 0, bytes: 0 }]),
  );
  for (const mailbox of mailboxes) {
    const sum = sums.get(partitionOf(mailbox));
    if (!sum) continue;
    if (mailbox.user) sum.users.add(mailbox.unit);
    sum.mailboxes++;
    sum.files += mailbox.summary?.files ?? 0;
    sum.bytes += mailbox.summary?.bytes ?? 0;
  }
  return disks.partitions.map(({ name, path, disk }) => {
    const { totalBytes, id } = disks.disks[disk.data]!;
    const sum = sums.get(name)!;
    return {
      name,
      path,
      capacityBytes: Number.isFinite(totalBytes) ? totalBytes : 0,
      users: sum.users.size,
      mailboxes: sum.mailboxes,
      files: sum.files,
      bytes: sum.bytes,
      fill: part(sum.bytes, totalBytes),
      fileSystem: id,
      fileSystemFill: fillOf(disk.data),
    };
  });
}

export function sumsBefore(job: Job, inventory: Inventory, probe: ProbeDisk = probeDisk): PartitionSum[] {
  const disks = disksOf(job.source, probe);
  const fillOf = (d: number) =>
    part(disks.disks[d]!.totalBytes - disks.disks[d]!.freeBytes, disks.disks[d]!.totalBytes);
  return sumUp(disks, inventory.mailboxes, (mailbox) => mailbox.place.partition, fillOf);
}

export function sumsAfter({ disks, partitionOf, details }: DetailedPlan, inventory: Inventory): TargetPartitionSum[] {
  const { loads } = details.decision;
  const fillOf = (d: number) => part(details.rooms[d]!.others + loads.used[2 * d]!, disks.disks[d]!.totalBytes);
  return sumUp(disks, inventory.mailboxes, partitionOf, fillOf).map((sum, p) => {
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

export function plannedMoves({ disks, placeOf }: DetailedPlan, inventory: Inventory, state: State): PlannedMoves {
  const ways = new Map<string, { from: string; to: string; mailboxes: number; bytes: number }>();
  const diskOf = new Map(disks.partitions.map(({ name, disk }) => [name, disk.data]));
  const byUniqueid = new Map(inventory.mailboxes.map((mailbox) => [mailbox.uniqueid, mailbox]));
  for (const row of state.mailboxes.standings()) {
    const mailbox = row.targetPartition === null ? undefined : byUniqueid.get(row.uniqueid);
    if (!mailbox || row.targetPartition === null) continue;
    const { partition, relative } = placeOf(mailbox);
    if (row.targetPartition === partition && row.targetRelative === relative) continue;
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
