import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { type Dlist, DlistMap, parseDlist, printDlist } from '../../../src/cyrus/records/dlist.js';
import { SERVERS, shown } from './fixture.js';

/** Also short, with the bytes on which the choice of atom, quotes or literal turns. */
const item = fc.oneof(
  fc.string({ unit: fc.constantFrom(...' ()%{}"\\*)\x1d\x1f\x7f\x80\xff\r\n\0aNIL1+'.split('')), maxLength: 8 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.integer({ min: 1022, max: 1026 }).map((length) => 'x'.repeat(length)),
);
const { value } = fc.letrec<{ value: Dlist }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    item,
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(item, tie('value')), { maxLength: 4 }).map((pairs) => new DlistMap(pairs)),
  ),
}));

describe('dlist', () => {
  it.each(SERVERS.filter(([, version]) => version.startsWith('3')))(
    'prints every record of %s as Cyrus wrote it',
    (name) => {
      const entries = shown(`${name}/mailboxes.show.txt`).filter((entry) => entry.value.startsWith('%'));
      expect(entries.length).toBeGreaterThan(100);
      for (const entry of entries) expect(printDlist(parseDlist(entry.value, name))).toBe(entry.value);
    },
  );

  it('reads lists, NIL, quoted and literal items', () => {
    const text = '%(A %(bob lrs "a b" "") L (1 NIL "NIL" {3}\r\na)\n {1+}\r\n( "\\"\\\\") E () K %())';
    expect(parseDlist(text, 'x')).toEqual(
      new DlistMap([
        [
          'A',
          new DlistMap([
            ['bob', 'lrs'],
            ['a b', ''],
          ]),
        ],
        ['L', ['1', null, 'NIL', 'a)\n', '(', '"\\']],
        ['E', []],
        ['K', new DlistMap([])],
      ]),
    );
  });

  it.each([
    '',
    '%',
    '%(',
    '%(A',
    '%(A )',
    '%( A 1)',
    '%(A  1)',
    '%(A 1) ',
    '%(A 1)x',
    '()1',
    '"a',
    '"a\\',
    '{3}\r\nab',
    '{3}ab',
    '{99999999999}\r\n',
    '%(NIL 1)',
    '(a  b)',
    '( )',
    '%{x',
    '('.repeat(5000),
    '%(a '.repeat(5000),
  ])('refuses %j', (text) => expect(() => parseDlist(text, 'x')).toThrow(FormatError));

  it('reads back whatever it prints', () =>
    fc.assert(
      fc.property(fc.array(value), (values) => {
        expect(parseDlist(printDlist(values), 'x')).toEqual(values);
      }),
      { numRuns: 2000 },
    ));

  it('throws nothing but FormatError', () =>
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'%() "{}\\\r\n+12aNIL'.split('')), maxLength: 60 }), (text) => {
        try {
          parseDlist(text, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 3000 },
    ));
});
