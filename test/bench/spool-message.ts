/** One generated message, and what an old server recorded of it: GUID, header size, and its record in cyrus.cache. */
import { createHash } from 'node:crypto';

/** Lines of 72 characters; long enough that no two slices of one mailbox are likely the same. */
const LINE = 74;
const POOL_LINES = 16_384;
const pool = makePool();

function makePool(): Buffer {
  const words = 'sed ut perspiciatis unde omnis iste natus error sit voluptatem accusantium laudantium totam rem'.split(
    ' ',
  );
  const bytes = Buffer.alloc(POOL_LINES * LINE, ' ');
  let state = 12345;
  for (let line = 0; line < POOL_LINES; line++) {
    let at = line * LINE;
    const end = at + LINE - 2;
    while (at < end) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const word = words[(state >>> 16) % words.length]!;
      if (at + word.length > end) break;
      at += bytes.write(word, at, 'latin1') + 1;
    }
    bytes.write('\r\n', end, 'latin1');
  }
  return bytes;
}

export interface SpoolMessage {
  readonly bytes: Buffer;
  readonly guid: Buffer;
  readonly headerSize: number;
  readonly dateSec: number;
  /** A whole record of cyrus.cache, as Cyrus 3.0 (cache version 6) writes it. */
  readonly cacheRecord: Buffer;
}

export const CACHE_VERSION = 6;

/**
 * Lengths around `mean` as mail has them: many short, few long. The mean over many numbers is `mean`.
 * @see the quantiles of an exponential law, cut at 8 × the mean
 */
export function messageLength(number: number, mean: number): number {
  const u = ((Math.imul(number, 2654435761) >>> 0) + 0.5) / 2 ** 32;
  return Math.max(400, Math.round(Math.min(-Math.log(1 - u), 8) * mean));
}

/** @param number Says everything about it: the same number and mean give the same message. */
export function spoolMessage(number: number, mean: number): SpoolMessage {
  const dateSec = 1_420_000_000 + (number % 4_000_000) * 77;
  const date = new Date(dateSec * 1000).toUTCString().replace('GMT', '+0000');
  const id = `<${number}@bench.example.org>`;
  const header = Buffer.from(
    [
      'Return-Path: <writer@bench.example.org>',
      'Received: from bench.example.org (localhost [127.0.0.1])',
      `\t by mail.example.org (Cyrus v3.0.18) with LMTPA;`,
      `\t ${date}`,
      'X-Sieve: CMU Sieve 3.0',
      `From: Writer ${number} <writer@bench.example.org>`,
      'To: someone@example.org',
      `Subject: letter ${number}`,
      `Message-ID: ${id}`,
      `Date: ${date}`,
      '',
      '',
    ].join('\r\n'),
  );
  const lines = Math.max(1, Math.round((messageLength(number, mean) - header.length) / LINE));
  const body = Buffer.allocUnsafe(lines * LINE);
  for (let at = 0, line = (Math.imul(number, 40503) >>> 0) % POOL_LINES; at < body.length; line = 0)
    at += pool.copy(body, at, line * LINE, Math.min(pool.length, line * LINE + body.length - at));
  const bytes = Buffer.concat([header, body]);
  return {
    bytes,
    guid: createHash('sha1').update(bytes).digest(),
    headerSize: header.length,
    dateSec,
    cacheRecord: cacheRecord({ number, date, id, headerSize: header.length, body, lines }),
  };
}

interface Facts {
  readonly number: number;
  readonly date: string;
  readonly id: string;
  readonly headerSize: number;
  readonly body: Buffer;
  readonly lines: number;
}

/** @see cyrus-imapd 3.0.18 imap/message.c message_write_cache; compared with records of fixtures/spools/3.0-uhs-plain */
function cacheRecord({ number, date, id, headerSize, body, lines }: Facts): Buffer {
  const writer = `(("Writer ${number}" NIL "writer" "bench.example.org"))`;
  const structure = `("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" ${body.length} ${lines}`;
  const items = [
    `("${date}" "letter ${number}" ${writer} ${writer} ${writer} ((NIL NIL "someone" "example.org")) NIL NIL NIL "${id}")`,
    `${structure} NIL NIL NIL NIL)`,
    `${structure})`,
    section(headerSize, body),
    `Message-ID: ${id}\r\n`,
    `Writer ${number} <writer@bench.example.org>`,
    '<someone@example.org>',
    '',
    '',
    `"letter ${number}"`,
  ].map((item) => (typeof item === 'string' ? Buffer.from(item, 'latin1') : item));
  const record = Buffer.alloc(items.reduce((sum, { length }) => sum + 4 + Math.ceil(length / 4) * 4, 0));
  let at = 0;
  for (const item of items) {
    at = record.writeUInt32BE(item.length, at);
    item.copy(record, at);
    at += Math.ceil(item.length / 4) * 4;
  }
  return record;
}

/** The SECTION item of a message with one part of text/plain in us-ascii. */
function section(headerSize: number, body: Buffer): Buffer {
  const guid = createHash('sha1').update(body).digest();
  const part = Buffer.concat([
    u32(headerSize, body.length),
    Buffer.from('000c0000', 'hex'),
    Buffer.from('us-ascii\0\0\0\0'),
  ]);
  return Buffer.concat([
    u32(2, 0, headerSize, headerSize, body.length, 0xffff),
    guid,
    u32(0, headerSize),
    part,
    guid,
    u32(0),
  ]);
}

function u32(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [i, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * i);
  return bytes;
}
