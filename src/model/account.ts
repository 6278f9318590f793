/** Every regular file of the source, by class and by root: what `find -type f` sees. Types only. */

export const LIVE_CLASSES = ['mailbox', 'user-file', 'quota-root', 'sieve', 'search', 'server', 'structure'] as const;
/**
 * What is no leftover: files of live mailboxes, of users, of quota roots, scripts, search databases, the server's own
 * (databases, logs, locks); `structure` is directories on the way to others.
 */
export type LiveClass = (typeof LIVE_CLASSES)[number];

export type RootKind = 'data' | 'meta' | 'archive' | 'search' | 'config' | 'quota' | 'sieve';

export interface Counts {
  directories: number;
  files: number;
  /** Apparent size: what `find -printf %s` adds up to. */
  bytes: number;
}

export interface RootTally extends Counts {
  /** Message files of live mailboxes, those of expunged records too. */
  messages: number;
}

export interface RootCounts extends Readonly<RootTally> {
  readonly kind: RootKind;
  readonly path: string;
}

export interface Account extends Readonly<Counts> {
  /** Live classes and leftovers, only those that occur. They add up to the totals. */
  readonly classes: readonly (Readonly<Counts> & { readonly class: string })[];
  /** The same by root; a root within another is counted by itself only. They add up to the totals. */
  readonly roots: readonly RootCounts[];
  /** Files in no class; anything but 0 means that the source changed during the walk. */
  readonly unaccounted: number;
}
