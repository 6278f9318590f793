/** What an index record says of a message, taken from its bytes. */
import { parseSentDate } from '../cyrus/mailbox/sent-date.js';

export interface MessageFacts {
  /** Bytes up to and with the empty line. */
  readonly headerSize: number;
  /** Time of the Date: field; undefined where there is none that can be read. Unix time. */
  readonly dateSec: number | undefined;
  /** Midnight of the day that the Date: field names, as if in UTC. */
  readonly daySec: number | undefined;
}

/** @see cyrus-imapd 3.6.1 imap/message.c message_parse_headers; lib/times.c time_from_rfc5322 */
export function messageFacts(message: Buffer): MessageFacts {
  const end = message.indexOf('\r\n\r\n');
  const headerSize = message.subarray(0, 2).toString('latin1') === '\r\n' ? 2 : end < 0 ? message.length : end + 4;
  const head = message.toString('latin1', 0, Math.min(headerSize, 65536)).replace(/\r\n[ \t]+/g, ' ');
  const field = /^Date:[ \t]*(.*)$/im.exec(head)?.[1];
  const sent = field === undefined ? undefined : parseSentDate(field);
  return { headerSize, dateSec: sent?.timeSec, daySec: sent?.daySec };
}
