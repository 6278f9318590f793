/** What all walks go by, and where they hand over what they find. */
import type { PartitionConf } from '../cyrus/conf/partitions.js';
import { changedNs, type FileStat } from '../disk/file-stat.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceDir, SourceEntry, SourceRoot } from '../disk/source.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { Counts } from '../model/account.js';
import type { CensusRow, CensusRows } from '../state/census-rows.js';
import type { Facts } from './classify.js';
import { type Finding, otherPart, plainFinding } from './finding.js';
import type { Ledger } from './ledger.js';
import type { LiveMailboxes } from './live-mailboxes.js';

export interface WalkContext {
  readonly job: Job;
  readonly trees: SourceTrees;
  readonly live: LiveMailboxes;
  readonly roots: Roots;
  readonly ledger: Ledger;
  readonly census: CensusRows;
  /** Sizes of messages with a record are added up too; without, the account has no bytes of live mailboxes. */
  readonly account: boolean;
  /** A directory of this live mailbox was met. */
  readonly met: (number: number) => void;
  /** Directories of partitions that were opened. */
  readonly listed: { count: number };
  readonly found: (finding: Finding) => void;
}

/** A directory that changed later than this before the walk may change again within the tick that its times show. */
const RACY_NS = 2_100_000_000n;

/** Whether a later change than that of the stat is sure to show. @param nowNs When the walk began, or later. */
export function isSettled(stat: FileStat, nowNs: bigint): boolean {
  return nowNs - changedNs(stat) >= RACY_NS;
}

/** The directories in one that the census remembers. */
export function namesIn({ directories }: CensusRow): string[] {
  return directories === '' ? [] : directories.split('/');
}

/** Everything in a directory; what can't be read is a finding, and undefined. */
export function entriesOf(context: WalkContext, root: SourceRoot, relative: string): SourceEntry[] | undefined {
  let dir: SourceDir | undefined;
  try {
    dir = root.dir(relative);
    return dir?.list();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    foundUnreadable(context, join(root.path, relative), error);
    return undefined;
  } finally {
    dir?.close();
  }
}

/** @param error What the system said. */
export function foundUnreadable(context: WalkContext, path: string, error: unknown): void {
  const what = `it can not be read: ${(error as Error).message}`;
  context.found(plainFinding({ kind: 'foreign', what, isUnreadable: true }, [otherPart(path)]));
}

/** What is neither file nor directory. */
export function oddKind(kind: SourceEntry['kind']): Facts {
  const what = kind === 'link' ? 'a symbolic link, which is not followed' : 'neither file nor directory';
  return { kind: 'foreign', what };
}

/** A path as the server names it. */
export function join(directory: string, name: string): string {
  return name === '' ? directory : directory === '' ? name : `${directory}/${name}`;
}

/** The roots of everything, each walked once however many paths lead to it. */
export class Roots {
  /** Path → the path that the walk takes to the same directory. */
  readonly canonical = new Map<string, string>();
  readonly #ids = new Set<string>();
  readonly #counted = new Set<string>();

  constructor({ source: { conf } }: Job, trees: SourceTrees) {
    const paths = [conf.configDirectory, conf.sieveDir, ...[...conf.partitions.values()].flatMap(rootsOf)];
    const byId = new Map<string, string>();
    for (const path of paths.filter((one) => one !== '')) {
      const root = trees.root(path);
      if (!root) continue;
      const id = idOf(root.identity());
      this.#ids.add(id);
      const first = byId.get(id);
      if (first === undefined) byId.set(id, path);
      this.canonical.set(path, first ?? path);
    }
  }

  /** True for a directory that is walked by itself: none is entered from within another. */
  isRoot(path: string, stat: FileStat | undefined): boolean {
    return this.canonical.has(path) || (stat !== undefined && this.#ids.has(idOf(stat)));
  }

  /** Existing roots of a partition, as the walk takes them. */
  of(partition: PartitionConf): Set<string> {
    return new Set(mailboxRootsOf(partition).flatMap((path) => this.canonical.get(path) ?? []));
  }

  /** True where two partitions have a root in common. */
  areShared(partitions: readonly PartitionConf[]): boolean {
    const all = partitions.flatMap((partition) => [...this.of(partition)]);
    return new Set(all).size < all.length;
  }

  /** True at the first call for a root: what two partitions share is counted in one of the walks. */
  claim(path: string): boolean {
    if (this.#counted.has(path)) return false;
    this.#counted.add(path);
    return true;
  }
}

function idOf({ dev, ino }: FileStat): string {
  return `${dev}:${ino}`;
}

/** Every root that files of a mailbox lie below, or lay: what was kept on a metapartition once may still be there. */
export function mailboxRootsOf({ data, archive, meta, metaPartition }: PartitionConf): string[] {
  return [data, ...Object.values(meta), archive, metaPartition].filter((path) => path !== undefined);
}

function rootsOf(partition: PartitionConf): string[] {
  return [...mailboxRootsOf(partition), ...partition.search];
}

export function addFile(counts: Counts | undefined, bytes: number): void {
  if (!counts) return;
  counts.files++;
  counts.bytes += bytes;
}
