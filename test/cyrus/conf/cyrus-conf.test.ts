import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { isOption } from '../../../src/cyrus/conf/option-table.js';
import { CYRUS_VERSIONS, type CyrusVersion } from '../../../src/cyrus/version.js';
import { confOf, confOfSpool, confOfText, fixture } from './conf-of.js';

/** Lines of `cyr_info conf-default|conf-all`, of options that the table has. */
function cyrInfo(path: string): [string, string][] {
  const lines = fixture(path).trimEnd().split('\n');
  const pairs = lines.map((line): [string, string] => {
    const at = line.indexOf(':');
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
  return pairs.filter(([name]) => isOption(name));
}
/** As cyr_info prints switches and what is not set. */
function printed(value: string | undefined, shown: string): string {
  if (shown === 'yes' || shown === 'no') return value === '1' ? 'yes' : value === '0' ? 'no' : `not a switch: ${value}`;
  // From 3.4 on cyr_info prints the deprecated words of a bit field too, each behind the one it stands for.
  const isAlias = (word: string) => /^(imapflags|x-cyrus-.*|vnd\.cyrus\.snooze)$/.test(word);
  if (/\bvnd\.cyrus\.log x-cyrus-log\b/.test(shown))
    return value ===
      shown
        .split(' ')
        .filter((w) => !isAlias(w))
        .join(' ')
      ? shown
      : (value ?? '');
  return value ?? (shown === '(null)' ? '(null)' : '');
}

describe('defaults', () => {
  it('are those that cyr_info conf-default of 3.6.1 prints, for every option of the table', () => {
    const conf = confOfText('3.6', 'configdirectory: /D/conf\npartition-default: /D/spool\n');
    const lines = cyrInfo('options/default-3.6.1.txt').filter(([name]) => name !== 'configdirectory');
    expect(lines.length).toBeGreaterThan(90);
    for (const [name, shown] of lines) expect([name, printed(conf.option(name), shown)]).toEqual([name, shown]);
  });

  it.each([
    ['3.0', '3.0-uhs-plain'],
    ['3.2', '3.2-uhs-meta'],
    ['3.10', '3.10-fullhash-meta'],
  ] as const)(
    'and values together are those that cyr_info conf-all of %s prints over a real imapd.conf',
    (version, spool) => {
      const conf = confOfSpool(version, spool);
      const lines = cyrInfo(`options/all-${spool}.txt`);
      expect(lines.length).toBeGreaterThan(80);
      for (const [name, shown] of lines) expect([name, printed(conf.option(name), shown)]).toEqual([name, shown]);
    },
  );

  // lib/imapoptions of 2.2.13, 2.3.16, 2.4.17, 2.5.17, 3.0.18, 3.2.12, 3.4.9, 3.6.1, 3.8.7, 3.10.3, 3.12.3, in this order.
  it.each([
    ['unixhierarchysep', '0 0 0 0 1 1 1 1 1 1 1'],
    ['altnamespace', '0 0 0 0 1 1 1 1 1 1 1'],
    ['defaultdomain', '- - - - internal internal internal internal internal internal internal'],
    ['defaultpartition', 'default - - - - - - - - - -'],
    ['lmtp_downcase_rcpt', '0 0 0 1 1 1 1 1 1 1 1'],
    ['delete_mode', '- immediate immediate delayed delayed delayed delayed delayed delayed delayed delayed'],
    ['expunge_mode', '- immediate default delayed delayed delayed delayed delayed delayed delayed delayed'],
    ['mboxlist_db', 'skiplist skiplist skiplist twoskip twoskip twoskip twoskip twoskip twoskip twoskip twoskip'],
    [
      'duplicate_db',
      'berkeley-nosync berkeley-nosync skiplist twoskip twoskip twoskip twoskip twoskip twoskip twoskip twoskip',
    ],
    ['userdeny_db', '- flat flat flat flat flat flat flat flat flat flat'],
    ['mailbox_legacy_dirs', '- - - - - - - 0 0 0 0'],
    ['archive_enabled', '- - - - 0 0 0 0 0 0 0'],
  ])('of %s: %s', (name, expected) => {
    const found = CYRUS_VERSIONS.map(
      (version) => confOf(version, { 'partition-default': '/D/spool' }).option(name) ?? '-',
    );
    expect(found.join(' ')).toBe(expected);
  });

  it('of 2.2 keep nothing that is deleted', () =>
    expect(confOf('2.2')).toMatchObject({ deleteMode: 'immediate', expungeMode: 'immediate', deletedPrefix: '' }));
});

describe('what an option means', () => {
  it.each([
    ['yes', true],
    ['y', true],
    ['on', true],
    ['true', true],
    ['1', true],
    ['t', true],
    ['no', false],
    ['nonsense', false],
    ['off', false],
    ['f', false],
    ['0', false],
  ])('hashimapspool: %s is %s', (value, on) =>
    expect(confOf('3.6', { hashimapspool: value }).spoolHashing).toBe(on ? 'basic' : 'none'),
  );

  it.each([
    ['hashimapspool', 'Yes'],
    ['unixhierarchysep', 'maybe'],
    ['virtdomains', 'ON'],
  ])('%s: %s is refused, as the server does', (name, value) =>
    expect(() => confOf('3.6', { [name]: value })).toThrow(FormatError),
  );

  it('virtdomains takes the words of a switch', () =>
    expect(
      ['yes', 'true', '1', 'on', 'userid', 'off', 'no', '0'].map((v) => confOf('3.6', { virtdomains: v }).virtDomains),
    ).toEqual(['on', 'on', 'on', 'on', 'userid', 'off', 'off', 'off']));

  it('fulldirhash acts on the configdirectory even without hashimapspool', () =>
    expect(confOf('3.6', { fulldirhash: 'yes' })).toMatchObject({ spoolHashing: 'none', configHashing: 'full' }));

  it('{configdirectory} stands for it in strings, never in partitions', () => {
    const conf = confOf('3.6', {
      configdirectory: '/c/',
      sievedir: '{ConfigDirectory}/sieve',
      mboxlist_db_path: '{configdirectory}/m.db',
      'partition-default': '{configdirectory}/p',
    });
    expect(conf.configDirectory).toBe('/c');
    expect(conf.sieveDir).toBe('/c/sieve');
    expect(conf.databases.mailboxes.path).toBe('/c/m.db');
    expect(conf.partitions.get('default')?.data).toBe('{configdirectory}/p');
    expect(conf.option('partition-default')).toBe('{configdirectory}/p');
  });

  it.each([
    ['3.6', 'autocreatequota', 'autocreate_quota', '5'],
    ['2.5', 'autocreatequota', 'autocreate_quota', '-1'],
    ['3.2', 'archive_days', 'archive_after', '5'],
    ['3.0', 'archive_days', 'archive_after', undefined],
  ] as const)('in %s the old name %s gives %s the value %s', (version, old, name, value) => {
    expect(confOf(version, { [old]: '5' }).option(name)).toBe(value);
    expect(confOf(version, { [old]: '5' }).isSet(name)).toBe(value === '5');
  });

  it('an old name gives way to the new one', () =>
    expect(confOf('3.6', { autocreatequota: '5', autocreate_quota: '7' }).option('autocreate_quota')).toBe('7'));

  it('2.4 looks for tlscache_db, 2.5 for tls_sessions_db by either name', () => {
    expect(confOf('2.4', { tlscache_db: 'berkeley' }).databases.tls.backend).toBe('berkeley');
    expect(confOf('2.5', { tlscache_db: 'skiplist' }).databases.tls.backend).toBe('skiplist');
    expect(confOf('2.5').databases.tls.backend).toBe('twoskip');
  });

  it('an option that no table has is given as it is', () => {
    expect(confOf('3.6', { servername: 'mail.example.org' }).option('servername')).toBe('mail.example.org');
    expect(confOf('3.6').option('servername')).toBeUndefined();
  });
});

describe('partitions', () => {
  const meta = (version: CyrusVersion, options: Record<string, string>) =>
    confOf(version, { 'metapartition-default': '/D/meta', ...options }).partitions.get('default')?.meta;

  // imap/mboxname.c mboxname_metapath of 3.6.1 and 2.4.17
  it('keep all in the data directory while metapartition_files is empty', () =>
    expect(new Set(Object.values(meta('3.6', {}) ?? {}))).toEqual(new Set(['/D/spool'])));

  it('move only the kinds that metapartition_files names', () =>
    expect(meta('3.6', { metapartition_files: 'header index' })).toEqual({
      header: '/D/meta',
      index: '/D/meta',
      cache: '/D/spool',
      expunge: '/D/spool',
      squat: '/D/spool',
      annotations: '/D/spool',
      archivecache: '/D/spool',
    }));

  it('metadir-KIND goes before metapartition, without metapartition_files; annotations go by the index', () =>
    expect(
      meta('3.6', {
        metapartition_files: 'cache',
        'metadir-index-default': '/I',
        'metadir-expunge-default': '/E',
        'metadir-cache-default': '/C',
      }),
    ).toMatchObject({ index: '/I', annotations: '/I', cache: '/C', expunge: '/D/spool', header: '/D/spool' }));

  it('2.3 has no metadir', () => expect(meta('2.3', { 'metadir-index-default': '/I' })?.index).toBe('/D/spool'));

  it.each([
    ['off', 'no', undefined, '/D/spool'],
    ['on', 'yes', '/D/arch', '/D/arch'],
  ])('archivepartition counts with archive_enabled %s', (_, on, archive, cache) => {
    const options = { archive_enabled: on, 'archivepartition-default': '/D/arch' };
    const partition = confOf('3.6', options).partitions.get('default');
    expect(partition?.archive).toBe(archive);
    expect(partition?.meta.archivecache).toBe(cache);
  });

  it('the archive cache goes to the metapartition where archivecache is named', () =>
    expect(
      meta('3.6', { metapartition_files: 'archivecache', archive_enabled: '1', 'archivepartition-default': '/D/arch' })
        ?.archivecache,
    ).toBe('/D/meta'));

  it('2.5 knows no archive', () =>
    expect(
      confOf('2.5', { archive_enabled: 'yes', 'archivepartition-default': '/D/arch' }).partitions.get('default')
        ?.archive,
    ).toBeUndefined());

  it('search partitions of every tier are found', () =>
    expect(
      confOf('3.6', { 't1searchpartition-default': '/D/s1/', 't2searchpartition-default': '/D/s2' }).partitions.get(
        'default',
      )?.search,
    ).toEqual(['/D/s1', '/D/s2']));
});

describe('what a person should know', () => {
  const codes = (version: CyrusVersion, options: Record<string, string>) =>
    confOf(version, options).issues.map((one) => `${one.code}${one.fatalForServer ? ' fatal' : ''}`);

  it.each([
    ['3.6', { mboxlist_db: 'berkeley' }, ['invalid-value fatal']],
    ['2.4', { mboxlist_db: 'berkeley' }, []],
    ['2.4', { mboxlist_db: 'twoskip' }, ['invalid-value fatal']],
    ['3.2', { expunge_mode: 'default' }, ['invalid-value fatal']],
    ['3.0', { expunge_mode: 'default' }, []],
    ['2.4', { metapartition_files: 'header annotations' }, ['invalid-value fatal']],
    ['2.4', { archive_enabled: 'yes' }, ['unknown-option']],
    ['3.6', { 'imap_partition-p2': '/x' }, ['service-override']],
    ['3.6', { lmtpunix_virtdomains: 'yes' }, ['service-override']],
    ['3.6', { imap_admins: 'x' }, []],
    ['3.6', { defaultpartition: 'p9' }, ['default-partition-missing fatal']],
    ['3.6', { defaultpartition: 'DEFAULT' }, []],
    ['3.6', { defaultpartition: 'p-2', 'partition-p-2': '/x' }, ['default-partition-name fatal']],
    ['3.6', { [`partition-${'p'.repeat(69)}`]: '/x' }, []],
    ['3.6', { [`partition-${'p'.repeat(70)}`]: '/x' }, ['partition-name-too-long']],
    ['3.6', { 'partition-p2': '/D/spool' }, ['partitions-overlap']],
    ['3.6', { imap_mboxlist_db_path: '/x' }, ['service-override']],
    ['3.6', { lmtp_sievedir: '/x' }, ['service-override']],
    ['3.6', { sieveusehomedir: 'yes' }, ['sieve-in-home']],
    ['3.6', { 'metapartition-default': '/m' }, ['unused-partition']],
    ['3.6', { 'archivepartition-default': '/m' }, ['unused-partition']],
  ] as const)('%s with %j: %j', (version, options, expected) => expect(codes(version, options)).toEqual(expected));

  it('an unknown word beside known ones leaves those in force', () =>
    expect(
      confOf('2.4', { metapartition_files: 'header annotations', 'metapartition-default': '/m' }).partitions.get(
        'default',
      )?.meta,
    ).toMatchObject({ header: '/m', index: '/D/spool' }));

  it.each([
    ['configdirectory', 'partition-default: /D/spool\n'],
    ['partition', 'configdirectory: /D/conf\n'],
  ])('without any %s there is no server', (_, text) => expect(() => confOfText('3.6', text)).toThrow(FormatError));

  it('of the imapd.conf of the real spools, only that 2.3 takes its proc and lock directories from nowhere else', () => {
    const found = (
      [
        '2.3-skiplist-uhs',
        '2.4-netnews-meta',
        '3.0-uhs-plain',
        '3.2-netnews-plain',
        '3.2-uhs-meta',
        '3.6-netnews-mixed',
        '3.6-uuid-archive',
        '3.10-fullhash-meta',
      ] as const
    ).map((spool) => confOfSpool(spool.split('-')[0] as CyrusVersion, spool).issues.map((one) => one.message));
    expect(found.flat()).toEqual([
      'Cyrus 2.3 as released does not know proc_path; it is taken to have no effect.',
      'Cyrus 2.3 as released does not know mboxname_lockpath; it is taken to have no effect.',
    ]);
  });
});
