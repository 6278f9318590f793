/** What lies on the source and is no part of a live mailbox, user or root. Types only. */

export const LEFTOVER_CLASSES = [
  'empty-directory',
  'debris',
  'message-without-record',
  'stale-user-file',
  'stale-quota-file',
  'foreign',
  'deleted-awaiting-expire',
  'wrong-hash',
  'unfinished-rename',
  'stale-copy',
  'replaced',
  'orphan-mailbox',
] as const;
export type LeftoverClass = (typeof LEFTOVER_CLASSES)[number];

/**
 * `skip`: nothing would be lost; `rescue`: it has messages that are nowhere else; `person`: what it is can't be told
 * from the disk; `migrate`: it goes to the target.
 */
export type LeftoverVerdict = 'skip' | 'rescue' | 'person' | 'migrate';

/** Facts for the administrator, the most telling first. */
export type Evidence = readonly [string, ...string[]];

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
  /** Not empty exactly where the verdict is `rescue`. */
  readonly onlyHere: readonly OnlyHere[];
}

export interface LeftoverTotal {
  readonly class: LeftoverClass;
  readonly directories: number;
  readonly files: number;
  readonly bytes: number;
}

export interface LeftoversResult {
  readonly leftovers: readonly Leftover[];
  /** Only classes that occur, in the order of {@link LEFTOVER_CLASSES}. */
  readonly totals: readonly LeftoverTotal[];
}
