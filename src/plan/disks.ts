/** The file systems below the target's partitions, and what may still go there. */
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { ifThere, osPath } from '../disk/os-path.js';
import type { Reserve } from '../job/job-file.js';

/** One file system as statfs(2) says it; Infinity where it counts none (inodes of btrfs). */
export interface DiskSpace {
  /** The same for what is one file system. */
  readonly id: string;
  readonly totalBytes: number;
  /** For everybody: without what is root's. */
  readonly freeBytes: number;
  readonly totalInodes: number;
  readonly freeInodes: number;
  readonly blockBytes: number;
}

/** @param path Real path; where it is not there yet, of the nearest directory above it. */
export type ProbeDisk = (path: string) => DiskSpace;

export const probeDisk: ProbeDisk = (path) => {
  for (let at = path; ; at = dirname(at)) {
    const found = ifThere(() => ({ fs: statfsSync(osPath(at)), id: String(statSync(osPath(at)).dev) }));
    if (!found && at !== dirname(at)) continue;
    if (!found || found.fs.blocks === 0) return { id: found?.id ?? path, ...UNKNOWN }; // some FUSE file systems say nothing
    const { fs, id } = found;
    return {
      id,
      totalBytes: fs.blocks * fs.bsize,
      freeBytes: fs.bavail * fs.bsize,
      totalInodes: fs.files === 0 ? Number.POSITIVE_INFINITY : fs.files,
      freeInodes: fs.files === 0 ? Number.POSITIVE_INFINITY : fs.ffree,
      blockBytes: fs.bsize,
    };
  }
};

const UNKNOWN = {
  totalBytes: Number.POSITIVE_INFINITY,
  freeBytes: Number.POSITIVE_INFINITY,
  totalInodes: Number.POSITIVE_INFINITY,
  freeInodes: Number.POSITIVE_INFINITY,
  blockBytes: 4096,
};

/** Kinds of files that may have a root of their own: messages, archived ones, cyrus.index and the like, cyrus.cache. */
export const ROLES = ['data', 'archive', 'index', 'cache'] as const;
export type Role = (typeof ROLES)[number];

export interface PartitionDisks {
  readonly name: string;
  readonly path: string;
  /** Root of each kind, as the server names it; what has none of its own has that of `data`. */
  readonly roots: Readonly<Record<Role, string>>;
  /** Position of its disk. */
  readonly disk: Readonly<Record<Role, number>>;
}

export interface Disks {
  readonly disks: readonly DiskSpace[];
  readonly partitions: readonly PartitionDisks[];
}

/** Every partition of a server, in the order of its imapd.conf. */
export function disksOf(side: { conf: CyrusConf; real(path: string): string }, probe: ProbeDisk): Disks {
  const disks: DiskSpace[] = [];
  const ofRoot = new Map<string, number>();
  const at = (root: string): number => {
    let disk = ofRoot.get(root);
    if (disk === undefined) {
      const space = probe(side.real(root));
      disk = disks.findIndex(({ id }) => id === space.id);
      if (disk < 0) disk = disks.push(space) - 1;
      ofRoot.set(root, disk);
    }
    return disk;
  };
  const partitions = [...side.conf.partitions.values()].map(({ name, data, archive = data, meta }) => {
    const roots = { data, archive, index: meta.index, cache: meta.cache };
    const disk = { data: at(data), archive: at(archive), index: at(meta.index), cache: at(meta.cache) };
    return { name, path: data, roots, disk };
  });
  return { disks, partitions };
}

/** What is free for more, the reserve left alone. */
export function freeRoom(disk: DiskSpace, reserve: Reserve): { bytes: number; inodes: number } {
  return {
    bytes: Math.max(0, disk.freeBytes - reservedBytes(disk, reserve)),
    inodes: Math.max(0, disk.freeInodes - reservedInodes(disk, reserve)),
  };
}

export function reservedBytes({ totalBytes }: DiskSpace, reserve: Reserve): number {
  if ('bytes' in reserve) return reserve.bytes;
  return Number.isFinite(totalBytes) ? totalBytes * reserve.part : 0;
}

function reservedInodes({ totalInodes }: DiskSpace, reserve: Reserve): number {
  return 'part' in reserve && Number.isFinite(totalInodes) ? totalInodes * reserve.part : 0;
}
