import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { type MailboxHeader, readMailboxHeader, writeMailboxHeader } from '../../../src/cyrus/mailbox/header.js';
import { fixtureFile, fixtureHeader, MAILBOXES } from './fixtures.js';

const MAGIC = fixtureFile('v10-drafts', 'cyrus.header').subarray(0, 115);
const file = (body: string) => Buffer.concat([MAGIC, Buffer.from(body, 'latin1')]);
const bodyOf = (bytes: Buffer) => bytes.toString('latin1', 115);

describe('reading cyrus.header', () => {
  it('of 2.3: quota root, uniqueid, a flag, the ACL', () => {
    // quota root is absent, since user.o'neil has none; values as `strings` shows the file
    expect(fixtureHeader('v10-drafts')).toEqual({
      form: 'text',
      uniqueid: '4db9600b6b047d71',
      flags: ['$Label1'],
      acl: "o'neil\tlrswipkxtecda\t",
    });
  });

  it('of 2.4: keywords in the order of their bits', () => {
    expect(fixtureHeader('v12-trash')).toMatchObject({
      quotaRoot: 'user.dave',
      uniqueid: '53d8c1c96b047de9',
      flags: ['$Label1', '$Forwarded', 'NonJunk'],
    });
  });

  it('of 3.6: name and type as well', () => {
    expect(fixtureHeader('v17-archived')).toEqual({
      form: 'dlist',
      types: 'e',
      name: 'user.legacy^one',
      uniqueid: 'thg7ei6x7elg96746crfy36y',
      quotaRoot: 'user.legacy^one',
      acl: 'legacy.one\tlrswipkxtecdan\t',
      flags: ['$MDNSent'],
    });
  });

  it('rewritten by 3.6.1 from a text header knows no name', () => {
    // seen on a running 3.6.1 after `quota -f` on a migrated 2.3 mailbox
    const bytes = file('%(T e N NIL I ffff0000ffff0001 Q user.t A %(t lrswipkxtecda) U (Later))\n');
    const header = readMailboxHeader(bytes, 'x');
    expect(header).not.toHaveProperty('name');
    expect(header.types).toBe('e');
    expect(writeMailboxHeader(header, 'dlist')).toEqual(bytes);
  });

  it.each([
    ['text', '\tffff0000ffff0001\nA  C \nt\tlrs\t\n'],
    ['dlist', '%(T e N user.t I ffff0000ffff0001 A %(t lrs) U (A NIL C))\n'],
  ] as const)('keeps the slot of a freed flag in the %s form', (form, body) => {
    const header = readMailboxHeader(file(body), 'x');
    expect(header.flags).toEqual(['A', null, 'C']);
    expect(bodyOf(writeMailboxHeader(header, form))).toBe(body);
  });

  it('of 2.0 has no uniqueid', () => {
    const header = readMailboxHeader(file('user.t\n\nt\tlrs\t\n'), 'x');
    expect(header).toEqual({ form: 'text', quotaRoot: 'user.t', flags: [], acl: 't\tlrs\t' });
  });

  it('of 3.13 keeps what it does not know', () => {
    const bytes = file('%(T e N user.t I abc J P1 Q user.t A %(t lrs))\n');
    const header = readMailboxHeader(bytes, 'x');
    expect(header.extra).toEqual([['J', 'P1']]);
    expect(writeMailboxHeader(header, 'dlist')).toEqual(bytes);
  });

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['another magic', Buffer.from(`x${bodyOf(fixtureFile('v10-drafts', 'cyrus.header'))}`)],
    ['only the magic', file('')],
    ['no ACL line yet', file('\tabc\nA \n')],
    ['an ACL line without its end', file('\tabc\nA \nt\tlr')],
    ['a dlist without its line feed', file('%(T e N user.t I abc A %(t lrs))')],
    ['a list where the uniqueid should be', file('%(T e N user.t I (a b) A %(t lrs))\n')],
    ['a plain list', file('(T e)\n')],
    ['flags as a map', file('%(T e I abc A %(t lrs) U %(a b))\n')],
    ['an ACL that is an item', file('%(T e I abc A lrs)\n')],
  ])('refuses %s', (_what, bytes) => {
    expect(() => readMailboxHeader(bytes, 'x')).toThrow(FormatError);
  });

  it('throws nothing but FormatError, whatever comes', () => {
    const near = fc.tuple(fc.constantFrom(...MAILBOXES), fc.nat(300), fc.nat(255)).map(([mailbox, at, value]) => {
      const bytes = fixtureFile(mailbox, 'cyrus.header');
      bytes[115 + (at % (bytes.length - 115))] = value;
      return bytes;
    });
    const after = fc.uint8Array().map((tail) => Buffer.concat([MAGIC, tail]));
    fc.assert(
      fc.property(fc.oneof(near, after), (bytes) => {
        try {
          readMailboxHeader(bytes, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});

describe('writing cyrus.header', () => {
  it.each(MAILBOXES)('gives the bytes of the server for %s', (mailbox) => {
    const bytes = fixtureFile(mailbox, 'cyrus.header');
    const header = readMailboxHeader(bytes, mailbox);
    expect(writeMailboxHeader(header, header.form)).toEqual(bytes);
  });

  it('turns a 2.3 header into what 3.6 writes for such a mailbox', () => {
    const header = { ...fixtureHeader('v12-trash'), name: 'user.dave.Trash', types: 'el' };
    expect(bodyOf(writeMailboxHeader(header, 'dlist'))).toBe(
      '%(T el N user.dave.Trash I 53d8c1c96b047de9 Q user.dave A %(dave lrswipkxtecda) U ($Label1 $Forwarded NonJunk))\n',
    );
  });

  it.each([
    ['a blank in a flag', { flags: ['a b'] }],
    ['a line feed in the ACL', { acl: 'a\nb' }],
    ['a tab in the quota root', { quotaRoot: 'a\tb' }],
    ['a quota root that would be read as a dlist', { quotaRoot: '%a' }],
  ])('refuses %s in the text form', (_what, part) => {
    const header: MailboxHeader = { form: 'text', uniqueid: 'x', flags: [], acl: '', ...part };
    expect(() => writeMailboxHeader(header, 'text')).toThrow(RangeError);
  });

  const word = fc.stringMatching(/^[!-~\x80-\xff]{1,20}$/);
  const anyHeader = fc.record(
    {
      quotaRoot: word.filter((name) => !name.startsWith('%')),
      uniqueid: fc.stringMatching(/^[0-9a-f]{16}$/),
      flags: fc
        .array(fc.option(word), { maxLength: 128 })
        .map((flags) => flags.slice(0, flags.findLastIndex((flag) => flag !== null) + 1)),
      acl: fc.array(fc.tuple(word, word)).map((pairs) => pairs.map(([id, rights]) => `${id}\t${rights}\t`).join('')),
    },
    { requiredKeys: ['uniqueid', 'flags', 'acl'] },
  );
  it.each(['text', 'dlist'] as const)('and reading it back gives the same, in the %s form', (form) => {
    fc.assert(
      fc.property(anyHeader, (parts) => {
        const header = form === 'text' ? { form, ...parts } : { form, types: 'e', name: 'user.x', ...parts };
        expect(readMailboxHeader(writeMailboxHeader(header, form), 'x')).toEqual(header);
      }),
    );
  });
});
