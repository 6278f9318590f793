import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from '../../../src/cyrus/db/order.js';

describe('compareKeys', () => {
  it.each([
    // as lib/bsearch.c and lib/cyrusdb_skiplist.c of cyrus-imapd 3.6.1 have it, and cyr_dbtool with and without -M
    ['raw', ['', '\0', '\t', '\n', 'a', 'a b', 'a-b', 'a.b', 'aa', 'b', '\x80', '\xff']],
    ['signed', ['', '\x80', '\xff', '\0', '\t', '\n', 'a', 'a b', 'a-b', 'a.b', 'aa', 'b']],
    ['mbox', ['', '\0', '\t', '.', '\x01', '\x08', '\x0b', 'a', 'a.b', 'a b', 'a-b', 'aa', 'b', '\x80', '\xff']],
  ] as const)('puts keys in %s order', (order, expected) => {
    const start = expected.toReversed();
    expect(start.sort(compareKeys(order))).toEqual(expected);
  });

  it('takes TAB and LF for the same in mbox order', () => expect(compareKeys('mbox')('a\tb', 'a\nb')).toBe(0));

  it.each(['raw', 'signed', 'mbox'] as const)('is an order: %s', (order) => {
    const compare = compareKeys(order);
    const key = fc.uint8Array({ maxLength: 4 }).map((b) => Buffer.from(b).toString('latin1'));
    fc.assert(
      fc.property(key, key, key, (a, b, c) => {
        expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) || 0);
        const [x, y, z] = [a, b, c].sort(compare) as [string, string, string];
        expect(compare(x, y) <= 0 && compare(y, z) <= 0 && compare(x, z) <= 0).toBe(true);
      }),
    );
  });

  it('is memcmp where it is raw', () => {
    const bytes = fc.uint8Array({ maxLength: 6 }).map((b) => Buffer.from(b));
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareKeys('raw')(a.toString('latin1'), b.toString('latin1')))).toBe(Buffer.compare(a, b));
      }),
    );
  });
});
