/** What a worker is told of a mailbox, and what it answers. Plain values only: they cross threads. */
import type { MetaKind } from '../cyrus/conf/cyrus-conf.js';
import type { CyrusVersion } from '../cyrus/version.js';
import type { Problem } from './problem.js';

/** Where a mailbox lies on one side: roots as the server names them, one directory below all of them. */
export interface TaskPlace {
  readonly data: string;
  readonly archive: string | null;
  readonly meta: Readonly<Record<MetaKind, string>>;
  readonly relative: string;
}

/** What cyrus.header of the target says, apart from the user flags, which the source's own header has. */
export interface HeaderForm {
  readonly form: 'text' | 'dlist';
  readonly name: string;
  readonly types: string;
  readonly uniqueid: string;
  readonly quotaRoot: string | undefined;
  readonly acl: string;
}

/** Which minor versions of cyrus.index the target gets; what lies between both is carried over as it is. */
export interface IndexVersions {
  /** Older ones are written anew, in version 12. 0 = none is. */
  readonly oldest: 0 | 12;
  /** Older ones are raised to it. */
  readonly raiseTo: number;
  /** Whether the target's server has 12345678 as the sync_crc of no annotations (3.2 and later), in place of 0. */
  readonly countsAnnotations: boolean;
}

/** How the target's cyrus.annotations is written. */
export interface AnnotationForm {
  /** Userid of whom the mailbox belongs to; undefined for a shared one. */
  readonly owner: string | undefined;
  /** Of the target's server. */
  readonly version: CyrusVersion;
}

/** The owner's entry of the seen database; goes into indexes that are written anew. */
export interface OwnerSeen {
  readonly lastUid: number;
  readonly lastChangeSec: number;
  /** `1:3,7` */
  readonly uids: string;
}

export interface SyncTask {
  readonly id: number;
  readonly name: string;
  readonly from: TaskPlace;
  readonly to: TaskPlace;
  readonly hasExpunge: boolean;
  /** Nothing of the target is trusted: each file there is compared by content (after a crash, `--checksum`). */
  readonly checkContent: boolean;
  /** Both directories are listed, and each message file is stat'ed (`--full`). */
  readonly full: boolean;
  readonly header: HeaderForm;
  /** The uniqueid that mailboxes.db of the source says (2.5+), to be compared with that of cyrus.header. */
  readonly recordedId: string | undefined;
  readonly ownerSeen: OwnerSeen | undefined;
  /** The entry of the user `anyone`: counts where the index has the sharedseen option. */
  readonly anyoneSeen: OwnerSeen | undefined;
  /** Digest of `header` and `ownerSeen`: what else the target's files were made from. */
  readonly form: string;
  readonly indexes: IndexVersions;
  /** Whether any partition of the target has an archive; where none has, no message is marked as archived. */
  readonly archives: boolean;
  readonly annotations: AnnotationForm;
  /** Bytes of the mailbox's own annotations; asked for where an index of 2.4 or older is raised. */
  readonly annotationBytes: number;
  readonly holdRemovals: boolean;
  /** A reopen gave up what came on the target: an index there that is ahead is put back. */
  readonly discards: boolean;
  /** Anchors of a pass that died or was stopped are about: a link to one is compared by content. */
  readonly verifyLinks: boolean;
}

export interface SyncCounts {
  copied: number;
  removed: number;
  linked: number;
  present: number;
  bytesCopied: number;
  bytesLinked: number;
}

/** How far a mailbox is that takes long. */
export interface SyncProgress {
  readonly id: number;
  readonly copied: number;
  readonly bytesCopied: number;
}

export interface SyncResult {
  readonly id: number;
  /** `deferred`: it would not come to rest; `failed`: see problems, the target keeps what it has. */
  readonly outcome: 'done' | 'deferred' | 'failed' | 'held';
  /** Null where another change could hide behind the same times. */
  readonly print: string | null;
  readonly counts: SyncCounts;
  readonly raced: boolean;
  readonly problems: readonly Problem[];
  /** Where it failed for what is wrong with the target's disk, not with the mailbox: the error, for people. */
  readonly diskFailure?: string | undefined;
  /** Real paths of what was written, for the barrier without `syncfs`. */
  readonly written: readonly string[];
}
