import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import type { DbEntry } from '../../../src/cyrus/db/entry.js';
import { asInternalName } from '../../../src/cyrus/names/mailbox-name.js';
import { DlistMap } from '../../../src/cyrus/records/dlist.js';
import {
  isLive,
  type MailboxEntry,
  parseMboxlistDump,
  readMailboxEntries,
  writeMailboxEntries,
} from '../../../src/cyrus/records/mailboxes-db.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { fixtureText, nameConf, SERVERS, shown } from './fixture.js';

const read = (entries: DbEntry[], version: CyrusVersion) =>
  readMailboxEntries(entries, nameConf(version), 'mailboxes.db');
const names = (list: { mailboxes: MailboxEntry[] }) => list.mailboxes.map((mailbox) => mailbox.name);
const sorted = (entries: DbEntry[]) => [...entries].sort((a, b) => (a.key < b.key ? -1 : 1));

const NEWS_OLD = '%(A %(anyone lrs) I 43lf7q6a027401qe3ue5o18y P default V 1 F 7 M 2)';
const BEN_OLD = '%(A %(ben lrs) I 2paz9wlrcbfsqcpp9m5535f1 P default V 1 F 7 M 2)';

describe('mailboxes.db', () => {
  it.each(SERVERS)('%s is read as its own ctl_mboxlist -d shows it', (server, version) => {
    const conf = nameConf(version);
    const fromDb = readMailboxEntries(shown(`${server}/mailboxes.show.txt`), conf, server);
    const dump = parseMboxlistDump(fixtureText(`${server}/ctl_mboxlist-d.txt`), conf, server);
    const left = fromDb.problems.map(({ code, name }) => [code, name]);
    // removed for good, which here left the record by its uniqueid
    const orphan = ['id-record-without-name', 'DELETED.user.carol-smith.Orphan.6B047E91'];
    expect([left, dump.problems]).toEqual([server === '3.6-netnews-mixed' ? [orphan] : [], []]);
    const asJson = version === '3.6' || version === '3.10';
    expect(fromDb.dialect).toBe(asJson ? 'ni' : version === '2.3' || version === '2.4' ? 'text' : 'dlist');
    // the dump has no intermediates, no former names, and as text no numbers; JSON does not keep the order of an ACL
    const comparable = (mailbox: MailboxEntry) => ({
      ...mailbox,
      ...(asJson ? {} : { uniqueid: 0, uidvalidity: 0, createdModseq: 0, folderModseq: 0, mtimeSec: 0 }),
      acl: mailbox.acl.match(/[^\t]*\t[^\t]*\t/g)?.sort(),
      history: 0,
    });
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    const listed = fromDb.mailboxes.filter((mailbox) => !mailbox.intermediate);
    expect(listed.length).toBeGreaterThan(90);
    expect(listed.map(comparable).sort(byName)).toEqual(dump.mailboxes.map(comparable).sort(byName));
  });

  it.each(SERVERS)('%s is written as its server wrote it', (server, version) => {
    const entries = shown(`${server}/mailboxes.show.txt`);
    const written = writeMailboxEntries(read(entries, version).mailboxes, nameConf(version));
    const kept = entries
      // see above
      .filter(({ key }) => key !== 'Iu0s2ik8d0yr8qxgazix2l9va')
      // 3.0 and 3.2 give some tombstones an empty ACL and some none
      .map(({ key, value }) => ({ key, value: / T d /.test(value) ? value.replace('A %() ', '') : value }));
    expect(sorted(written)).toEqual(sorted(kept));
  });

  it('tells a reserved mailbox of a killed RENAME, which 2.3 has as type 2', () => {
    const half = read(shown('2.3-skiplist-uhs/mailboxes.show.txt'), '2.3').mailboxes.filter(
      (mailbox) => mailbox.reserved,
    );
    expect(half.map(({ name, kind, partition }) => ({ name, kind, partition }))).toEqual([
      { name: 'user.alice.Half New', kind: 'e', partition: 'default' },
    ]);
    expect(half.every(isLive)).toBe(false);
  });

  it('keeps the former names of 3.6, newest first', () => {
    const list = read(shown('3.6-netnews-mixed/mailboxes.show.txt'), '3.6');
    expect(list.mailboxes.find((mailbox) => mailbox.name === 'user.newname')).toMatchObject({
      legacy: true,
      uniqueid: '1pm4pqq5or4ize5w2j8hwsc5',
      folderModseq: 35n,
      history: [{ name: 'user.oldname', type: 'edl', mtimeSec: 1795456652, folderModseq: 31n }],
    });
    expect(list.mailboxes.find((mailbox) => mailbox.name === 'user.oldname')).toMatchObject({ deleted: true, acl: '' });
  });
});

