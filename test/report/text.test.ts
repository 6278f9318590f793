import { describe, expect, it } from 'vitest';
import { escapeText, problemText, table } from '../../src/report/text.js';

describe('a table', () => {
  it('sets numbers right and text left, without blanks at the end', () => {
    expect(
      table(
        ['partition', 'mailboxes'],
        [
          ['default', 7],
          ['a', 12_345],
        ],
      ),
    ).toBe(['partition  mailboxes', '---------  ---------', 'default            7', 'a             12,345'].join('\n'));
  });

  it('is as wide as its longest cell', () => {
    expect(table(['a', 'b'], [['long cell', 'x']])).toBe(['a          b', '---------  -', 'long cell  x'].join('\n'));
  });

  it('sets a column with one text in it left', () => {
    expect(table(['size'], [[1], ['unknown']]).split('\n')[2]).toBe('1');
  });

  it('shows its heading where there is nothing', () => expect(table(['a', 'b'], [])).toBe('a  b\n-  -'));

  it('counts a cell as wide as it is shown', () => {
    expect(table(['name', 'n'], [['a\x1b[2J', 'x']]).split('\n')).toEqual([
      'name      n',
      '--------  -',
      'a\\x1b[2J  x',
    ]);
  });
});

describe('text from outside', () => {
  it.each([
    ['an escape sequence', '\x1b]0;title\x07', '\\x1b]0;title\\x07'],
    ['a line break that would forge a line', 'a\nb\r', 'a\\x0ab\\x0d'],
    ['the C1 control that opens a sequence by itself', '\x9b31m', '\\x9b31m'],
    ['plain bytes beyond ASCII', 'Entw\xfcrfe', 'Entw\xfcrfe'],
    ['DEL', '\x7f', '\\x7f'],
  ])('%s', (_case, text, shown) => expect(escapeText(text)).toBe(shown));
});

describe('problems', () => {
  it('say what, where, and what to do', () => {
    const problem = { code: 'link-refused', message: 'a link', advice: 'Move it.', mailbox: 'user.a', path: '/old/a' };
    expect(problemText([problem])).toBe('link-refused: user.a: a link (/old/a)\n    Move it.');
  });

  it('need neither mailbox nor path', () => {
    expect(problemText([{ code: 'c', message: 'm', advice: 'a' }])).toBe('c: m\n    a');
  });

  it('show no control character of a mailbox, message or path', () => {
    const text = problemText([{ code: 'c', message: 'm\x1b', advice: 'a', mailbox: 'u\x1b', path: '/p\x1b' }]);
    expect(text).not.toContain('\x1b');
  });
});
