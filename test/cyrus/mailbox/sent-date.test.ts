import { expect, it } from 'vitest';
import { parseSentDate, sentDateInCache } from '../../../src/cyrus/mailbox/sent-date.js';

const utc = (...at: Parameters<typeof Date.UTC>) => Date.UTC(...at) / 1000;

// lib/times.c of cyrus-imapd 3.6.1, by its code
it.each([
  ['Thu, 25 Feb 2016 21:06:40 +0000', utc(2016, 1, 25, 21, 6, 40), utc(2016, 1, 25)],
  ['Thu, 25 Feb 2016 21:06:40 -0530', utc(2016, 1, 26, 2, 36, 40), utc(2016, 1, 25)],
  ['25 Feb 2016 21:06 EDT', utc(2016, 1, 26, 1, 6, 0), utc(2016, 1, 25)],
  ['1-Jan-99 00:00:00 GMT (a comment)', utc(1999, 0, 1), utc(1999, 0, 1)],
  ['  1 jan 05 1.02.03', utc(2005, 0, 1, 1, 2, 3), utc(2005, 0, 1)],
])('reads %s', (field, timeSec, daySec) => {
  expect(parseSentDate(field)).toEqual({ timeSec, daySec });
});

it.each(['', 'yesterday', 'Thu, 25 Foo 2016 21:06:40 +0000', '25 Feb 1960 00:00:00 +0000', '25 Feb 2016'])(
  'knows nothing of "%s"',
  (field) => {
    expect(parseSentDate(field)).toBeUndefined();
  },
);

it('reads the first string of an ENVELOPE, and no other', () => {
  const cache = (envelope: string) => {
    const bytes = Buffer.alloc(8 + envelope.length);
    bytes.writeUInt32BE(envelope.length, 4);
    bytes.write(envelope, 8, 'latin1');
    return bytes;
  };
  const date = '25 Feb 2016 21:06:40 +0000';
  expect(sentDateInCache(cache(`("${date}" "subject" NIL)`), 4)?.timeSec).toBe(utc(2016, 1, 25, 21, 6, 40));
  expect(sentDateInCache(cache(`(NIL "${date}" NIL)`), 4)).toBeUndefined();
});
