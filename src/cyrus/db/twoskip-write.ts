import { crc32 } from './crc32.js';
import { TWOSKIP_MAGIC } from './detect.js';
import type { DbEntry } from './entry.js';
import { levelSource } from './level.js';
import type { KeyOrder } from './order.js';
import { TWOSKIP } from './twoskip-record.js';
import { inOrder } from './writable.js';

/**
 * Writes a twoskip file as a repack leaves it: DUMMY, the records in order, one COMMIT. Without the blanks that 3.2
 * and later put between records, since the recovery of 2.5 and 3.0 stumbles over them.
 * @throws RangeError for an entry it cannot hold
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_twoskip.c write_record, mycheckpoint
 */
export function writeTwoskip(entries: readonly DbEntry[], order: KeyOrder): Buffer {
  const sorted = inOrder(entries, order);
  const nextLevel = levelSource(TWOSKIP.maxLevel);
  const levels = Uint8Array.from(sorted, nextLevel);
  const commitSize = sorted.length > 0 ? headSize(0, 0) : 0;
  const size = sorted.reduce((sum, entry, i) => sum + recordSize(entry, levels[i]!), TWOSKIP.firstRecord + commitSize);

  const bytes = Buffer.alloc(size);
  /** For each level the record before, and where its pointer to the next one goes. */
  const pointerAt = Array.from({ length: TWOSKIP.maxLevel }, (_, i) => TWOSKIP.headerSize + 8 + 8 * (i + 1));
  const offsets = new Float64Array(sorted.length);
  let at: number = TWOSKIP.firstRecord;
  for (const [i, entry] of sorted.entries()) {
    const level = levels[i]!;
    const pointersAt = writeLengths(bytes, at, TWOSKIP.record, level, entry);
    for (let l = 0; l < level; l++) {
      writeU64(bytes, at, pointerAt[l]!);
      pointerAt[l] = pointersAt + 8 * (l + 1); // the first pointer is the other one of level 1: 0, never used
    }
    writeContent(bytes, at, entry);
    offsets[i] = at;
    at += recordSize(entry, level);
  }
  // the CRC of a head covers its pointers, which are known only now
  const empty: DbEntry = { key: '', value: '' };
  writeLengths(bytes, TWOSKIP.headerSize, TWOSKIP.dummy, TWOSKIP.maxLevel, empty);
  sealHead(bytes, TWOSKIP.headerSize);
  for (const offset of offsets) sealHead(bytes, offset);
  if (commitSize > 0) {
    writeU64(bytes, TWOSKIP.firstRecord, writeLengths(bytes, at, TWOSKIP.commit, 0, empty));
    sealHead(bytes, at);
  }
  writeHeader(bytes, sorted.length);
  return bytes;
}

function writeHeader(bytes: Buffer, recordCount: number): void {
  bytes.write(TWOSKIP_MAGIC, 0, 'latin1');
  bytes.writeUInt32BE(1, 20); // version
  writeU64(bytes, 1, 24); // generation
  writeU64(bytes, recordCount, 32);
  writeU64(bytes, bytes.length, 40); // size at the last repack
  writeU64(bytes, bytes.length, 48); // size at the last commit
  bytes.writeUInt32BE(0, 56); // not dirty
  bytes.writeUInt32BE(crc32(bytes, 0, 60), 60);
}

/** Bytes before the key. A value of 2^32 - 1 bytes or more, which has a long length of its own, is no JavaScript string. */
function headSize(keyLength: number, level: number): number {
  return 8 + (keyLength >= 0xffff ? 8 : 0) + 8 * (level + 1) + 8;
}

function recordSize({ key, value }: DbEntry, level: number): number {
  return headSize(key.length, level) + Math.ceil((key.length + value.length) / 8) * 8;
}

/** @returns where the record's pointers go */
function writeLengths(bytes: Buffer, at: number, type: number, level: number, { key, value }: DbEntry): number {
  const isLong = key.length >= 0xffff;
  bytes[at] = type;
  bytes[at + 1] = level;
  bytes.writeUInt16BE(isLong ? 0xffff : key.length, at + 2);
  bytes.writeUInt32BE(value.length, at + 4);
  if (isLong) writeU64(bytes, key.length, at + 8);
  return at + (isLong ? 16 : 8);
}

/** Key, value and their CRC. */
function writeContent(bytes: Buffer, at: number, { key, value }: DbEntry): void {
  const keyAt = at + headSize(key.length, bytes[at + 1]!);
  bytes.write(key, keyAt, 'latin1');
  bytes.write(value, keyAt + key.length, 'latin1');
  bytes.writeUInt32BE(crc32(bytes, keyAt, keyAt + Math.ceil((key.length + value.length) / 8) * 8), keyAt - 4);
}

/** The CRC of a record's head, once its pointers stand. */
function sealHead(bytes: Buffer, at: number): void {
  const isLong = bytes.readUInt16BE(at + 2) === 0xffff;
  const crcAt = at + (isLong ? 16 : 8) + 8 * (bytes[at + 1]! + 1);
  bytes.writeUInt32BE(crc32(bytes, at, crcAt), crcAt);
}

function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}
