import { FormatError } from '../../base/errors.js';
import { crc32 } from './crc32.js';
import { TWOSKIP_MAGIC } from './detect.js';

/** The layout of a twoskip file. @see cyrus-imapd 3.6.1 lib/cyrusdb_twoskip.c, the comment "FORMAT" */
export const TWOSKIP = {
  headerSize: 64,
  maxLevel: 31,
  /** Header and DUMMY: the size of an empty database, and where the first record may start. */
  firstRecord: 336,
  dirty: 1,
  dummy: 0x3d, // =
  record: 0x2b, // +
  delete: 0x2d, // -
  commit: 0x24, // $
  /** 8 bytes that 3.2 and later put between records. */
  blank: ' BLANK\x07\xa0',
} as const;

export interface TwoskipHeader {
  readonly generation: bigint;
  /** As of the last commit; one less while `dirty`, where the transaction began by replacing or deleting a record. */
  readonly recordCount: number;
  /** Where the last committed transaction ends. */
  readonly currentSize: number;
  /** A writer is in the middle of a transaction, or died in one. */
  readonly dirty: boolean;
}

/** Reads the first 64 bytes. @throws FormatError also on a wrong CRC, which a live file may show for a moment. */
export function readTwoskipHeader(bytes: Buffer, file: string): TwoskipHeader {
  if (bytes.length < TWOSKIP.headerSize) throw new FormatError(file, 0, 'a twoskip header', `${bytes.length} bytes`);
  if (bytes.toString('latin1', 0, 20) !== TWOSKIP_MAGIC) throw new FormatError(file, 0, 'twoskip magic', 'other bytes');
  const version = bytes.readUInt32BE(20);
  if (version > 1) throw new FormatError(file, 20, 'twoskip version 1', String(version));
  const stored = bytes.readUInt32BE(60);
  const actual = crc32(bytes, 0, 60);
  if (stored !== actual) throw new FormatError(file, 60, `CRC ${actual} of the header`, String(stored));
  return {
    generation: bytes.readBigUInt64BE(24),
    recordCount: readU64(bytes, 32),
    currentSize: readU64(bytes, 48),
    dirty: (bytes.readUInt32BE(56) & TWOSKIP.dirty) !== 0,
  };
}

/** Reused from record to record by whoever walks, so that walking allocates nothing but keys and values. */
export interface TwoskipRecord {
  type: number;
  /** Both pointers of level 1; records of level 0 (DELETE, COMMIT) have only the first, and 0 as second. */
  next0: number;
  next1: number;
  keyAt: number;
  valueAt: number;
  /** End of the value. */
  valueEnd: number;
  /** Offset behind the record and its padding. */
  end: number;
}

export function emptyRecord(): TwoskipRecord {
  return { type: 0, next0: 0, next1: 0, keyAt: 0, valueAt: 0, valueEnd: 0, end: 0 };
}

/**
 * HOT: each record of a walk. Reads the record at `at` into `into` and checks the CRC of its head; it must end at or
 * before `limit`, which is no more than the length of `bytes`.
 * @returns undefined, or what is wrong with it
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_twoskip.c read_onerecord
 */
export function readRecord(bytes: Buffer, at: number, limit: number, into: TwoskipRecord): string | undefined {
  if (at + 24 > limit) return 'no room for a record';
  const level = bytes[at + 1]!;
  if (level > TWOSKIP.maxLevel) return `level ${level}`;
  let keyLength = bytes.readUInt16BE(at + 2);
  let valueLength = bytes.readUInt32BE(at + 4);
  let pointersAt = at + 8;
  if (keyLength === 0xffff) {
    keyLength = readU64(bytes, pointersAt);
    pointersAt += 8;
  }
  if (valueLength === 0xffffffff) {
    if (pointersAt + 8 > limit) return 'no room for a record';
    valueLength = readU64(bytes, pointersAt);
    pointersAt += 8;
  }
  const crcAt = pointersAt + 8 * (level + 1);
  const keyAt = crcAt + 8;
  const content = keyLength + valueLength;
  if (keyAt + content > limit) return `a record of ${keyAt - at + content} bytes, beyond the end`;
  const end = keyAt + content + ((8 - (content % 8)) % 8);
  if (end > limit) return 'padding beyond the end';
  if (crc32(bytes, at, crcAt) !== bytes.readUInt32BE(crcAt)) return 'a wrong CRC of the record head';
  into.type = bytes[at]!;
  into.next0 = readU64(bytes, pointersAt);
  into.next1 = level > 0 ? readU64(bytes, pointersAt + 8) : 0;
  into.keyAt = keyAt;
  into.valueAt = keyAt + keyLength;
  into.valueEnd = keyAt + content;
  into.end = end;
  return undefined;
}

/** Whether key, value and padding are as their CRC says. The record must have been read with success. */
export function isContentIntact(bytes: Buffer, record: TwoskipRecord): boolean {
  return crc32(bytes, record.keyAt, record.end) === bytes.readUInt32BE(record.keyAt - 4);
}

/** Above 2^53 not exact, but then far beyond any file, which is all its readers ask. */
function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}
