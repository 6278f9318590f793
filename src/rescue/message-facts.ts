/** What an index record says of a message, taken from its bytes. */

export interface MessageFacts {
  /** Bytes up to and with the empty line. */
  readonly headerSize: number;
  /** Time of the Date: field; undefined where there is none that can be read. Unix time. */
  readonly dateSec: number | undefined;
  /** Midnight of the day that the Date: field names, as if in UTC. */
  readonly daySec: number | undefined;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** @see cyrus-imapd 3.6.1 imap/message.c message_parse_headers; lib/times.c time_from_rfc5322 */
export function messageFacts(message: Buffer): MessageFacts {
  const end = message.indexOf('\r\n\r\n');
  const headerSize = message.subarray(0, 2).toString('latin1') === '\r\n' ? 2 : end < 0 ? message.length : end + 4;
  const head = message.toString('latin1', 0, Math.min(headerSize, 65536)).replace(/\r\n[ \t]+/g, ' ');
  const field = /^Date:[ \t]*(.*)$/im.exec(head)?.[1];
  const found =
    field &&
    /(\d{1,2})[ -]+([A-Za-z]{3})[ -]+(\d{4})[ ]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[ ]+([+-])(\d{2})(\d{2}))?/.exec(
      field,
    );
  const month = found ? MONTHS.indexOf(found[2]!.toLowerCase()) : -1;
  if (!found || month < 0) return { headerSize, dateSec: undefined, daySec: undefined };
  const [day, year, hour, minute] = [found[1], found[3], found[4], found[5]].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const zone = found[7] === undefined ? 0 : (Number(found[8]) * 60 + Number(found[9])) * (found[7] === '-' ? -60 : 60);
  const seconds = (...at: Parameters<typeof Date.UTC>) => Math.floor(Date.UTC(...at) / 1000);
  const dateSec = seconds(year, month, day, hour, minute, Number(found[6] ?? 0)) - zone;
  const daySec = seconds(year, month, day);
  return daySec < 0 || dateSec < 0 || dateSec > 0xffffffff
    ? { headerSize, dateSec: undefined, daySec: undefined }
    : { headerSize, dateSec, daySec };
}
