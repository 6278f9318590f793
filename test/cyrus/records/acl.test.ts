import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asInternalName } from '../../../src/cyrus/names/mailbox-name.js';
import { aclFromPairs, aclPairs, translateAcl } from '../../../src/cyrus/records/acl.js';
import { readMailboxEntries, writeMailboxEntries } from '../../../src/cyrus/records/mailboxes-db.js';
import { CYRUS_VERSIONS, type CyrusVersion } from '../../../src/cyrus/version.js';
import { nameConf } from './fixture.js';

it.each([
  [
    'alice\tlrswipkxtecda\t-dave\tw\tgroup:mail\tlrs\t',
    [
      ['alice', 'lrswipkxtecda'],
      ['-dave', 'w'],
      ['group:mail', 'lrs'],
    ],
  ],
  ['John Doe\tlr\t', [['John Doe', 'lr']]],
  ['', []],
])('the ACL %j has its pairs', (acl, pairs) => {
  expect(aclPairs(acl)).toEqual(pairs);
  expect(aclFromPairs(aclPairs(acl))).toBe(acl);
});

it('an ACL without its last TAB is read like Cyrus reads it', () => {
  expect(aclPairs('a\tlrs')).toEqual([['a', 'lrs']]);
  expect(aclPairs('a\tlrs\tb')).toEqual([['a', 'lrs']]);
});

it.each([
  ['lrswipkxtecdan', 'lrswipcda'],
  ['lrswipkxtecda', 'lrswipcda'],
  ['lrswipcda', 'lrswipcda'],
  ['lrsk', 'lrsc'],
  ['lrx', 'lrc'],
  ['lrst', 'lrsd'],
  ['lren5', 'lrd5'],
])('rights %s of 2.3 and later are %s in 2.2, and stay as they are elsewhere', (rights, old) => {
  expect(translateAcl(`bob\t${rights}\t`, '2.2')).toBe(`bob\t${old}\t`);
  for (const version of ['2.3', '3.12'] as const)
    expect(translateAcl(`bob\t${rights}\t`, version)).toBe(`bob\t${rights}\t`);
});

describe('an ACL through the mailboxes.db of each version', () => {
  /** Written for `version` and read again. */
  function through(acl: string, version: CyrusVersion): string | undefined {
    const conf = nameConf(version);
    const name = asInternalName('user.anna');
    const [anna] = readMailboxEntries([{ key: name, value: `0 default ${acl}` }], nameConf('2.4'), 'x').mailboxes;
    const written = writeMailboxEntries([{ ...anna!, uniqueid: 'abc1' }], conf);
    return readMailboxEntries(written, conf, 'x').mailboxes[0]?.acl;
  }
  // As servers of each version wrote them (reference 9): full rights of 2.2, of 2.3 and 2.4, and of 2.5 and later.
  const ACLS = [
    'anna\tlrswipcda\tcyrus\tlrs\t',
    'anna\tlrswipkxtecda\tgroup:staff of mail\tlrsw\tanyone\tp\t',
    'anna\tlrswipkxtecdan0189\tanonymous\tlr\t-ben\tw\t-group:guests\tlrs\t-anyone\tx\t',
    'zoe.z@one.example\tlrswipkxtecdan\t',
    'caf\xe9\tlrs\tNIL\tlr\t"quoted"\tp\t%percent\tl\t(paren)\tl\tback\\slash\tl\t',
    'odd\tqlrs\tnothing\t\t',
    '',
  ];
  const NEW = CYRUS_VERSIONS.filter((version) => version !== '2.2');

  it.each(NEW)('of %s is what it was, letter by letter, in its order', (version) => {
    for (const acl of ACLS) expect(through(acl, version)).toBe(acl);
  });

  it('of any identifiers and rights is what it was, but in 2.2', () => {
    const word = fc.stringMatching(/^[^\t\0\r\n]{1,8}$/).map((text) => Buffer.from(text, 'latin1').toString('latin1'));
    const pair = fc.tuple(word, fc.stringMatching(/^[lrswipkxtecdan0-9]{0,14}$/));
    fc.assert(
      fc.property(
        fc.uniqueArray(pair, { selector: ([id]) => id, maxLength: 5 }),
        fc.constantFrom(...NEW),
        (pairs, version) => {
          const acl = aclFromPairs(pairs);
          expect(through(acl, version)).toBe(acl);
        },
      ),
    );
  });

  it('of 2.2 has c for k and x, d for t and e, and no letter that 2.2 lacks; who has it stays', () =>
    expect(through('anna\tlrswipkxtecdan\t-ben\tkt\tgroup:staff\tlrsn\tanyone\tp\t', '2.2')).toBe(
      'anna\tlrswipcda\t-ben\tcd\tgroup:staff\tlrs\tanyone\tp\t',
    ));
});
