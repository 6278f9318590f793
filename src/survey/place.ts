/** A place: the directories of one relative path below the roots of a partition. Types, and what a mailbox's files are called. */
import type { PartitionConf } from '../cyrus/conf/partitions.js';
import { parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import type { FileStat } from '../disk/file-stat.js';
import type { SourceDir, SourceEntry, SourceRoot } from '../disk/source.js';
import type { RootTally } from '../model/account.js';
import type { CensusRow } from '../state/census-rows.js';
import type { Facts } from './classify.js';
import type { LiveMailbox } from './live-mailboxes.js';
import type { WalkContext } from './walk-context.js';

/** A directory of a place, below one root, as it was stat'ed. */
export interface Seen {
  readonly root: SourceRoot;
  /** Where its files are counted; undefined where another walk does. */
  readonly counts: RootTally | undefined;
  readonly path: string;
  readonly stat: FileStat;
  readonly live: LiveMailbox | undefined;
  readonly row: CensusRow | undefined;
}

/** The same, open and listed. */
export interface Listed extends Seen {
  readonly dir: SourceDir;
  readonly files: readonly string[];
  readonly directories: readonly string[];
  /** Neither files nor directories. */
  readonly others: readonly SourceEntry[];
  /** Bytes of one of the files; 0 for one that is gone. */
  size(name: string): number;
}

/** The walk that came to the place. */
export interface PlaceWalk {
  readonly context: WalkContext;
  readonly partition: PartitionConf;
  /** Hands over one file that is a leftover by itself. `content`: it may be a message that is nowhere else. */
  file(
    root: SourceRoot,
    relative: string,
    name: string,
    bytes: number,
    facts: Facts,
    rest: { content: boolean; mailbox?: LiveMailbox | undefined },
  ): void;
}

export const UNFINISHED: Facts = { kind: 'debris', what: 'unfinished-write' };

/** A file being written: the server makes it anew. */
export function isUnfinished(file: string): boolean {
  return file.endsWith('.NEW');
}

/** Files that a directory named as a leftover stands for; any other in it is a leftover by itself. */
export function isOfMailbox(file: string): boolean {
  return parseMessageFileName(file) !== undefined || file.startsWith('cyrus.') || isUnfinished(file);
}
