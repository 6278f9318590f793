/** What lies on the source and is no part of a live mailbox, user or root. Types only. */

import type { Account } from '../model/account.js';
import type { Evidence, LeftoverClass, LeftoverVerdict } from '../model/leftover-class.js';
import type { Finding } from './finding.js';
import type { LiveMailboxes } from './live-mailboxes.js';

export interface OnlyHere {
  /** As the server names it. */
  readonly path: string;
  /** SHA-1 of the content, 40 hexadecimal digits. */
  readonly guid: string;
  readonly bytes: number;
}

export interface Leftover {
  /**
   * As the server names them: files, or directories, which stand for the files directly in them and not for what is
   * below (only an empty one stands for its whole tree).
   */
  readonly paths: readonly string[];
  readonly class: LeftoverClass;
  /** Internal name of what it is or once was. */
  readonly mailbox: string | null;
  readonly uniqueid: string | null;
  readonly files: number;
  /** Message files among them. */
  readonly messages: number;
  readonly bytes: number;
  readonly verdict: LeftoverVerdict;
  readonly evidence: Evidence;
  /** Not empty exactly where the verdict is `rescue`, unless a rule of the job file decided otherwise. */
  readonly onlyHere: readonly OnlyHere[];
}

export interface LeftoverTotal {
  readonly class: string;
  readonly directories: number;
  readonly files: number;
  readonly bytes: number;
}

/** What stands behind a leftover: for `explain`, and for the rescue. */
export interface LeftoverDetail {
  readonly finding: Finding;
  /** Number (from 1) of the job file's rule that decided. */
  readonly rule: number | undefined;
  /** What is to be rescued of it: what is only here, or all of its messages where a rule says so. */
  readonly rescue: readonly OnlyHere[];
}

/** What there is to do for leftovers, over all. */
export interface Verdicts {
  /** Messages that exist nowhere else, or that a rule wants; each as often as it lies somewhere. */
  readonly rescued: { messages: number; bytes: number };
  /** Leftovers that a person must decide on. */
  undecided: number;
}

export interface LeftoversResult extends Readonly<Verdicts> {
  /** Those that were to be kept. */
  readonly leftovers: readonly Leftover[];
  /** Of all. Only classes that occur, in the order of `LEFTOVER_CLASSES`. */
  readonly totals: readonly LeftoverTotal[];
  /** Paths of all that are a single file: no directory stands for these. */
  readonly files: ReadonlySet<string>;
  /** Every file of the source. */
  readonly account: Account;
  /** Directories of partitions that were opened; the others are as they were at the last walk. */
  readonly listed: number;
  readonly details: ReadonlyMap<Leftover, LeftoverDetail>;
  /** What they were told apart from. */
  readonly live: LiveMailboxes;
}
