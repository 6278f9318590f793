import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { readSkiplist } from '../../../src/cyrus/db/skiplist.js';
import { writeSkiplist } from '../../../src/cyrus/db/skiplist-write.js';
import { fixture } from './fixture.js';

const ADD = 2;
const DELETE = 4;
const COMMIT = [0, 0, 0, 255];
const entry = (key: string, value = key) => ({ key, value });
const base = () => writeSkiplist([entry('a'), entry('b')], 'signed', 0);
const word = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
/** An ADD record for a key and a value of one byte each, of level 1. */
const add = (key: string, value: string) => [
  ...word(ADD),
  ...word(1),
  ...[key.charCodeAt(0), 0, 0, 0],
  ...word(1),
  ...[value.charCodeAt(0), 0, 0, 0],
  ...word(0),
  ...word(0xffffffff),
];
const remove = (offset: number) => [...word(DELETE), ...word(offset)];
const withLog = (...log: number[][]) => readSkiplist(Buffer.concat([base(), Buffer.from(log.flat())]), 'x.seen');

describe('readSkiplist', () => {
  it('applies the log commit by commit', () => {
    const whole = withLog(add('c', '1'), COMMIT, remove(144), add('a', '2'), COMMIT);
    expect(whole).toEqual({ entries: [entry('a', '2'), entry('b'), entry('c', '1')], clean: true, notes: [] });
  });

  it('leaves out what was not committed, and says how much', () => {
    const crashed = withLog(add('c', '1'), COMMIT, remove(144), add('d', '2'));
    expect(crashed).toMatchObject({ entries: [entry('a'), entry('b'), entry('c', '1')], clean: false });
    expect(crashed.notes).toEqual([expect.stringContaining('36 bytes')]);
  });

  it('needs no pointer: a file whose pointers all lead into the void is read the same', () => {
    const bytes = fixture('2.3-bob.seen');
    const expected = readSkiplist(bytes, 'x');
    bytes.fill(0x77, 60, 140); // DUMMY's twenty
    expect(readSkiplist(bytes, 'x')).toEqual(expected);
  });

  it('skips zeros between transactions, as recovery does', () =>
    expect(withLog(word(0), word(0), add('c', '1'), COMMIT).entries).toHaveLength(3));

  it('skips a DELETE of what is not there, and of a record that was replaced', () => {
    const odd = withLog(remove(4), COMMIT, add('a', '2'), COMMIT, remove(144), COMMIT);
    expect(odd).toMatchObject({ entries: [entry('a', '2'), entry('b')], clean: false });
    expect(odd.notes).toEqual([expect.stringMatching(/^2 DELETE/)]);
  });

  it.each([
    ['unknown type between transactions', withThrow(() => withLog(word(9), COMMIT))],
    ['version 2', withThrow(() => readSkiplist(changed(20, 2), 'x'))],
    ['21 levels', withThrow(() => readSkiplist(changed(28, 21), 'x'))],
    ['no DUMMY', withThrow(() => readSkiplist(changed(48, 1), 'x'))],
    ['a DUMMY of other length', withThrow(() => readSkiplist(changed(28, 19), 'x'))],
    ['only a header', withThrow(() => readSkiplist(base().subarray(0, 48), 'x'))],
  ])('refuses a file with %s, as Cyrus does', (_, error) => expect(error).toBeInstanceOf(FormatError));

  it('believes no length: a record of the checkpoint that is longer than the file is refused', () => {
    const bytes = base();
    bytes.writeUInt32BE(0xfffffffe, 144 + 4);
    expect(() => readSkiplist(bytes, 'x')).toThrow(/a whole record of the last checkpoint/);
  });

  it('believes no length: a record of the log that is longer than the file ends what is read', () => {
    const bytes = Buffer.concat([base(), Buffer.from([...add('c', '1'), ...COMMIT])]);
    bytes.writeUInt32BE(0xfffffffe, base().length + 4);
    expect(readSkiplist(bytes, 'x')).toMatchObject({ entries: [entry('a'), entry('b')], clean: false });
  });

  it('cut off anywhere in its checkpoint is refused, between two records as well: the entries behind are not gone', () => {
    const whole = base();
    for (let size = 0; size < whole.length; size++) {
      expect(() => readSkiplist(whole.subarray(0, size), 'x'), `${size} bytes`).toThrow(FormatError);
    }
  });
});

describe('writeSkiplist', () => {
  it('writes for no entries the 144 bytes that Cyrus writes (2.3-skiplist-uhs conf/user/c/cyrus.seen)', () => {
    const bytes = writeSkiplist([], 'signed', 0x6b047d70);
    const header =
      'a1028b0d736b69706c6973742066696c65000000 00000001 00000002 00000014 00000001 00000000 00000090 6b047d70';
    expect(bytes.subarray(0, 48).toString('hex')).toBe(header.replaceAll(' ', ''));
    expect(bytes.subarray(48).toString('hex')).toBe(`00000101${'0'.repeat(176)}ffffffff`);
  });

  it('has as many levels as half the entries of the level below need', () => {
    const bytes = writeSkiplist(
      Array.from({ length: 4096 }, (_, i) => entry(`${i}`)),
      'signed',
      0,
    );
    expect(bytes.readUInt32BE(32)).toBeGreaterThanOrEqual(9);
    expect(bytes.readUInt32BE(32)).toBeLessThanOrEqual(20);
  });
});

function changed(at: number, to: number): Buffer {
  const bytes = base();
  bytes.writeUInt32BE(to, at);
  return bytes;
}

function withThrow(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
