import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { readFlat } from '../../../src/cyrus/db/flat.js';
import { writeFlat } from '../../../src/cyrus/db/flat-write.js';

const read = (text: string, escaped = true) => readFlat(Buffer.from(text, 'latin1'), 'alice.sub', { escaped });

describe('readFlat', () => {
  it('undoes the escaping of 2.5 and later, as lib/cyrusdb_flat.c decode does', () => {
    const stored = 'a\xff\x89b\xff\xff\t\xff\x80\xff\x8a\xff\x8d\xff\n';
    expect(read(stored).entries).toEqual([{ key: 'a\tb\xff', value: '\0\n\r' }]);
    expect(read(stored, false).entries).toEqual([{ key: 'a\xff\x89b\xff\xff', value: '\xff\x80\xff\x8a\xff\x8d\xff' }]);
  });

  it('takes all behind the first TAB for the value', () =>
    expect(read('bob\t2\tpop3,imap\tDenied\n').entries).toEqual([{ key: 'bob', value: '2\tpop3,imap\tDenied' }]));

  it('leaves out a last line that was cut off, and says so', () => {
    const cut = read('user.a\t\nuser.b\t');
    expect(cut).toMatchObject({ entries: [{ key: 'user.a', value: '' }], clean: false });
    expect(cut.notes).toEqual([expect.stringContaining('7 bytes')]);
  });

  it('reads lines in no order, and says that Cyrus does not find them all', () => {
    const { entries, clean, notes } = read('user.a-b\t1\nuser.a.x\t2\nuser.a\t3\n');
    expect(entries.map((e) => e.key)).toEqual(['user.a', 'user.a-b', 'user.a.x']);
    expect(clean).toBe(true);
    expect(notes).toEqual([expect.stringMatching(/^2 lines are out of order/)]);
  });

  it('refuses a line without TAB: that is some other file', () =>
    expect(() => read('user.a\t\nFrom: x\nuser.b\t\n')).toThrow(FormatError));
});

describe('writeFlat', () => {
  it('sorts the dot before all else, and escapes only for 2.5 and later', () => {
    const entries = ['user.a-b', 'user.a\xff', 'user.a.x', 'user.a'].map((key) => ({ key, value: '\t' }));
    expect(writeFlat(entries, '2.4').toString('latin1')).toBe(
      'user.a\t\t\nuser.a.x\t\t\nuser.a-b\t\t\nuser.a\xff\t\t\n',
    );
    expect(writeFlat(entries, '2.5').toString('latin1')).toBe(
      'user.a\t\xff\x89\nuser.a.x\t\xff\x89\nuser.a-b\t\xff\x89\nuser.a\xff\xff\t\xff\x89\n',
    );
  });

  it.each([
    { key: 'a\tb', value: '' },
    { key: 'a\nb', value: '' },
    { key: 'a\0b', value: '' },
    { key: 'a', value: '\n' },
    { key: 'a', value: '\0' },
  ])('refuses for 2.4 what it has no escape for: %j', (entry) => {
    expect(() => writeFlat([entry], '2.4')).toThrow(RangeError);
    expect(read(writeFlat([entry], '2.5').toString('latin1')).entries).toEqual([entry]);
  });
});
