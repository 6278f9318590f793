/** The plan: placements for all mailboxes, kept in the state, and what they add up to on each partition. */
import { statfsSync, statSync } from 'node:fs';
import { RefusedError } from '../base/errors.js';
import { formatBytes } from '../base/units.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { isMissing, osPath } from '../disk/os-path.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { SourceMailbox } from '../model/mailbox.js';
import type { State } from '../state/state.js';
import { defaultPolicy, type Placement, type Policy, placementKey, planPlacements, targetPlace } from './placement.js';

export interface Plan {
  readonly policy: Policy;
  readonly placements: ReadonlyMap<string, Placement>;
  placementOf(mailbox: SourceMailbox): Placement;
  placeOf(mailbox: SourceMailbox): MailboxPlace;
}

export interface PartitionSum {
  readonly name: string;
  readonly path: string;
  readonly capacityBytes: number;
  readonly users: number;
  readonly mailboxes: number;
  readonly files: number;
  readonly bytes: number;
  readonly fill: number;
}

interface Space {
  readonly device: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly freeInodes: number;
}

/** Space of the file system below `path`, or of the nearest directory above it that exists. */
function spaceAt(path: string): Space | undefined {
  try {
    const s = statfsSync(osPath(path));
    return {
      device: String(statSync(osPath(path)).dev),
      totalBytes: s.blocks * s.bsize,
      freeBytes: s.bavail * s.bsize,
      // Some file systems (btrfs) count no inodes and say 0 of 0.
      freeInodes: s.files === 0 ? Number.POSITIVE_INFINITY : s.ffree,
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function makePlan(job: Job, state: State, inventory: Inventory): Plan {
  const { target } = job;
  const policy = job.options.placement.policy ?? defaultPolicy(job.source.conf, target.conf);
  const devices = new Map<string, { space: Space | undefined; partitions: string[] }>();
  for (const { name, data } of target.conf.partitions.values()) {
    const space = spaceAt(target.real(data));
    const device = space?.device ?? `missing ${name}`;
    const entry = devices.get(device) ?? { space, partitions: [] };
    entry.partitions.push(name);
    devices.set(device, entry);
  }
  const weights = new Map<string, number>();
  for (const { space, partitions } of devices.values()) {
    for (const name of partitions) weights.set(name, (space?.totalBytes || 1) / partitions.length);
  }
  const placements = planPlacements({
    policy,
    map: job.options.placement.map,
    pins: job.options.placement.pins,
    mailboxes: inventory.mailboxes,
    weights,
    placed: state.placements(),
  });
  state.savePlacements(placements.values());
  const placementOf = (mailbox: SourceMailbox) => placements.get(placementKey(mailbox, policy))!;
  return {
    policy,
    placements,
    placementOf,
    placeOf: (mailbox) => targetPlace(mailbox, placementOf(mailbox).partition, job.layout, target.conf),
  };
}

/** Bytes that a file takes on disk beside its contents, on average: half a block, and its directory entry. */
const OVERHEAD_BYTES = 2048 + 64;
/** Left free on each file system. */
const RESERVE = 0.02;

/** @throws RefusedError with the shortfall where what is still to be copied does not fit. */
export function checkSpace(job: Job, plan: Plan, toCopy: readonly SourceMailbox[]): void {
  const needed = new Map<string, { space: Space; bytes: number; inodes: number; partitions: Set<string> }>();
  for (const mailbox of toCopy) {
    const place = plan.placeOf(mailbox);
    const space = spaceAt(job.target.real(place.roots.data));
    if (!space) continue;
    const sum = needed.get(space.device) ?? { space, bytes: 0, inodes: 0, partitions: new Set<string>() };
    const files = (mailbox.summary?.files ?? 0) + 4;
    sum.bytes += (mailbox.summary?.bytes ?? 0) + files * OVERHEAD_BYTES;
    sum.inodes += files;
    sum.partitions.add(place.partition);
    needed.set(space.device, sum);
  }
  for (const { space, bytes, inodes, partitions } of needed.values()) {
    const free = Math.max(0, space.freeBytes - space.totalBytes * RESERVE);
    const where = `partition ${[...partitions].join(', ')}`;
    const next = 'Free space, add a partition to the new imapd.conf, or leave users out.';
    if (bytes > free)
      throw new RefusedError(
        `It does not fit on ${where}`,
        `${formatBytes(bytes)} are to be copied, ${formatBytes(free)} are free: ${formatBytes(bytes - free)} short`,
        next,
        { code: 'no-space' },
      );
    if (inodes > space.freeInodes)
      throw new RefusedError(
        `It does not fit on ${where}`,
        `${inodes} files are to be made, ${space.freeInodes} inodes are free: ${inodes - space.freeInodes} short`,
        next,
        { code: 'no-inodes' },
      );
  }
}

/** What lies where: `before` on the source, `after` by the plan. */
export function partitionSums(
  job: Job,
  plan: Plan,
  inventory: Inventory,
): { before: PartitionSum[]; after: PartitionSum[] } {
  const sum = (side: Job['source'], partitionOf: (mailbox: SourceMailbox) => string): PartitionSum[] =>
    [...side.conf.partitions.values()].map(({ name, data }) => {
      const mine = inventory.mailboxes.filter((mailbox) => partitionOf(mailbox) === name);
      const bytes = mine.reduce((total, m) => total + (m.summary?.bytes ?? 0), 0);
      const capacityBytes = spaceAt(side.real(data))?.totalBytes ?? 0;
      return {
        name,
        path: data,
        capacityBytes,
        users: new Set(mine.filter((m) => m.user).map((m) => m.unit)).size,
        mailboxes: mine.length,
        files: mine.reduce((total, m) => total + (m.summary?.files ?? 0), 0),
        bytes,
        fill: capacityBytes === 0 ? 0 : bytes / capacityBytes,
      };
    });
  return {
    before: sum(job.source, (m) => m.place.partition),
    after: sum(job.target, (m) => plan.placementOf(m).partition),
  };
}
