import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { parseImapdConf } from '../../../src/cyrus/conf/imapd-conf.js';

function parse(text: string, files: Record<string, string> = {}) {
  return parseImapdConf(Buffer.from(text, 'latin1'), '/etc/imapd.conf', (path) =>
    Buffer.from(files[path] ?? '', 'latin1'),
  );
}
function pairs(text: string, files: Record<string, string> = {}) {
  return parse(text, files).entries.map((entry) => `${entry.key}=${entry.value}`);
}
function codes(text: string, files: Record<string, string> = {}) {
  return parse(text, files).issues.map((one) => `${one.code}:${one.file}:${one.line}:${one.fatalForServer}`);
}

// The cases of cyrus-imapd 3.6.1 lib/libconfig.c config_read_file.
describe('imapd.conf', () => {
  it.each([
    ['admins: cyrus\n', ['admins=cyrus']],
    ['AdMins:cyrus', ['admins=cyrus']],
    ['  \tadmins:  a b \t\r\n', ['admins=a b']],
    ['# admins: x\n\n   # y: z\nadmins: a\n', ['admins=a']],
    ['admins: a # no comment\n', ['admins=a # no comment']],
    ['sievedir: "/quoted"\n', ['sievedir="/quoted"']],
    ['admins: a \\\n b\n', ['admins=a  b']],
    ['# swallows \\\nadmins: a\nservername: b\n', ['servername=b']],
    ['servername: a\\', ['servername=a\\']],
    ['partition-p2: /a:b\n', ['partition-p2=/a:b']],
    ['admins: a\0b\nservername: c\n', ['admins=a', 'servername=c']],
  ])('%j', (text, expected) => expect(pairs(text)).toEqual(expected));

  it('keeps the byte 0xa0 at the end of a value: it is no blank to C, and the end of a UTF-8 letter', () =>
    expect(pairs('partition-default: /srv/voil\xc3\xa0\n')).toEqual(['partition-default=/srv/voil\xc3\xa0']));

  it.each([
    ['admins : a\n', 'invalid-option-name'],
    ['no colon\n', 'invalid-option-name'],
    ['ad.mins: a\n', 'invalid-option-name'],
    [': a\n', 'invalid-option-name'],
    ['admins:  \n', 'empty-value'],
    ['@includes: a\n', 'unknown-directive'],
    ['admins: a\n', undefined],
  ])('%j would stop the server: %s', (text, code) =>
    expect(codes(`servername: x\n${text}`)).toEqual(code ? [`${code}:/etc/imapd.conf:2:true`] : []),
  );

  it('says which option is given twice, and goes by the last', () => {
    expect(codes('admins: a\nADMINS: b\n')).toEqual(['duplicate-option:/etc/imapd.conf:2:true']);
    expect(pairs('admins: a\nADMINS: b\n').at(-1)).toBe('admins=b');
  });

  it('warns of a comment that swallows the next line', () =>
    expect(codes('# a \\\nadmins: a\n')).toEqual(['comment-continues:/etc/imapd.conf:1:false']));

  it('counts physical lines, also behind joined ones', () =>
    expect(parse('a: 1\\\n2\n\nb: 3\n').entries.map((entry) => entry.line)).toEqual([1, 4]));

  it('reads an included file at its place, with its own name and lines', () => {
    const { entries } = parse('a: 1\n@include: /x\nc: 3\n', { '/x': '\nb: 2\n' });
    expect(entries.map(({ key, file, line }) => `${key} ${file} ${line}`)).toEqual([
      'a /etc/imapd.conf 1',
      'b /x 2',
      'c /etc/imapd.conf 3',
    ]);
  });

  it('warns of a file included twice, which the server refuses, and reads it once', () => {
    const text = '@include: /x\n@include: /x\n';
    expect(codes(text, { '/x': 'b: 2\n' })).toEqual(['included-twice:/etc/imapd.conf:2:true']);
    expect(pairs(text, { '/x': 'b: 2\n' })).toEqual(['b=2']);
  });

  it.each([
    ['itself', '@include: /etc/imapd.conf\n', {}],
    ['itself by way of another', '@include: /x\n', { '/x': '@include: /y\n', '/y': '\n@include: /x\n' }],
  ])('refuses a file that includes %s', (_, text, files) => expect(() => parse(text, files)).toThrow(FormatError));

  it('takes any bytes: nothing but FormatError comes out, and every entry stands in the text', () =>
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.stringMatching(/^[a@#:\\ \n\t-]*$/).map(Buffer.from)), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        try {
          for (const { key, value } of parse(text).entries) {
            expect(key).toMatch(/^[a-z0-9_-]+$/);
            expect(value).not.toBe('');
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    ));
});

// Where versions differ: cyrus-imapd 2.2.13 and 3.6.1 lib/libconfig.c config_read_file.
describe('lines of imapd.conf', () => {
  const of = (version: '2.2' | '2.3', text: string) =>
    parseImapdConf(Buffer.from(text, 'latin1'), '/etc/imapd.conf', () => Buffer.alloc(0), version).entries.map(
      ({ key, value, line }) => `${line} ${key}=${value}`,
    );

  it('are joined after a backslash from 2.3 on; 2.2 keeps the backslash and reads the next line', () => {
    expect(of('2.3', 'admins: a \\\nservername: b\n')).toEqual(['1 admins=a servername: b']);
    expect(of('2.2', 'admins: a \\\nservername: b\n')).toEqual(['1 admins=a \\', '2 servername=b']);
  });

  it('that are joined to the end of the file are lost', () =>
    expect(of('2.3', 'servername: x\nadmins: a \\\n')).toEqual(['1 servername=x']));

  it('with a NUL before the backslash are not joined', () =>
    expect(of('2.3', 'admins: a\0\\\nservername: b\n')).toEqual(['1 admins=a', '2 servername=b']));

  it('of more than 4095 bytes are two lines to 2.2', () => {
    const long = `admins: ${'a'.repeat(4087)}servername: b\n`;
    expect(of('2.2', long)).toEqual([`1 admins=${'a'.repeat(4087)}`, '2 servername=b']);
    expect(of('2.3', long)).toHaveLength(1);
  });
});
