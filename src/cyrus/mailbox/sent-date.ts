/** The time that a Date: field names, as a server reads it into an index record. */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** Hours east of UTC. */
// biome-ignore format: a table
const ZONES: Readonly<Record<string, number>> = { est: -5, edt: -4, cst: -6, cdt: -5, mst: -7, mdt: -6, pst: -8, pdt: -7 };
const DATE =
  /^\s*(?:[A-Za-z]{3},\s*)?(\d{1,2})[ -]+([A-Za-z]{3})[ -]+(\d{2}|\d{4,5})\s+(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?(?:\s+(?:([+-])(\d{2})(\d{2})|([A-Za-z]+)))?/;

export interface SentDate {
  /** Unix time. */
  readonly timeSec: number;
  /** Midnight of its day as the sender's clock showed it, as if in UTC. */
  readonly daySec: number;
}

/**
 * @param field What follows `Date:`, unfolded.
 * @returns undefined where a server can't read it either: it then takes INTERNALDATE.
 * @see cyrus-imapd 3.6.1 lib/times.c time_from_rfc5322; imap/message.c message_create_record
 */
export function parseSentDate(field: string): SentDate | undefined {
  const found = DATE.exec(field);
  const month = found ? MONTHS.indexOf(found[2]!.toLowerCase()) : -1;
  if (!found || month < 0) return undefined;
  const given = Number(found[3]);
  const year = found[3]!.length > 2 ? given : given < 70 ? 2000 + given : 1900 + given;
  const minutesEast = found[7]
    ? (Number(found[8]) * 60 + Number(found[9])) * (found[7] === '-' ? -1 : 1)
    : 60 * (ZONES[found[10]?.toLowerCase() ?? ''] ?? 0);
  const day = Date.UTC(year, month, Number(found[1]));
  const time =
    Date.UTC(year, month, Number(found[1]), Number(found[4]), Number(found[5]), Number(found[6] ?? 0)) -
    60_000 * minutesEast;
  return day < 0 || time < 0 || time > 0xffff_ffff * 1000 ? undefined : { timeSec: time / 1000, daySec: day / 1000 };
}

/**
 * The same by a cache record's ENVELOPE, which begins with the Date: field as a string.
 * @param offset Of a whole record.
 * @see cyrus-imapd 3.6.1 imap/message.c message_write_envelope, message_write_nstring
 */
export function sentDateInCache(cache: Buffer, offset: number): SentDate | undefined {
  const length = cache.readUInt32BE(offset);
  const envelope = cache.toString('latin1', offset + 4, offset + 4 + Math.min(length, 200));
  const date = /^\("((?:[^"\\]|\\.)*)"/.exec(envelope)?.[1];
  return date === undefined ? undefined : parseSentDate(date);
}
