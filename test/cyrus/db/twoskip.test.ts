import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { crc32 as ourCrc32 } from '../../../src/cyrus/db/crc32.js';
import { readTwoskip } from '../../../src/cyrus/db/twoskip.js';
import { writeTwoskip } from '../../../src/cyrus/db/twoskip-write.js';
import { fixture } from './fixture.js';

const entry = (key: string, value = key) => ({ key, value });
const abc = [entry('a'), entry('b'), entry('c')];

describe('readTwoskip', () => {
  it('notices any byte changed in a real file, but in blanks and the commit that no one reads', () => {
    const good = fixture('3.0-bob.seen'); // no blanks
    const expected = readTwoskip(good, 'x').entries;
    let noticed = 0;
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] = bytes[at]! ^ 0x41;
      try {
        // records no longer linked and COMMITs are not read: changing them changes nothing
        expect(readTwoskip(bytes, 'x').entries).toEqual(expected);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        noticed++;
      }
    }
    expect(noticed).toBeGreaterThan(good.length / 2);
  });

  it.each([
    ['a record to itself', (bytes: Buffer, at: number[]) => point(bytes, at[1]!, at[1]!)],
    ['a record to the one before', (bytes: Buffer, at: number[]) => point(bytes, at[2]!, at[0]!)],
    ['the last record to the first', (bytes: Buffer, at: number[]) => point(bytes, at.at(-1)!, at[0]!)],
    ['a record into the header', (bytes: Buffer, at: number[]) => point(bytes, at[1]!, 64)],
    ['a record between records', (bytes: Buffer, at: number[]) => point(bytes, at[1]!, at[2]! + 8)],
    ['a record to the COMMIT', (bytes: Buffer, at: number[]) => point(bytes, at[1]!, bytes.length - 24)],
  ])('ends with a FormatError where a pointer leads from %s, all CRCs right', (_, damage) => {
    const keys = ['a', 'b', 'c', 'd'];
    const bytes = writeTwoskip(
      keys.map((key) => entry(key)),
      'raw',
    );
    damage(
      bytes,
      keys.map((key) => recordOf(bytes, key)),
    );
    expect(() => readTwoskip(bytes, 'x')).toThrow(FormatError);
  });

  it('refuses a copy that two transactions have passed: neither pointer is old', () => {
    const bytes = writeTwoskip(abc, 'raw');
    point(bytes, recordOf(bytes, 'a'), bytes.length + 8, bytes.length + 64);
    expect(() => readTwoskip(bytes, 'x')).toThrow(/two behind it/);
  });

  it('takes the old pointer where the other lies beyond the commit', () => {
    const bytes = writeTwoskip(abc, 'raw');
    point(bytes, recordOf(bytes, 'a'), bytes.length + 8, recordOf(bytes, 'b'));
    expect(readTwoskip(bytes, 'x').entries).toEqual(abc);
  });

  it('is not clean with a tail or with DIRTY; the entries are those of the commit', () => {
    const good = writeTwoskip(abc, 'raw');
    const variants = [
      Buffer.concat([good, Buffer.from('uncommitted')]),
      setHeader(good, 56, 1),
      setHeader(setHeader(good, 56, 1), 36, 2), // the transaction began by replacing one
    ];
    for (const bytes of variants) {
      const read = readTwoskip(bytes, 'x');
      expect(read).toMatchObject({ entries: abc, clean: false });
      expect(read.notes).toHaveLength(1);
    }
  });

  it('refuses another number of records than the header has, as Cyrus calls that inconsistent', () => {
    const good = writeTwoskip(abc, 'raw');
    for (const bytes of [setHeader(good, 36, 4), setHeader(good, 36, 2), setHeader(setHeader(good, 56, 1), 36, 4)])
      expect(() => readTwoskip(bytes, 'x')).toThrow(FormatError);
  });

  it('refuses a file shorter than its commit, an impossible size and a later version', () => {
    const good = writeTwoskip(abc, 'raw');
    for (const bytes of [
      good.subarray(0, -1),
      setHeader(good, 52, 300),
      setHeader(good, 48, 0xffffffff),
      setHeader(good, 20, 2),
    ]) {
      expect(() => readTwoskip(bytes, 'x')).toThrow(FormatError);
    }
  });

  it('reads records in neither order, the later of two with one key, and says so', () => {
    const bytes = writeTwoskip([entry('a'), entry('b', '1'), entry('c'), entry('d', '2')], 'raw');
    const at = recordOf(bytes, 'd');
    bytes.write('b', at + headLength(bytes, at), 'latin1');
    bytes.writeUInt32BE(
      crc32(bytes.subarray(at + headLength(bytes, at), at + headLength(bytes, at) + 8)),
      at + headLength(bytes, at) - 4,
    );
    const read = readTwoskip(bytes, 'x');
    expect(read.entries).toEqual([entry('a'), entry('b', '2'), entry('c')]);
    expect(read.notes).toEqual([expect.stringContaining('in no order')]);
  });
});

describe('writeTwoskip', () => {
  it('writes for no entries the 336 bytes that Cyrus writes (fixtures: DUMMY of 3.0-bob.seen, all pointers 0)', () => {
    const bytes = writeTwoskip([], 'raw');
    expect(bytes).toHaveLength(336);
    expect(bytes.subarray(64, 72).toString('hex')).toBe(fixture('3.0-bob.seen').subarray(64, 72).toString('hex'));
    expect(bytes.readUInt32BE(328)).toBe(crc32(bytes.subarray(64, 328)));
  });

  it('has a CRC-32 like that of zlib', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (b) => {
        const bytes = Buffer.from(b);
        expect(ourCrc32(bytes, 0, bytes.length)).toBe(crc32(bytes));
        expect(ourCrc32(bytes, bytes.length >> 1, bytes.length)).toBe(crc32(bytes.subarray(bytes.length >> 1)));
      }),
    ));
});

/** Offset of the record with a key of one letter. */
function recordOf(bytes: Buffer, key: string): number {
  for (let at = 336; at < bytes.length; at += headLength(bytes, at) + 8) {
    if (bytes.toString('latin1', at + headLength(bytes, at), at + headLength(bytes, at) + 1) === key) return at;
  }
  throw new Error(`no ${key}`);
}

function headLength(bytes: Buffer, at: number): number {
  return 8 + 8 * (bytes[at + 1]! + 1) + 8;
}

/** Sets the two pointers of level 1, and the CRC of the head. */
function point(bytes: Buffer, at: number, next0: number, next1 = 0): void {
  bytes.writeBigUInt64BE(BigInt(next0), at + 8);
  bytes.writeBigUInt64BE(BigInt(next1), at + 16);
  const crcAt = at + headLength(bytes, at) - 8;
  bytes.writeUInt32BE(crc32(bytes.subarray(at, crcAt)), crcAt);
}

function setHeader(good: Buffer, at: number, word: number): Buffer {
  const bytes = Buffer.from(good);
  bytes.writeUInt32BE(word, at);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}
