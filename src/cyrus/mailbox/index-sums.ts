import type { IndexView } from './index.js';
import { SystemFlag } from './index-layout.js';

/**
 * Sums over live records, as the header keeps them.
 * @see cyrus-imapd 3.12.3 imap/mailbox.c header_update_counts
 */
export interface IndexSums {
  exists: number;
  bytes: number;
  answered: number;
  deleted: number;
  flagged: number;
  unseen: number;
  /** Bytes of live records with \Deleted. */
  deletedBytes: number;
  /** Bytes of records expunged but not unlinked. */
  expungedBytes: number;
  /** Earliest last_updated of a record expunged but not unlinked; 0 = none. */
  firstExpunged: number;
}

export function noSums(): IndexSums {
  return {
    exists: 0,
    bytes: 0,
    answered: 0,
    deleted: 0,
    flagged: 0,
    unseen: 0,
    deletedBytes: 0,
    expungedBytes: 0,
    firstExpunged: 0,
  };
}

/** Adds record `i` to `sums`. */
export function addToSums(sums: IndexSums, view: IndexView, i: number): void {
  const flags = view.systemFlags(i);
  if (view.isUnlinked(i)) return;
  const size = view.size(i);
  if (view.isExpunged(i)) {
    sums.expungedBytes += size;
    const at = view.lastUpdated(i);
    if (sums.firstExpunged === 0 || at < sums.firstExpunged) sums.firstExpunged = at;
    return;
  }
  sums.exists++;
  sums.bytes += size;
  if (flags & SystemFlag.answered) sums.answered++;
  if (flags & SystemFlag.flagged) sums.flagged++;
  if (!(flags & SystemFlag.seen)) sums.unseen++;
  if (flags & SystemFlag.deleted) {
    sums.deleted++;
    sums.deletedBytes += size;
  }
}