describe('which dialect a mailboxes.db is in', () => {
  it.each<[string, DbEntry[]]>([
    ['only News', [{ key: 'News', value: NEWS_OLD }]],
    ['only a domain with N', [{ key: 'Nice.example!user.ben', value: NEWS_OLD }]],
    [
      'Inbox2 before all others',
      [
        { key: 'Inbox2', value: NEWS_OLD },
        { key: 'user.ben', value: BEN_OLD },
      ],
    ],
    ['an intermediate named by N', [{ key: 'Nets', value: '%(I lvhmrnd1445yi2ojln1uf8fa T i C 1 F 1 M 1795456120)' }]],
    [
      'Archive and AS',
      [
        { key: 'Archive', value: NEWS_OLD },
        { key: 'AS', value: BEN_OLD },
      ],
    ],
    ['News in text', [{ key: 'News', value: '0 default anyone\tlrs\t' }]],
  ])('is the old one with %s, whatever 3.6.1 takes it for', (_, entries) => {
    for (const version of ['3.4', '3.6'] as const) {
      const list = read(entries, version);
      expect([names(list), list.problems]).toEqual([entries.map((entry) => entry.key), []]);
    }
  });

  it('is the new one if the records say so, whatever the version was thought to be', () => {
    const list = read(shown('3.10-fullhash-meta/mailboxes.show.txt'), '3.4');
    expect(list.dialect).toBe('ni');
  });

  it('of nothing is that of the version', () => {
    expect((['2.3', '3.4', '3.6'] as const).map((version) => read([], version).dialect)).toEqual([
      'text',
      'dlist',
      'ni',
    ]);
  });

  it('passes over reverse ACLs and the like, but not mailboxes named like them', () => {
    const old = ['$RACL', '$RACL$U$bob$user.alice', '$RUNQ', '$RUNQ$x$news', '$RACLing', '$x', 'Archive'];
    expect(
      names(
        read(
          old.map((key) => ({ key, value: NEWS_OLD })),
          '3.4',
        ),
      ),
    ).toEqual(['$RACLing', '$x', 'Archive']);
    const now = [
      { key: 'AS\x1ebob\x1enews', value: '' },
      { key: 'AU\x1e', value: '' },
      { key: 'Nnews', value: '%(T e I x P default)' },
      { key: 'Ix', value: '%(T e N news P default H ())' },
    ];
    expect(read(now, '3.6')).toMatchObject({
      dialect: 'ni',
      mailboxes: [{ name: 'news', legacy: false }],
      problems: [],
    });
  });

  it('is a mixture after an upgrade from 2.4 to 2.5', () => {
    const list = read(
      [
        { key: 'user.ben', value: '0 default ben\tlrswipkxtecda\t' },
        { key: 'user.bob', value: '%(A %(bob lrswipkxtecdan) I abc P p2 V 5 M 6)' },
      ],
      '2.5',
    );
    expect(list).toMatchObject({
      dialect: 'mixed',
      mailboxes: [
        { name: 'user.ben', acl: 'ben\tlrswipkxtecda\t', partition: 'default', uniqueid: undefined },
        { name: 'user.bob', acl: 'bob\tlrswipkxtecdan\t', partition: 'p2', uniqueid: 'abc', uidvalidity: 5 },
      ],
    });
  });
});

