import { crc32 } from '../../base/crc32.js';
import type { IndexView } from './index.js';
import { addToSums, noSums } from './index-sums.js';
import { syncCrc, type UserFlags } from './sync-crc.js';

/** What can be wrong with an index that was readable. */
export type IndexProblemCode =
  | 'record-crc'
  | 'uid-order'
  | 'last-uid'
  | 'highest-modseq'
  | 'exists'
  | 'quota-used'
  | 'answered'
  | 'deleted'
  | 'flagged'
  | 'unseen'
  | 'quota-deleted-used'
  | 'quota-expunged-used'
  | 'header-file-crc'
  | 'sync-crc'
  | 'zero-uidvalidity'
  | 'zero-highest-modseq'
  | 'bytes-after-records';

export interface IndexProblem {
  readonly code: IndexProblemCode;
  /**
   * `damage`: a server fails on it, or a record was torn by a write while it was read.
   * `stale`: header and records (or cyrus.header) are of different moments: read again; if it stays, a crash left it.
   * `note`: servers bear it.
   */
  readonly severity: 'damage' | 'stale' | 'note';
  /** Byte offset in the file, of the first record or of the header field. */
  readonly offset: number;
  /** UID of the first record that shows it, for problems of records. */
  readonly uid?: number | undefined;
  /** How many records show it; 1 for a header field. */
  readonly count: number;
  readonly expected: string;
  readonly found: string;
}

/** What else is known about the mailbox; what is left out is not checked. */
export interface IndexContext {
  /** From cyrus.header; without it sync_crc is checked only where no record has a user flag. */
  readonly userFlags?: UserFlags | undefined;
  /** The whole cyrus.header beside the index. */
  readonly headerFile?: Buffer | undefined;
}

/**
 * Checks what must hold in a quiet mailbox; every invariant was seen to hold on all indexes of eight real spools.
 * One problem per code at most. An unsorted view (cyrus.expunge) is spared the checks of order and of last_uid and
 * modseq, since its header is a copy of an older index header.
 */
export function checkIndex(view: IndexView, context: IndexContext = {}): IndexProblem[] {
  const records = sumRecords(view);
  const problems: IndexProblem[] = [...records.problems];
  const { header } = view.layout;

  const field = (
    code: IndexProblemCode,
    severity: IndexProblem['severity'],
    name: keyof typeof header,
    isRight: boolean,
    expected: string | number | bigint,
    found: string | number | bigint,
  ) => {
    if (isRight) return;
    const offset = header[name]?.at ?? 0;
    problems.push({ code, severity, offset, count: 1, expected: String(expected), found: String(found) });
  };
  const sum = (code: IndexProblemCode, name: keyof typeof header, computed: number, stored: number | undefined) =>
    field(code, 'stale', name, stored === undefined || computed === stored, computed, stored ?? '');

  if (view.isSorted) {
    field('last-uid', 'stale', 'lastUid', view.lastUid >= records.lastUid, `${records.lastUid} or more`, view.lastUid);
    const isHigh = view.highestModseq >= records.modseq;
    field('highest-modseq', 'stale', 'highestModseq', isHigh, `${records.modseq} or more`, view.highestModseq);
  }
  // before version 12 the header has the number of all records only
  if (header.exists) sum('exists', 'exists', records.exists, view.exists);
  // a mailbox that was deleted while someone had it open gave its quota back: `Busy DELETE` in the 2.4 spool
  if (!view.isDeletedMailbox) sum('quota-used', 'quotaUsedBytes', records.bytes, view.quotaUsedBytes);
  sum('answered', 'answered', records.answered, view.answered);
  sum('deleted', 'deleted', records.deleted, view.deleted);
  sum('flagged', 'flagged', records.flagged, view.flagged);
  sum('unseen', 'unseen', records.unseen, view.unseen);
  sum('quota-deleted-used', 'quotaDeletedUsed', records.deletedBytes, view.quotaDeletedUsed);
  sum('quota-expunged-used', 'quotaExpungedUsed', records.expungedBytes, view.quotaExpungedUsed);

  field('zero-uidvalidity', 'note', 'uidvalidity', view.uidvalidity !== 0, 'not 0', 0);
  const modseqAt = header.highestModseq;
  if (modseqAt && view.layout.hasCrc) {
    field('zero-highest-modseq', 'note', 'highestModseq', view.bytes.readBigUInt64BE(modseqAt.at) !== 0n, 'not 0', 0);
  }
  if (view.layout.hasCrc && context.headerFile && view.headerFileCrc !== 0) {
    const crc = crc32(context.headerFile);
    field('header-file-crc', 'stale', 'headerFileCrc', crc === view.headerFileCrc, crc, view.headerFileCrc);
  }
  if (view.layout.hasCrc && (context.userFlags || !records.hasUserFlags)) {
    const crc = syncCrc(view, context.userFlags ?? []);
    field('sync-crc', 'note', 'syncCrc', crc === view.syncCrc, crc, view.syncCrc);
  }
  const end = view.recordOffset(view.count);
  if (view.bytes.length > end) {
    const found = `${view.bytes.length - end} more bytes`;
    problems.push({ code: 'bytes-after-records', severity: 'note', offset: end, count: 1, expected: 'the end', found });
  }
  return problems;
}

function sumRecords(view: IndexView) {
  const sums = noSums();
  const torn = { count: 0, first: -1 };
  const unordered = { count: 0, first: -1 };
  let previous = 0;
  let lastUid = 0;
  let modseq = 0n;
  let hasUserFlags = false;
  for (let i = 0; i < view.count; i++) {
    if (!view.isRecordIntact(i) && torn.count++ === 0) torn.first = i;
    const uid = view.uid(i);
    if ((view.isSorted ? uid <= previous : uid === 0) && unordered.count++ === 0) unordered.first = i;
    previous = uid;
    if (uid > lastUid) lastUid = uid;
    const own = view.modseq(i);
    if (own > modseq) modseq = own;
    hasUserFlags ||= (view.userFlags(i, 0) | view.userFlags(i, 1) | view.userFlags(i, 2) | view.userFlags(i, 3)) !== 0;
    addToSums(sums, view, i);
  }
  const problems: IndexProblem[] = [];
  if (torn.count > 0) problems.push(ofRecord('record-crc', view, torn, 'a record CRC that fits', 'another'));
  if (unordered.count > 0) {
    const before = unordered.first > 0 ? view.uid(unordered.first - 1) : 0;
    const expected = view.isSorted ? `a UID above ${before}` : 'a UID';
    problems.push(ofRecord('uid-order', view, unordered, expected, String(view.uid(unordered.first))));
  }
  return { ...sums, problems, lastUid, modseq, hasUserFlags };
}

function ofRecord(
  code: IndexProblemCode,
  view: IndexView,
  seen: { count: number; first: number },
  expected: string,
  found: string,
): IndexProblem {
  const { first, count } = seen;
  const offset = view.recordOffset(first);
  return { code, severity: 'damage', offset, uid: view.uid(first), count, expected, found };
}
