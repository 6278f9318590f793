import { SKIPLIST_MAGIC } from './detect.js';
import type { DbEntry } from './entry.js';
import { levelSource } from './level.js';
import type { KeyOrder } from './order.js';
import { padded, SKIPLIST } from './skiplist.js';
import { inOrder } from './writable.js';

const EMPTY_SIZE = SKIPLIST.headerSize + 12 + 4 * SKIPLIST.maxLevel + 4;

/**
 * Writes a skiplist file as a checkpoint leaves it: header, DUMMY and INORDER records, no log.
 * @param nowSec when, as its last recovery; one older than Cyrus's start makes Cyrus recover it at first opening
 * @throws RangeError for an entry it cannot hold, or beyond 4 GiB
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_skiplist.c mycheckpoint, write_header
 */
export function writeSkiplist(entries: readonly DbEntry[], order: KeyOrder, nowSec: number): Buffer {
  const sorted = inOrder(entries, order);
  const nextLevel = levelSource(SKIPLIST.maxLevel);
  const levels = sorted.map(nextLevel);
  const size = sorted.reduce((sum, entry, i) => sum + recordSize(entry, levels[i]!), EMPTY_SIZE);
  if (size > 0xffffffff) throw new RangeError(`A skiplist file cannot have ${size} bytes`);

  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(SKIPLIST.dummy, SKIPLIST.headerSize);
  bytes.writeUInt32BE(SKIPLIST.endOfPointers, EMPTY_SIZE - 4);
  /** For each level where the pointer to the next record of that level goes. */
  const pointerAt = Array.from({ length: SKIPLIST.maxLevel }, (_, level) => SKIPLIST.headerSize + 12 + 4 * level);
  let at = EMPTY_SIZE;
  for (const [i, entry] of sorted.entries()) {
    const level = levels[i]!;
    const pointersAt = writeKeyAndValue(bytes, at, entry);
    for (let l = 0; l < level; l++) {
      bytes.writeUInt32BE(at, pointerAt[l]!);
      pointerAt[l] = pointersAt + 4 * l;
    }
    at = bytes.writeUInt32BE(SKIPLIST.endOfPointers, pointersAt + 4 * level);
  }
  bytes.write(SKIPLIST_MAGIC, 0, 'latin1');
  const highest = levels.reduce((a, b) => Math.max(a, b), 1);
  const header = [1, 2, SKIPLIST.maxLevel, highest, sorted.length, size, nowSec];
  for (const [i, field] of header.entries()) bytes.writeUInt32BE(field, 20 + 4 * i);
  return bytes;
}

function recordSize({ key, value }: DbEntry, level: number): number {
  return 12 + padded(key.length) + padded(value.length) + 4 * level + 4;
}

/** @returns where the record's pointers go */
function writeKeyAndValue(bytes: Buffer, at: number, { key, value }: DbEntry): number {
  bytes.writeUInt32BE(SKIPLIST.inorder, at);
  bytes.writeUInt32BE(key.length, at + 4);
  bytes.write(key, at + 8, 'latin1');
  const valueAt = bytes.writeUInt32BE(value.length, at + 8 + padded(key.length));
  bytes.write(value, valueAt, 'latin1');
  return valueAt + padded(value.length);
}
