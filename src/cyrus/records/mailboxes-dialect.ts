/** Which of its dialects a mailboxes.db is in. */

import { FormatError } from '../../base/errors.js';
import type { DbEntry } from '../db/entry.js';
import { type CyrusVersion, isAtLeast } from '../version.js';
import { DlistMap, parseDlist } from './dlist.js';
import { isDlistRecord } from './mailbox-record.js';

/** Keys of reverse ACLs and used uniqueids, which the server derives itself: up to 3.4, and since. */
export const DERIVED_OLD = /^\$(?:RACL|RUNQ)(?:\$|$)/;
export const DERIVED_NEW = /^(?:A[US]|J[^\x1e]*)\x1e/;

/**
 * Whether the records are those of 3.6+; `version` only decides where there are none. In them a value below `N` starts with its type, one below `I` has a name, and
 * there are no other keys; in older ones these letters merely begin a mailbox name.
 * Cyrus's own upgrade lets the first record decide, and so takes a shared mailbox `News` for a new database.
 * @see cyrus-imapd 3.6.1 imap/mboxlist.c _check_rec_cb
 */
export function hasNewDialect(entries: readonly DbEntry[], version: CyrusVersion): boolean {
  let balance = 0;
  for (const { key, value } of entries) balance += voteOf(key, value);
  return balance === 0 ? isAtLeast(version, '3.6') : balance > 0;
}

function voteOf(key: string, value: string): -1 | 0 | 1 {
  if (DERIVED_OLD.test(key)) return -1;
  if (DERIVED_NEW.test(key)) return 1;
  const letter = key[0];
  if (letter !== 'N' && letter !== 'I') return -1;
  if (!isDlistRecord(value)) return -1;
  if (/[\x1d\x1f]/.test(key)) return 1;
  const record = dlistOrNothing(value);
  if (record === undefined) return 0;
  if (letter === 'I') return record.get('N') === undefined ? -1 : 1;
  return record.pairs[0]?.[0] === 'T' ? 1 : -1;
}

function dlistOrNothing(value: string): DlistMap | undefined {
  try {
    const record = parseDlist(value, '');
    return record instanceof DlistMap ? record : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
