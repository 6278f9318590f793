import { FormatError } from '../../base/errors.js';
import { SKIPLIST_MAGIC } from './detect.js';
import { type DbContents, sortEntries } from './entry.js';

/** Record types and the header, all integers u32 big-endian. @see cyrus-imapd 3.6.1 lib/cyrusdb_skiplist.c */
export const SKIPLIST = {
  inorder: 1,
  add: 2,
  delete: 4,
  commit: 255,
  dummy: 257,
  headerSize: 48,
  maxLevel: 20,
  endOfPointers: 0xffffffff,
} as const;

interface Scan {
  /** Offset of each record with a key, ascending, and what it holds. */
  readonly offsets: number[];
  readonly keys: string[];
  readonly values: string[];
  /** key → index of its record. */
  readonly live: Map<string, number>;
}

/**
 * Reads a skiplist file by its records alone, pointers ignored: first those of the last checkpoint, in order, then the
 * log, each transaction at its COMMIT. This is what Cyrus's recovery does, so a copy taken while someone writes, or
 * left by a crash, gives the last committed state. A tail of the log that is uncommitted, cut off or unreadable is
 * dropped, and the result is not clean.
 * @throws FormatError where recovery, too, gives the file up: a damaged header, or something else than a record
 * between two transactions. Also where a record of the checkpoint is damaged or cut off: recovery goes on with what is
 * before it, but most of what was committed is behind. A copy may be so, too: a checkpoint (2.4+) truncates the file that
 * it has replaced, under whoever still reads that.
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_skiplist.c read_header, recovery, mycheckpoint
 */
export function readSkiplist(bytes: Buffer, file: string): DbContents {
  const scan: Scan = { offsets: [], keys: [], values: [], live: new Map() };
  const checkpoint = readCheckpoint(bytes, firstRecord(bytes, file), scan);
  if (!checkpoint.whole) {
    throw new FormatError(file, checkpoint.end, 'a whole record of the last checkpoint', 'one cut off or damaged');
  }
  const logStart = bytes.readUInt32BE(40);
  if (checkpoint.end + 4 > bytes.length && logStart > bytes.length) {
    throw new FormatError(file, bytes.length, `a checkpoint of ${logStart} bytes`, 'the end of the file');
  }
  const notes = replayLog(bytes, checkpoint.end, scan, file);
  const entries = Array.from(scan.live.values(), (i) => ({ key: scan.keys[i]!, value: scan.values[i]! }));
  return { entries: sortEntries(entries), clean: notes.length === 0, notes };
}

/** Checks the header and the DUMMY record, as read_header does. @returns the offset behind DUMMY */
function firstRecord(bytes: Buffer, file: string): number {
  const header = SKIPLIST.headerSize;
  if (bytes.length < header + 12) throw new FormatError(file, 0, 'a skiplist header', `${bytes.length} bytes`);
  if (bytes.toString('latin1', 0, 20) !== SKIPLIST_MAGIC)
    throw new FormatError(file, 0, 'skiplist magic', 'other bytes');
  const version = bytes.readUInt32BE(20);
  if (version !== 1) throw new FormatError(file, 20, 'skiplist version 1', String(version));
  const maxLevel = bytes.readUInt32BE(28);
  if (maxLevel < 1 || maxLevel > SKIPLIST.maxLevel) throw new FormatError(file, 28, 'maxlevel 1-20', String(maxLevel));
  const end = header + 12 + 4 * maxLevel + 4;
  const isDummy =
    bytes.readUInt32BE(48) === SKIPLIST.dummy && bytes.readUInt32BE(52) === 0 && bytes.readUInt32BE(56) === 0;
  if (!isDummy || end > bytes.length || pointerCount(bytes, 60) !== maxLevel) {
    throw new FormatError(file, header, `a DUMMY record with ${maxLevel} pointers`, 'something else');
  }
  return end;
}

/** Reads INORDER records up to the log. Not `whole`: the one at `end` is damaged. */
function readCheckpoint(bytes: Buffer, at: number, scan: Scan): { end: number; whole: boolean } {
  while (at + 4 <= bytes.length && bytes.readUInt32BE(at) === SKIPLIST.inorder) {
    const end = readKeyed(bytes, at, scan);
    if (end === 0) return { end: at, whole: false };
    const index = scan.keys.length - 1;
    scan.live.set(scan.keys[index]!, index);
    at = end;
  }
  return { end: at, whole: true };
}

