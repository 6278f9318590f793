/**
 * cyrus.cache: what IMAP shows of a message without opening it. Four bytes of generation, then one record per message,
 * found by the offset in cyrus.index; records of expunged mail may lie between. All of it can be made again from the
 * message files, so a bad cache is never a reason to refuse a mailbox: it is left out, and the server parses again.
 */
import { crc32 } from '../../base/crc32.js';
import type { IndexView } from './index.js';
import type { CachePlace } from './index-patch.js';

const GENERATION_BYTES = 4;
/** ENVELOPE, BODYSTRUCTURE, BODY, SECTION, HEADERS, FROM, TO, CC, BCC, SUBJECT. @see cyrus-imapd imap/mailbox.h NUM_CACHE_FIELDS */
const ITEMS = 10;

/** The generation, which must be that of the index; undefined for a file too short to have one. */
export function cacheGeneration(cache: Buffer): number | undefined {
  return cache.length < GENERATION_BYTES ? undefined : cache.readUInt32BE(0);
}

/**
 * Length in bytes, padding included, of the cache record at `offset`: ten times a u32 length, the bytes, and padding to
 * a multiple of four.
 * @returns undefined if no whole record lies there
 * @see cyrus-imapd 3.6.1 imap/mailbox.c cache_parserecord
 */
export function cacheRecordLength(cache: Buffer, offset: number): number | undefined {
  if (offset < GENERATION_BYTES) return undefined;
  let at = offset;
  for (let item = 0; item < ITEMS; item++) {
    if (at + 4 > cache.length) return undefined;
    at += 4 + Math.ceil(cache.readUInt32BE(at) / 4) * 4;
    if (at > cache.length) return undefined;
  }
  return at - offset;
}

/** The record at `offset` as the index refers to it, or undefined if none lies there. */
export function cachePlace(cache: Buffer, offset: number): CachePlace | undefined {
  const length = cacheRecordLength(cache, offset);
  if (length === undefined) return undefined;
  return { offset, crc: crc32(cache.subarray(offset, offset + length)) };
}

/** The cache files of one mailbox; absent = there is none, or it is not to be used. */
export interface Caches {
  readonly spool?: Buffer | undefined;
  /** On the archive partition (3.0 and later), for records with ARCHIVED. May be the same file as `spool`. */
  readonly archive?: Buffer | undefined;
}

/** What of the index's cache records is there. */
export interface CacheCheck {
  /** False where a file's generation is another: all its offsets are wrong, or a repack is halfway. */
  readonly generationFits: boolean;
  readonly good: number;
  /** Records without a cache record, with one that does not lie there, or (12 and later) with another CRC. */
  readonly bad: number;
}

/** Checks every cache record that `view` refers to, except those of unlinked records. */
export function checkCaches(view: IndexView, caches: Caches): CacheCheck {
  let good = 0;
  let bad = 0;
  for (let i = 0; i < view.count; i++) {
    if (view.isUnlinked(i)) continue;
    if (recordIn(view, i, caches)) good++;
    else bad++;
  }
  const generationFits = [caches.spool, caches.archive].every(
    (cache) => cache === undefined || cacheGeneration(cache) === view.generation,
  );
  return { generationFits, good, bad };
}

/** A new cache file, and where each record of the index is in it. */
export interface BuiltCache {
  readonly cache: Buffer;
  /** For `patchIndex`'s `cacheOf`: null if the record has none or is not in this file. */
  readonly placeOf: (i: number) => CachePlace | null;
}

/**
 * Puts the good cache records of those index records that `select` names (all, if absent) into one new file of
 * `generation`. With a spool's and an archive's cache this merges them; called once per new file it splits them.
 */
export function buildCache(
  view: IndexView,
  caches: Caches,
  generation: number,
  select?: (i: number) => boolean,
): BuiltCache {
  const offsets = new Float64Array(view.count);
  const crcs = new Uint32Array(view.count);
  const head = Buffer.alloc(GENERATION_BYTES);
  head.writeUInt32BE(generation);
  const parts: Buffer[] = [head];
  let end = head.length;
  for (let i = 0; i < view.count; i++) {
    const record = view.isUnlinked(i) || select?.(i) === false ? undefined : recordIn(view, i, caches);
    if (!record) continue;
    offsets[i] = end;
    crcs[i] = crc32(record);
    parts.push(record);
    end += record.length;
  }
  const placeOf = (i: number) => (offsets[i] ? { offset: offsets[i]!, crc: crcs[i]! } : null);
  return { cache: Buffer.concat(parts, end), placeOf };
}

/** The bytes of record `i`'s cache record, if they are there and have the CRC of the index (12 and later). */
function recordIn(view: IndexView, i: number, caches: Caches): Buffer | undefined {
  const cache = view.isArchived(i) ? caches.archive : caches.spool;
  const offset = view.cacheOffset(i);
  const length = cache && cacheRecordLength(cache, offset);
  if (length === undefined) return undefined;
  const bytes = cache!.subarray(offset, offset + length);
  return view.layout.hasCrc && crc32(bytes) !== view.cacheCrc(i) ? undefined : bytes;
}