describe('records', () => {
  it.each([
    ['2.3', 0, {}],
    ['2.3', 1, { remote: true, server: 'back1', partition: undefined }],
    ['2.3', 2, { reserved: true }],
    ['2.3', 4, { kind: 'n' }],
    ['2.3', 8, { moving: true }],
    ['2.3', 16, { deleted: false, unknownTypes: '#16' }],
    ['2.4', 16, { deleted: true }],
    ['2.4', 32, { kind: 'c' }],
    ['2.4', 18, { deleted: true, reserved: true }],
  ] as const)('of %s with the numeric type %i mean what that version meant', (version, type, expected) => {
    const place = type === 1 ? 'back1' : 'default';
    const list = read([{ key: 'user.x', value: `${type} ${place} anyone\tlrs\t` }], version);
    expect(list.mailboxes[0]).toMatchObject({ partition: 'default', kind: 'e', legacy: true, ...expected });
    expect(list.problems.map((problem) => problem.code)).toEqual('unknownTypes' in expected ? ['unknown-type'] : []);
  });

  it('of a murder name host and partition', () => {
    const [entry] = read([{ key: 'user.x', value: '1 back1!p2 anyone\tlrs\t' }], '2.4').mailboxes;
    expect(entry).toMatchObject({ server: 'back1', partition: 'p2', remote: true });
  });

  it('of 2.4 calendar builds carry uniqueid and special use in front', () => {
    const [entry] = read(
      [{ key: 'user.x.S', value: '(uniqueid 4a5d specialuse \\Sent) 0 default x\tlrs\t' }],
      '2.5',
    ).mailboxes;
    expect(entry).toMatchObject({ uniqueid: '4a5d', specialUse: '\\Sent', partition: 'default', acl: 'x\tlrs\t' });
  });

  it('that are broken are told one by one, and the others are read', () => {
    const list = read(
      [
        { key: 'user.a', value: '' },
        { key: 'user.b', value: '%(A %(b lrs' },
        { key: 'user.c', value: 'nonsense' },
        { key: 'user.d', value: '%(A %(d lrs) I x P default T q V -1 M 1)' },
        { key: 'user.e', value: '%(A %() I y P default Q (%(P other)) M 1)' },
      ],
      '3.4',
    );
    expect(list.problems.map(({ code, key }) => [code, key])).toEqual([
      ['unreadable-record', 'user.a'],
      ['unreadable-record', 'user.b'],
      ['unreadable-record', 'user.c'],
      ['unknown-type', 'user.d'],
      ['bad-number', 'user.d'],
      ['unknown-key', 'Q'],
    ]);
    expect(list.mailboxes).toMatchObject([
      { name: 'user.d', uidvalidity: undefined, unknownTypes: 'q' },
      { name: 'user.e', acl: '', partition: 'default', extra: [['Q', expect.anything()]] },
    ]);
  });

  it('by uniqueid never make a mailbox that its name does not', () => {
    const list = read(
      [
        { key: 'Nuser\x1fa', value: '%(T e I ida P default)' },
        { key: 'Nuser\x1fb', value: '%(T ed I idb)' },
        { key: 'Nuser\x1fc', value: '%(T e I idc P default)' },
        { key: 'Nuser\x1fd', value: '%(T e I ida P default)' },
        { key: 'Nuser\x1fe', value: '%(T e P default)' },
        { key: 'Ida', value: 'x' },
        { key: 'Iida', value: '%(T e N user\x1fa P default H ())' },
        { key: 'Iidb', value: '%(T e N user\x1fb P default H ())' },
        { key: 'Iidd', value: '%(T e N user\x1fgone P default H ())' },
        { key: 'Iide', value: '%(T ed N user\x1fpurged H ())' },
        { key: 'user.z', value: '0 default z\tlrs\t' },
      ],
      '3.6',
    );
    expect(list.mailboxes.filter(isLive).map((mailbox) => mailbox.name)).toEqual([
      'user.a',
      'user.c',
      'user.d',
      'user.e',
    ]);
    expect(list.problems.map(({ code, name }) => [code, name])).toEqual([
      ['unreadable-record', undefined],
      ['foreign-record', undefined],
      ['id-record-missing', 'user.c'],
      ['id-record-names-another', 'user.d'],
      ['no-uniqueid', 'user.e'],
      ['id-record-names-tombstone', 'user.b'],
      ['id-record-without-name', 'user.gone'],
      ['duplicate-uniqueid', 'user.d'],
    ]);
  });

  it('never throw on any bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b).toString('latin1'));
    const value = fc.oneof(
      bytes,
      fc.string({ unit: fc.constantFrom(...'%() TINA0dl"{}\r\n\t'.split('')), maxLength: 40 }),
    );
    const key = fc.oneof(bytes, fc.constantFrom('N', 'I', 'Nuser\x1fa', 'Iabc', '$RACL', 'user.a'));
    fc.assert(fc.property(fc.array(fc.record({ key, value })), (entries) => void read(entries, '3.6')));
    fc.assert(
      fc.property(value, (text) => {
        try {
          parseMboxlistDump(text, nameConf('3.6'), 'dump');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});

describe('what is written for a target', () => {
  const plain: MailboxEntry = {
    name: asInternalName('user.carol^smith.My Folder'),
    kind: 'e',
    remote: false,
    reserved: false,
    moving: false,
    deleted: false,
    intermediate: false,
    legacy: true,
    unknownTypes: 'q',
    partition: 'default',
    acl: 'carol.smith\tlrswipkxtecdan\ta b\tlr\t',
    uniqueid: 'abc',
    uidvalidity: 1795456305,
    createdModseq: 1n,
    folderModseq: 18446744073709551615n,
    mtimeSec: 1795456311,
    history: [{ name: asInternalName('user.c^d'), type: 'edq', mtimeSec: 5 }],
    extra: [],
  };
  const write = (version: CyrusVersion, ...changes: Partial<MailboxEntry>[]) =>
    writeMailboxEntries(
      changes.map((change) => ({ ...plain, ...change })),
      nameConf(version),
    );

  it.each<[CyrusVersion, string]>([
    ['2.2', '0 default carol.smith\tlrswipcda\ta b\tlr\t'],
    ['2.4', '0 default carol.smith\tlrswipkxtecdan\ta b\tlr\t'],
    ['2.5', '%(A %(carol.smith lrswipkxtecdan "a b" lr) I abc P default V 1795456305 M 1795456311)'],
    [
      '3.0',
      '%(A %(carol.smith lrswipkxtecdan "a b" lr) I abc P default V 1795456305 F 18446744073709551615 M 1795456311)',
    ],
    [
      '3.4',
      '%(A %(carol.smith lrswipkxtecdan "a b" lr) I abc P default V 1795456305 C 1 F 18446744073709551615 M 1795456311)',
    ],
  ])('%s has one record by internal name', (version, value) => {
    expect(write(version, {})).toEqual([{ key: plain.name, value }]);
  });

  it('3.6 has two, by name and by uniqueid, with keys it does not know and without such letters', () => {
    const common =
      'P default V 1795456305 C 1 F 18446744073709551615 M 1795456311 A %(carol.smith lrswipkxtecdan "a b" lr) J jmap';
    const extra: MailboxEntry['extra'] = [
      ['J', 'jmap'],
      ['K', new DlistMap([['P', 'elsewhere']])], // 3.6 would take this for the partition
    ];
    expect(write('3.6', { extra })).toEqual([
      { key: 'Nuser\x1fcarol.smith\x1fMy Folder', value: `%(T el I abc ${common})` },
      { key: 'Iabc', value: `%(T el N "user\x1fcarol.smith\x1fMy Folder" ${common} H (%(N user\x1fc.d M 5 T ed)))` },
    ]);
  });

  it.each<[CyrusVersion, Partial<MailboxEntry>, string[]]>([
    ['2.4', { deleted: true }, []],
    ['2.4', { reserved: true }, ['2 default ']],
    ['2.4', { intermediate: true }, []],
    ['3.0', { intermediate: true, partition: undefined }, []],
    ['3.2', { intermediate: true, partition: undefined }, ['%(I abc T i)']],
    ['3.0', { deleted: true, partition: undefined }, ['%(I abc T d)']],
    ['3.2', { kind: 'c', reserved: true, deleted: true, partition: undefined }, ['%(I abc T dzc)']],
    ['3.2', { kind: 'f' }, ['%(A %() I abc P default)']],
    ['3.6', { deleted: true, legacy: true }, ['%(T edl I abc)']],
    ['3.6', { intermediate: true, legacy: false, uniqueid: undefined, partition: undefined }, ['%(T ei)']],
    ['3.6', { kind: 'j', legacy: false }, ['%(T e I abc P default A %())', '%(T e N user\x1fx P default A %() H ())']],
    ['3.8', { kind: 'j', legacy: false }, ['%(T j I abc P default A %())', '%(T j N user\x1fx P default A %() H ())']],
  ])('%s of %j has %j', (version, change, values) => {
    const bare = { uidvalidity: 0, createdModseq: 0n, folderModseq: undefined, mtimeSec: undefined, history: [] };
    const entries = write(version, { name: asInternalName('user.x'), acl: '', ...bare, ...change });
    expect(entries.map((entry) => entry.value)).toEqual(values);
  });

  it('3.6 needs a uniqueid for each mailbox, and one of its own', () => {
    expect(() => write('3.6', { uniqueid: undefined })).toThrow(RangeError);
    expect(() => write('3.6', {}, { name: asInternalName('user.b') })).toThrow(RangeError);
    expect(write('3.6', {}, { name: asInternalName('user.b'), deleted: true })).toHaveLength(3);
  });
});

describe('what the reader does not know', () => {
  const record = (more: string) => `%(T e I abc1 P default V 1 A %(anna lrs) ${more})`;
  const through = (more: string, to: CyrusVersion) => {
    const entries = [
      { key: 'Nnews', value: record(more) },
      { key: 'Iabc1', value: `%(T e N news P default V 1 A %(anna lrs) ${more} H ())` },
    ];
    const list = read(entries, '3.12');
    return { list, value: writeMailboxEntries(list.mailboxes, nameConf(to))[0]?.value };
  };

  it.each(['3.12', '3.6', '3.2', '2.5'] as const)('of plain text goes to %s unchanged, and is said once', (to) => {
    const { list, value } = through('Q some Z "a b"', to);
    expect(value).toMatch(/ Q some Z "a b"\)$/);
    expect(list.problems.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      'unknown-key: 1 records have the key Q, which is not known here, first news; it is carried along',
      'unknown-key: 1 records have the key Z, which is not known here, first news; it is carried along',
    ]);
  });

  it('as a list is left out, since a server would read the keys in it, and that is said; the mailbox stays', () => {
    const { list, value } = through('Q %(P elsewhere)', '3.12');
    expect(value).toBe('%(T e I abc1 P default V 1 A %(anna lrs))');
    expect(list.problems).toMatchObject([{ code: 'unknown-key', message: expect.stringMatching(/left out$/) }]);
  });

  it('as a type letter is left out and said: a server of 3.6 aborts on one', () => {
    const list = read([{ key: 'Nnews', value: '%(T eq I abc1 P default A %(anna lrs))' }], '3.12');
    expect(list.mailboxes).toMatchObject([{ name: 'news', kind: 'e', unknownTypes: 'q' }]);
    expect(list.problems).toContainEqual(expect.objectContaining({ code: 'unknown-type' }));
    expect(writeMailboxEntries(list.mailboxes, nameConf('3.12'))[0]?.value).toMatch(/^%\(T e I/);
  });
});
