import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { parseDbDump } from '../../../src/cyrus/db/db-dump.js';
import { fixture } from './fixture.js';

const allBytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1');
const parse = (text: string) => parseDbDump(Buffer.from(text, 'latin1'), 'mailboxes.dump');
const HEAD = 'VERSION=3\nformat=bytevalue\ntype=btree\nHEADER=END\n';

describe('parseDbDump', () => {
  it.each(['btree.bytevalue.dump', 'btree.print.dump', 'hash.bytevalue.dump'])(
    'reads %s, which db_dump 5.3.28 wrote, by key',
    (name) => {
      expect(parseDbDump(fixture(name), name)).toEqual([
        { key: allBytes, value: [...allBytes].reverse().join('') },
        { key: 'back\\slash \\41', value: '' },
        { key: 'user.anna', value: '0 default anna\tlrs\t' },
        { key: 'zz\n', value: '\0\xff' },
      ]);
    },
  );

  it('reads an empty database and two in one', () => {
    expect(parse(`${HEAD}DATA=END\n`)).toEqual([]);
    expect(parse(`${HEAD} 62\n \nDATA=END\n${HEAD} 61\n 7a\nDATA=END\n`)).toEqual([
      { key: 'a', value: 'z' },
      { key: 'b', value: '' },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['a dump cut off', `${HEAD} 61\n 62\n`],
    ['a dump cut off in its header', 'VERSION=3\nformat=print\n'],
    ['a key without value', `${HEAD} 61\nDATA=END\n`],
    ['half a byte', `${HEAD} 6\n 62\nDATA=END\n`],
    ['no hex', `${HEAD} 6g\n 62\nDATA=END\n`],
    ['no blank', `${HEAD}61\n 62\nDATA=END\n`],
    ['an escape of nothing', 'VERSION=3\nformat=print\nHEADER=END\n a\\4\n b\nDATA=END\n'],
    ['some other text', 'user.a\t\n'],
  ])('refuses %s', (_, text) => expect(() => parse(text)).toThrow(FormatError));

  it('throws nothing but FormatError', () => {
    const lines = fc.constantFrom(
      'VERSION=3',
      'format=print',
      'HEADER=END',
      'DATA=END',
      ' 61',
      ' \\',
      ' \\\\4',
      '',
      'x',
    );
    fc.assert(
      fc.property(fc.array(lines), (parts) => {
        try {
          parse(parts.join('\n'));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});
