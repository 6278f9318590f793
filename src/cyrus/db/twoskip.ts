import { FormatError } from '../../base/errors.js';
import { type DbContents, type DbEntry, sortEntries } from './entry.js';
import { compareKeys } from './order.js';
import {
  emptyRecord,
  isContentIntact,
  readRecord,
  readTwoskipHeader,
  TWOSKIP,
  type TwoskipHeader,
  type TwoskipRecord,
} from './twoskip-record.js';

/**
 * Reads a twoskip file as its header's last commit left it: from DUMMY along the level 1 pointers that lie before
 * `current_size`. A transaction only adds behind that size and leaves one of each record's two level 1 pointers alone,
 * so the old state stays readable in the middle of a transaction and after a crash; then the result is not clean.
 * @throws FormatError on a wrong CRC, a short file, pointers that lead astray or another number of records than the
 * header has. Of a live file that means that the copy is torn: copy again. (A transaction that is given up zeroes
 * pointers behind the last commit. In a copy whose header is older the list then seems to end there: only the number
 * tells.) If it stays so the file is damaged, and its own Cyrus (`cyr_dbtool FILE twoskip show`)
 * rescues what it can; that is not done here, since it deletes the wrong keys (recovery2 takes the record behind a
 * deleted one for the deleted one).
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_twoskip.c _getloc, read_skipdelete, store_here, delete_here, recovery1, myconsistent
 */
export function readTwoskip(bytes: Buffer, file: string): DbContents {
  const header = readTwoskipHeader(bytes, file);
  const end = header.currentSize;
  if (end < TWOSKIP.firstRecord) throw new FormatError(file, 48, `at least ${TWOSKIP.firstRecord} bytes`, String(end));
  if (end > bytes.length) throw new FormatError(file, 48, `${end} bytes, as the header says`, `${bytes.length} bytes`);
  const walked = walk(bytes, end, file);
  if (!isCounted(header, walked.length)) {
    throw new FormatError(file, 32, `${header.recordCount} records, as the header says`, String(walked.length));
  }
  const notes = [...describeTail(header, bytes.length), ...describeWalk(walked)];
  return { entries: sortEntries(walked), clean: notes.length === 0, notes };
}

/** Reads DUMMY into `record`. */
function readDummy(bytes: Buffer, end: number, file: string, record: TwoskipRecord): void {
  const problem = readRecord(bytes, TWOSKIP.headerSize, end, record);
  if (problem !== undefined || record.type !== TWOSKIP.dummy || record.end !== TWOSKIP.firstRecord) {
    throw new FormatError(file, TWOSKIP.headerSize, 'a DUMMY record of level 31', problem ?? 'something else');
  }
}

function walk(bytes: Buffer, end: number, file: string): DbEntry[] {
  const entries: DbEntry[] = [];
  const record = emptyRecord();
  readDummy(bytes, end, file, record);
  // records do not overlap, so a walk that reads more bytes than there are goes round in circles
  let unread = end - TWOSKIP.firstRecord;
  let from: number = TWOSKIP.headerSize;
  let at = next(record, end, file, from);
  while (at !== 0) {
    if (at < TWOSKIP.firstRecord) throw new FormatError(file, from, 'a pointer to a record', `one to byte ${at}`);
    const problem = readRecord(bytes, at, end, record);
    if (problem !== undefined) throw new FormatError(file, at, 'a record', problem);
    unread -= record.end - at;
    if (unread < 0) throw new FormatError(file, at, 'each record once', 'pointers that go round in circles');
    from = at;
    if (record.type === TWOSKIP.delete) {
      at = record.next0;
      continue;
    }
    if (record.type !== TWOSKIP.record) throw new FormatError(file, at, 'a record with a key', `type ${record.type}`);
    if (!isContentIntact(bytes, record)) throw new FormatError(file, at, 'key and value as their CRC', 'others');
    entries.push(entryOf(bytes, record));
    at = next(record, end, file, from);
  }
  return entries;
}

export function entryOf(bytes: Buffer, record: TwoskipRecord): DbEntry {
  return {
    key: bytes.toString('latin1', record.keyAt, record.valueAt),
    value: bytes.toString('latin1', record.valueAt, record.valueEnd),
  };
}

/** The next record at level 1 as of the commit that ends at `end`: the later of those before it. 0 is the end. */
function next(record: TwoskipRecord, end: number, file: string, at: number): number {
  const { next0, next1 } = record;
  // two transactions have come since the header was read: this copy has lost the old state
  if (next0 >= end && next1 >= end) throw new FormatError(file, at, `a pointer before byte ${end}`, 'two behind it');
  if (next0 >= end) return next1;
  if (next1 >= end) return next0;
  return Math.max(next0, next1);
}

function describeTail(header: TwoskipHeader, size: number): string[] {
  const uncommitted = size - header.currentSize;
  if (uncommitted > 0) return [`The last ${uncommitted} bytes are no committed transaction and were left out.`];
  if (header.dirty) return ['A writer had begun to change it; what it did was left out.'];
  return [];
}

/** One less in a dirty header, where the transaction began by replacing or deleting: that is counted before DIRTY is written. */
function isCounted({ recordCount, dirty }: TwoskipHeader, found: number): boolean {
  return found === recordCount || (dirty && found === recordCount + 1);
}

function describeWalk(walked: readonly DbEntry[]): string[] {
  return isAscending(walked, compareKeys('raw')) || isAscending(walked, compareKeys('mbox'))
    ? []
    : ['Its records are in no order that Cyrus knows, so Cyrus does not find all of them.'];
}

function isAscending(entries: readonly DbEntry[], compare: (a: string, b: string) => number): boolean {
  for (let i = 1; i < entries.length; i++) {
    if (compare(entries[i - 1]!.key, entries[i]!.key) >= 0) return false;
  }
  return true;
}
