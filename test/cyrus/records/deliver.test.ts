import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDatabase } from '../../../src/cyrus/db/database.js';
import { countPendingVacations, parseDeliverEntry } from '../../../src/cyrus/records/deliver.js';
import { fixtureBytes } from './fixture.js';

/** `time_t` and `unsigned long` of x86-64. */
function native(timeSec: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(timeSec);
  return bytes.toString('latin1');
}

describe('deliver.db', () => {
  it.each([
    ['2.4-netnews-meta', '.alice+@.sieve.'],
    ['3.0-uhs-plain', '.alice@internal.sieve.'],
    ['3.2-uhs-meta', '.alice@internal.sieve.'],
    ['3.6-netnews-mixed', '.alice@internal.sieve.'],
    ['3.10-fullhash-meta', '.alice@internal.sieve.'],
  ])('of %s has only the runs of Sieve scripts', (server, alice) => {
    const { entries } = readDatabase(fixtureBytes(`${server}/deliver.db`), server);
    const parsed = entries.map(parseDeliverEntry);
    expect(new Set(parsed.map((entry) => entry?.kind))).toEqual(new Set(['sieve']));
    expect(parsed).toContainEqual(expect.objectContaining({ to: alice, id: expect.stringMatching(/^<.*>$/) }));
    // all of the day on which the spools were made
    for (const entry of parsed) expect(Math.abs((entry?.timeSec ?? 0) - 1795456400)).toBeLessThan(86400);
    expect(countPendingVacations(entries, 0)).toBe(0);
  });

  // keys as imap/lmtp_sieve.c autorespond makes them: 3.6.1 in hex, 2.3.16 the hash itself
  const HASH = '0cc175b9c0f1b6a831c399e269772661';
  const VACATIONS = [
    ['2.4+', `${HASH}\0carol.smith\0\0`],
    ['2.3', `${Buffer.from(HASH, 'hex').toString('latin1')}\0carol.smith\0`],
  ] as const;

  it.each(VACATIONS)('tells a vacation answer of %s', (_, key) => {
    expect(parseDeliverEntry({ key, value: native(1795456400) })).toEqual({
      kind: 'vacation',
      id: HASH,
      to: 'carol.smith',
      timeSec: 1795456400,
    });
    expect(countPendingVacations([{ key, value: native(1795456400) }], 1795456399)).toBe(1);
    expect(countPendingVacations([{ key, value: native(1795456400) }], 1795456400)).toBe(0);
  });

  it.each([
    ['<a@b>\0user.ben\0Fri, 24 May 2019\0', 'delivery'],
    ['<a@b>\0user.ben\0', 'delivery'],
    ['<exactly16bytes>\0user.ben\0', 'delivery'],
    ['<a@b>\0.ben+@.sieve.\0', 'sieve'],
    ['<a@b>', undefined],
    ['', undefined],
  ])('tells %j as %s', (key, kind) => expect(parseDeliverEntry({ key, value: native(1) })?.kind).toBe(kind));

  it.each([
    ['64-bit little-endian', '9008046b000000000000000000000000'],
    ['64-bit big-endian', '000000006b0408900000000000000005'],
    ['32-bit little-endian', '9008046b05000000'],
    ['32-bit big-endian', '6b04089000000005'],
    ['64-bit, time only', '9008046b00000000'],
    ['32-bit, time only', '9008046b'],
  ])('reads the time of a %s machine', (_, hex) => {
    const value = Buffer.from(hex, 'hex').toString('latin1');
    expect(parseDeliverEntry({ key: 'a\0b\0c\0', value })?.timeSec).toBe(0x6b040890);
  });

  it('takes any bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 24 }).map((b) => Buffer.from(b).toString('latin1'));
    fc.assert(fc.property(bytes, bytes, (key, value) => void parseDeliverEntry({ key, value })));
  });
});
