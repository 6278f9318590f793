/** What a leftover may be, and what is done with it. The job file's rules name them too. */

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
