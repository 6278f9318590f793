import { describe, expect, it } from 'vitest';
import { literalLength, quote, textOf, tokenize } from './imap-tokens.js';

/** Lists as arrays, everything else as its text. */
function plain(pieces: string[]): unknown[] {
  const show = (t: ReturnType<typeof tokenize>[number]): unknown => (t.kind === 'list' ? t.items.map(show) : textOf(t));
  return tokenize(pieces).map(show);
}

describe('a response of Cyrus', () => {
  // as 3.6.1 sent them
  it.each<[string, string[], unknown[]]>([
    ['LIST', ['(\\HasNoChildren) "/" "user/alice/a b"'], [['\\HasNoChildren'], '/', 'user/alice/a b']],
    ['an atom with a bracket', ['(UID 1 BODY[] {3}', 'a(b', ')'], [['UID', '1', 'BODY[]', 'a(b']]],
    ['an escaped quote', ['"a\\"b\\\\c" NIL'], ['a"b\\c', 'NIL']],
    ['nested lists', ['(MODSEQ (5) FLAGS ())'], [['MODSEQ', ['5'], 'FLAGS', []]]],
    ['an empty quoted string', ['"" ("/shared/comment" "")'], ['', ['/shared/comment', '']]],
  ])('is cut into values: %s', (_, pieces, wanted) => expect(plain(pieces)).toEqual(wanted));

  it('says how long the literal is that follows', () => {
    expect(literalLength('* 1 FETCH (BODY[] {120}')).toBe(120);
    expect(literalLength('* 1 FETCH (BODY[] "{120}")')).toBeUndefined();
  });
});

it('a name with quotes and backslashes comes back as it was', () => {
  expect(plain([quote('it\\"s')])).toEqual(['it\\"s']);
});
