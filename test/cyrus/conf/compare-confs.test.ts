import { describe, expect, it } from 'vitest';
import { compareConfs } from '../../../src/cyrus/conf/compare-confs.js';
import { CYRUS_VERSIONS } from '../../../src/cyrus/version.js';
import { confOf, confOfSpool } from './conf-of.js';

const FORMS = { unixhierarchysep: 'yes', altnamespace: 'no' };
const ALIKE = { ...FORMS, defaultdomain: 'mail.example' };

describe('two configurations', () => {
  it.each(CYRUS_VERSIONS)('of %s that are alike have no difference', (version) =>
    expect(compareConfs(confOf(version), confOf(version))).toEqual([]),
  );

  it('of a real 2.3 server and 3.6 with the same text differ in what 2.5 and 3.0 changed by themselves', () => {
    const differences = compareConfs(confOfSpool('2.3', '2.3-skiplist-uhs'), confOfSpool('3.6', '2.3-skiplist-uhs'));
    expect(differences.map(({ option, source, target }) => [option, source, target])).toEqual([
      ['defaultdomain', '(not set)', 'internal'],
      ['lmtp_downcase_rcpt', 'no', 'yes'],
    ]);
  });

  it('that say nothing differ by the defaults of their versions', () =>
    expect(
      compareConfs(confOf('2.4'), confOf('3.6')).map((one) => `${one.option} ${one.source} ${one.target}`),
    ).toEqual([
      'unixhierarchysep no yes',
      'altnamespace no yes',
      'defaultdomain (not set) internal',
      'lmtp_downcase_rcpt no yes',
      'delete_mode immediate delayed',
      'expunge_mode semidelayed delayed',
    ]));

  it.each([
    ['virtdomains', { virtdomains: 'userid' }, { virtdomains: 'off' }],
    ['username_tolower', {}, { username_tolower: 'no' }],
    ['admins', { admins: 'cyrus' }, { admins: 'root' }],
    ['deletedprefix', { deletedprefix: 'GONE' }, {}],
    ['expunge_mode', { expunge_mode: 'delayed' }, { expunge_mode: 'immediate' }],
    ['autocreate_quota', { autocreate_quota: '1000' }, {}],
    ['autocreate_quota', { autocreatequota: '1000' }, {}],
    ['autocreate_inbox_folders', { autocreate_inbox_folders: 'Sent' }, {}],
    ['sieve_extensions', {}, { sieve_extensions: 'fileinto reject' }],
  ])('differ in %s: %j and %j', (option, source, target) =>
    expect(compareConfs(confOf('3.6', source), confOf('3.6', target)).map((one) => one.option)).toEqual([option]),
  );

  it.each([
    ['one value written in two ways', '3.6', { unixhierarchysep: 'yes' }, '3.6', { unixhierarchysep: 't' }],
    ['admins in another order', '3.6', { admins: 'a b' }, '3.6', { admins: 'b  a' }],
    [
      'one expunge mode by two names',
      '2.4',
      { ...ALIKE, lmtp_downcase_rcpt: 'yes', delete_mode: 'delayed' },
      '3.6',
      { ...ALIKE, expunge_mode: 'semidelayed' },
    ],
    [
      'one autocreate quota by two names',
      '2.4',
      { ...ALIKE, lmtp_downcase_rcpt: '1', delete_mode: 'delayed', expunge_mode: 'delayed', autocreatequota: '5' },
      '3.6',
      { ...ALIKE, autocreate_quota: '5' },
    ],
    ['prefixes that no user sees', '3.6', { altnamespace: 'no', userprefix: 'Others' }, '3.6', { altnamespace: 'no' }],
    [
      'one Sieve extension by two names',
      '3.2',
      { sieve_extensions: 'imapflags x-cyrus-snooze' },
      '3.6',
      { sieve_extensions: 'imap4flags snooze' },
    ],
    ['a Sieve extension more', '3.2', { sieve_extensions: 'fileinto' }, '3.6', {}],
    ['a default domain that nobody can write', '3.6', { defaultdomain: 'a.example' }, '3.6', {}],
  ] as const)('do not differ by %s', (_, from, source, to, target) =>
    expect(compareConfs(confOf(from, source), confOf(to, target))).toEqual([]),
  );

  it('a default domain counts with virtdomains', () =>
    expect(
      compareConfs(
        confOf('2.4', {
          virtdomains: 'userid',
          ...FORMS,
          lmtp_downcase_rcpt: '1',
          delete_mode: 'delayed',
          expunge_mode: 'delayed',
        }),
        confOf('3.6', { virtdomains: 'userid', ...FORMS, defaultdomain: 'one.example' }),
      ),
    ).toEqual([
      {
        option: 'defaultdomain',
        source: '(not set)',
        target: 'one.example',
        effect: 'Mailboxes of one.example are looked for without the domain in front of their names.',
      },
    ]));

  it('a lost Sieve extension is named', () =>
    expect(compareConfs(confOf('3.6'), confOf('3.6', { sieve_extensions: 'fileinto reject' }))[0]?.effect).toMatch(
      /^Sieve scripts that use vacation, vacation-seconds, .* fail at delivery/,
    ));

  it('every effect is one sentence', () => {
    const all = compareConfs(
      confOf('2.4', { autocreatequota: '5', virtdomains: 'on', admins: 'a', username_tolower: '0', altnamespace: '1' }),
      confOf('3.6', {
        sieve_extensions: 'fileinto',
        deletedprefix: 'X',
        userprefix: 'U',
        sharedprefix: 'S',
        anysievefolder: '1',
        autocreate_post: '1',
      }),
    );
    expect(all.length).toBeGreaterThan(12);
    for (const { effect } of all) expect(effect).toMatch(/^[A-Z].*[^.]\.$/);
  });
});

describe('what users of POP3, groups and shared folders notice', () => {
  it.each([
    ['uidl_format', '2.4', {}, '3.6', { uidl_format: 'courier' }],
    ['uidl_format', '3.6', { uidl_format: 'dovecot' }, '3.6', {}],
    ['auth_mech', '3.6', { auth_mech: 'pts' }, '3.6', {}],
    ['postuser', '3.6', { postuser: 'bb' }, '3.6', {}],
    ['autocreate_quota', '3.6', { autocreate_quota: '5' }, '3.8', { autocreate_quota: '5M' }],
  ] as const)('differs in %s: %s %j and %s %j', (option, from, source, to, target) =>
    expect(compareConfs(confOf(from, source), confOf(to, target)).map((one) => one.option)).toContain(option),
  );

  it.each([
    ['uidl_format', '2.4', {}, '3.6', {}],
    ['uidl_format', '2.4', {}, '3.6', { uidl_format: 'cyrus' }],
    ['autocreate_quota', '3.6', { autocreate_quota: '5120' }, '3.8', { autocreate_quota: '5M' }],
    ['autocreate_quota', '2.4', {}, '3.8', {}],
  ] as const)('does not differ in %s: %s %j and %s %j', (option, from, source, to, target) =>
    expect(compareConfs(confOf(from, source), confOf(to, target)).map((one) => one.option)).not.toContain(option),
  );
});