/** Applies the log's transactions. @returns what was odd about it */
function replayLog(bytes: Buffer, at: number, scan: Scan, file: string): string[] {
  const problems: string[] = [];
  /** Of the transaction not yet committed: an index for an ADD, minus (offset + 1) for a DELETE. */
  let pending: number[] = [];
  let transactionAt = at;
  let missing = 0;
  while (at + 4 <= bytes.length) {
    const type = bytes.readUInt32BE(at);
    if (type === SKIPLIST.add) {
      const end = readKeyed(bytes, at, scan);
      if (end === 0) break;
      pending.push(scan.keys.length - 1);
      at = end;
    } else if (type === SKIPLIST.delete) {
      if (at + 8 > bytes.length) break;
      pending.push(-bytes.readUInt32BE(at + 4) - 1);
      at += 8;
    } else if (type === SKIPLIST.commit) {
      missing += commit(pending, scan);
      pending = [];
      at += 4;
      transactionAt = at;
    } else if (type === 0 && pending.length === 0) {
      at = transactionAt = skipZeros(bytes, at); // recoveries of old versions left some
      problems.push(`There are zeros before byte ${at}, which Cyrus skips, too.`);
    } else if (pending.length === 0) {
      throw new FormatError(file, at, 'an ADD, DELETE or COMMIT record', `type ${type}`);
    } else {
      break;
    }
  }
  if (missing > 0) problems.push(`${missing} DELETE records name a record that is not there; Cyrus skips them, too.`);
  if (transactionAt < bytes.length) {
    problems.push(`The last ${bytes.length - transactionAt} bytes are no committed transaction and were left out.`);
  }
  return problems;
}

/** Applies one transaction. @returns how many of its DELETEs name no live record */
function commit(pending: readonly number[], scan: Scan): number {
  let missing = 0;
  for (const step of pending) {
    if (step >= 0) {
      scan.live.set(scan.keys[step]!, step);
      continue;
    }
    const index = indexAt(scan.offsets, -step - 1);
    const key = scan.keys[index];
    // a record replaced meanwhile is not deleted: recovery compares the offset before it unlinks
    if (key !== undefined && scan.live.get(key) === index) scan.live.delete(key);
    else missing++;
  }
  return missing;
}

/** Adds the INORDER or ADD record at `at` to `scan`. @returns the offset behind it, 0 if it is cut off or damaged */
function readKeyed(bytes: Buffer, at: number, scan: Scan): number {
  if (at + 12 > bytes.length) return 0;
  const keyLength = bytes.readUInt32BE(at + 4);
  const valueLengthAt = at + 8 + padded(keyLength);
  if (valueLengthAt + 4 > bytes.length) return 0;
  const valueLength = bytes.readUInt32BE(valueLengthAt);
  const pointersAt = valueLengthAt + 4 + padded(valueLength);
  const level = pointerCount(bytes, pointersAt);
  if (level === 0) return 0;
  scan.offsets.push(at);
  scan.keys.push(bytes.toString('latin1', at + 8, at + 8 + keyLength));
  scan.values.push(bytes.toString('latin1', valueLengthAt + 4, valueLengthAt + 4 + valueLength));
  return pointersAt + 4 * level + 4;
}

/** Counts pointers up to the end mark; 0 if there is none within the levels possible. */
function pointerCount(bytes: Buffer, at: number): number {
  for (let level = 0; level <= SKIPLIST.maxLevel && at + 4 <= bytes.length; level++, at += 4) {
    if (bytes.readUInt32BE(at) === SKIPLIST.endOfPointers) return level;
  }
  return 0;
}

/** Rounded up to whole words of 4 bytes, as keys and values are. */
export function padded(length: number): number {
  return length + ((4 - (length % 4)) % 4);
}

function skipZeros(bytes: Buffer, at: number): number {
  while (at + 4 <= bytes.length && bytes.readUInt32BE(at) === 0) at += 4;
  return at;
}

/** Index of `offset` in an ascending list, -1 if it is not in it. */
function indexAt(offsets: readonly number[], offset: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = offsets[middle]!;
    if (found === offset) return middle;
    if (found < offset) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
