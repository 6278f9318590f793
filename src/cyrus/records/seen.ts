/** Seen databases: which messages of a mailbox one user has read. Keys are uniqueids. */

import { FormatError } from '../../base/errors.js';
import { UidSet } from './uid-set.js';

export interface Seen {
  /** Unix time of the last SELECT. */
  lastReadSec: number;
  /** Highest UID that was \Recent for this user. */
  lastUid: number;
  /** Unix time of the last change of `uids`. */
  lastChangeSec: number;
  uids: UidSet;
}

/**
 * Reads `1 LASTREAD LASTUID LASTCHANGE UIDS` (all versions).
 * @throws FormatError
 * @see cyrus-imapd 3.6.1 imap/seen_db.c parse_data
 */
export function parseSeen(value: string, file: string): Seen {
  const match = /^1 +(-?\d{1,15}) +(\d{1,10}) +(-?\d{1,15})(?:\s+|$)/.exec(value);
  if (!match) throw new FormatError(file, 0, '1 LASTREAD LASTUID LASTCHANGE UIDS', JSON.stringify(value.slice(0, 40)));
  return {
    lastReadSec: Number(match[1]),
    lastUid: Number(match[2]),
    lastChangeSec: Number(match[3]),
    uids: UidSet.parse(value.slice(match[0].length).trimEnd(), file),
  };
}

/** The value that Cyrus writes; ends in a blank if nothing is seen. */
export function printSeen(seen: Seen): string {
  return `1 ${seen.lastReadSec} ${seen.lastUid} ${seen.lastChangeSec} ${seen.uids}`;
}
