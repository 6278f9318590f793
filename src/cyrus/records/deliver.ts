/**
 * deliver.db: what was delivered or answered already. Values are in the machine's own byte order and width, so that it
 * is copied at most; but what is lost without it can be counted.
 */

import type { DbEntry } from '../db/entry.js';
import { type CyrusVersion, isAtLeast } from '../version.js';

export type DeliverKind =
  | 'delivery' // a message delivered to a mailbox: duplicate suppression
  | 'sieve' // a script was run on a message for a user
  | 'vacation'; // an automatic answer was sent, and no other is until the time in the record

export interface DeliverEntry {
  kind: DeliverKind;
  /** Message-id; for vacation the hash of sender and text in hex. */
  id: string;
  /** Mailbox, `.USER.sieve.` or userid. */
  to: string;
  /** Unix time of the delivery; for vacation that up to which no other answer is sent. Undefined if unreadable. */
  timeSec?: number | undefined;
}

/** MD5. */
const HASH_LENGTH = 16;

/**
 * What an entry is about; undefined for keys of no known form. Keys: `id NUL to NUL date NUL` (2.4+, vacation has an id
 * of 32 hex digits and no date), `id NUL to NUL` (2.2, 2.3, where vacation has the 16 bytes of the hash as its id).
 * @see cyrus-imapd 3.6.1 imap/duplicate.c make_key, imap/lmtp_sieve.c autorespond, make_sieve_db
 */
export function parseDeliverEntry({ key, value }: DbEntry): DeliverEntry | undefined {
  const timeSec = nativeTime(Buffer.from(value, 'latin1'));
  const raw = key.slice(0, HASH_LENGTH);
  const rawRest = /^\0([^\0]+)\0$/.exec(key.slice(HASH_LENGTH));
  if (rawRest && !/^[\x20-\x7e]*$/.test(raw)) {
    return { kind: 'vacation', id: Buffer.from(raw, 'latin1').toString('hex'), to: rawRest[1] as string, timeSec };
  }
  const match = /^([^\0]*)\0([^\0]+)\0(?:([^\0]*)\0)?$/.exec(key);
  if (!match) return undefined;
  const [, id = '', to = '', date] = match;
  if (/^\..*\.sieve\.$/.test(to)) return { kind: 'sieve', id, to, timeSec };
  if (date === '' && /^[0-9a-f]{32}$/i.test(id)) return { kind: 'vacation', id, to, timeSec };
  return { kind: 'delivery', id, to, timeSec };
}

/** Whose vacation answers still hold another one back: those senders get one more if deliver.db is dropped. */
export function countPendingVacations(entries: readonly DbEntry[], nowSec: number): number {
  return entries.filter((entry) => {
    const parsed = parseDeliverEntry(entry);
    return parsed?.kind === 'vacation' && (parsed.timeSec ?? Number.POSITIVE_INFINITY) > nowSec;
  }).length;
}

/**
 * Versions that make the same keys: 2.4 added the date and the hash in hex; 3.0 names a script's user `USER@DOMAIN`
 * where it was `USER+@DOMAIN`.
 * @see cyrus-imapd 2.3.16, 2.4.17, 3.0.18, 3.12.3 imap/duplicate.c, imap/lmtp_sieve.c; deliver.db of the real spools
 */
export function haveSameDeliverKeys(one: CyrusVersion, other: CyrusVersion): boolean {
  const formOf = (version: CyrusVersion) => (isAtLeast(version, '3.0') ? 2 : isAtLeast(version, '2.4') ? 1 : 0);
  return formOf(one) === formOf(other);
}

/** Whether a value is what a 64-bit little-endian machine wrote: `time_t` and `unsigned long` of 8 bytes each. */
export function isNative64(value: string): boolean {
  if (value.length !== 16) return false;
  const time = Buffer.from(value, 'latin1').readBigInt64LE(0);
  return time > BigInt(MIN_TIME) && time < MAX_TIME;
}

/** Later than this (year 2242) is another byte order. */
const MAX_TIME = 2n ** 33n;

/** Earlier than this (2001) is another byte order too. */
const MIN_TIME = 1e9;

/** `time_t` at the start of a value of `time_t` and perhaps `unsigned long`, each of 4 or 8 bytes, either order. */
function nativeTime(value: Buffer): number | undefined {
  if (value.length === 16 || value.length === 8) {
    // 8 bytes are one 64-bit time, or a 32-bit one and a UID
    const times = [value.readBigInt64LE(0), value.readBigInt64BE(0)];
    const time = times.find((t) => t > 0n && t < MAX_TIME);
    if (time !== undefined || value.length === 16) return time === undefined ? undefined : Number(time);
  }
  if (value.length !== 8 && value.length !== 4) return undefined;
  const times = [value.readInt32LE(0), value.readInt32BE(0)];
  return times.find((t) => t > MIN_TIME) ?? times[0];
}
