import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashChar } from '../../../src/cyrus/layout/dir-hash.js';
import {
  isSafeUniqueid,
  mailboxDir,
  mailboxNameOfDir,
  messageFileName,
  parseMessageFileName,
  placeOf,
  uniqueidOfDir,
  uuidDir,
} from '../../../src/cyrus/layout/mailbox-place.js';
import { asInternalName } from '../../../src/cyrus/names/mailbox-name.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { confOf } from '../conf/conf-of.js';

const BASIC = { hashimapspool: 'yes', unixhierarchysep: 'yes' };
const FULL = { ...BASIC, fulldirhash: 'yes' };
const VIRT = { virtdomains: 'userid' };

describe('the hash directory', () => {
  // Printed by mbpath of 2.3, 2.4, 3.2 and 3.6 (reference 3.1).
  it.each([
    ['alice', 'a', 'L'],
    ['anna', 'a', 'B'],
    ['carol^smith', 'c', 'E'],
    ['carol.smith', 'c', 'B'],
    ['w^x^y', 'w', 'K'],
    ['w.x.y', 'w', 'E'],
    ['7up', 'q', 'D'],
    ['Ben', 'b', 'B'],
    ['user', 'u', 'C'],
    ['DELETED', 'd', 'C'],
    ['bulletin', 'b', 'K'],
    ['one.example', 'o', 'J'],
    ['two.example', 't', 'A'],
    ['\xc3\xa9va', 'q', 'B'],
    ['', 'q', 'A'],
  ])('of %j is %s, with fulldirhash %s', (name, basic, full) =>
    expect([hashChar(name, false), hashChar(name, true)]).toEqual([basic, full]),
  );

  it('is one letter for any bytes', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const name = Buffer.from(bytes).toString('latin1');
        return /^[a-z]$/.test(hashChar(name, false)) && /^[A-W]$/.test(hashChar(name, true));
      }),
    ));
});

describe('a mailbox by name', () => {
  // Reference 3.6, all printed by mbpath of that version, and the same names under the other rule.
  it.each<[CyrusVersion, Record<string, string>, string, string]>([
    ['2.3', BASIC, 'user.alice', 'a/user/alice'],
    ['2.3', BASIC, 'DELETED.user.alice.Busy DELETE.6B047DA5', 'u/DELETED/user/alice/Busy DELETE/6B047DA5'],
    ['2.3', BASIC, 'lists.dev&-ops', 'd/lists/dev&-ops'],
    ['2.3', { ...FULL, ...VIRT }, 'bulletin', 'K/bulletin'],
    ['2.3', { ...FULL, ...VIRT }, 'one.example!user.anna', 'domain/J/one.example/B/user/anna'],
    ['2.3', { ...FULL, ...VIRT }, 'DELETED.user.7up.ephemeral.6B047E96', 'C/DELETED/user/7up/ephemeral/6B047E96'],
    ['2.4', { ...BASIC, ...VIRT }, 'user.w^x^y', 'w/user/w^x^y'],
    ['2.5', { ...FULL, ...VIRT }, 'user.w^x^y', 'K/user/w^x^y'],
    ['3.0', { ...FULL, ...VIRT }, 'user.w^x^y', 'E/user/w^x^y'],
    ['3.2', { ...FULL, ...VIRT }, 'user.w^x^y', 'E/user/w^x^y'],
    ['2.4', FULL, 'lists.a^b', `${hashChar('a^b', true)}/lists/a^b`],
    ['3.6', FULL, 'lists.a^b', `${hashChar('a', true)}/lists/a^b`],
    ['3.2', { unixhierarchysep: 'no' }, 'news.local', 'news/local'],
    ['3.6', { fulldirhash: 'yes', ...VIRT }, 'one.example!user.ben.Sent', 'domain/one.example/user/ben/Sent'],
    // 2.x without virtdomains knows no domains, 3.x does.
    ['2.4', {}, 'one!user.ben', 'one!user/ben'],
    ['3.6', {}, 'one!user.ben', 'domain/one/user/ben'],
    // 3.x drops the default domain, 2.x does not.
    ['3.6', { ...VIRT, defaultdomain: 'one.example' }, 'one.example!user.ben', 'user/ben'],
    ['2.4', { ...VIRT, defaultdomain: 'one.example' }, 'one.example!user.ben', 'domain/one.example/user/ben'],
    ['3.6', BASIC, 'user.anna.trailing ', 'a/user/anna/trailing '],
    // 3.x prints the time of deletion anew.
    ['3.6', {}, 'DELETED.user.bob.6b047da5', 'DELETED/user/bob/6B047DA5'],
    ['2.4', {}, 'DELETED.user.bob.6b047da5', 'DELETED/user/bob/6b047da5'],
  ])('of %s with %j: %s is %s', (version, options, name, dir) =>
    expect(mailboxDir(asInternalName(name), confOf(version, options))).toBe(dir),
  );
});

describe('a directory', () => {
  it.each<[CyrusVersion, Record<string, string>, string, string, boolean]>([
    ['3.2', BASIC, 'Q/user/alice', 'user.alice', false],
    ['3.2', BASIC, 'user/alice', 'user.alice', false],
    ['3.2', FULL, 'E/user/carol^smith', 'user.carol^smith', false],
    ['3.2', FULL, 'B/user/carol^smith', 'user.carol^smith', true],
    ['2.4', FULL, 'E/user/carol^smith', 'user.carol^smith', true],
    ['3.2', {}, 'a/user/alice', 'a.user.alice', true],
    ['3.2', { ...BASIC, ...VIRT }, 'domain/o/one.example/q/user/ben', 'one.example!user.ben', false],
    ['3.2', { ...BASIC, ...VIRT }, 'domain/one.example/user/ben', 'one.example!user.ben', false],
    ['3.2', VIRT, 'domain/o/one.example/b/user/ben', 'one.example!user.ben', false],
    ['3.2', VIRT, 'domain/one.example/user/ben', 'one.example!user.ben', true],
    ['2.4', {}, 'domain/x', 'domain.x', true],
    ['3.2', BASIC, 'x/domain/x', 'domain.x', true],
  ])('of %s with %j: %s is %s, in its place: %s', (version, options, dir, name, canonical) =>
    expect(mailboxNameOfDir(dir, confOf(version, options))).toEqual({ name, canonical }),
  );

  it.each(['', 'a', 'stage.', 'a/user/carol.smith', 'lost+found.d', 'a//user', 'sync./1234'])(
    '%j is no mailbox',
    (dir) => expect(mailboxNameOfDir(dir, confOf('3.2', BASIC))).toBeUndefined(),
  );

  it('of any mailbox gives its name again, for every version and hashing', () => {
    const part = fc.stringMatching(/^[ -\-0-9;-~]{1,6}$/).filter((text) => !text.includes('!'));
    fc.assert(
      fc.property(
        fc.constantFrom<CyrusVersion>('2.2', '2.4', '2.5', '3.0', '3.6'),
        fc.constantFrom({}, BASIC, FULL),
        fc.constantFrom('', 'one.example!', 'x!'),
        fc.array(part, { minLength: 1, maxLength: 4 }),
        (version, options, domain, parts) => {
          const conf = confOf(version, { ...options, ...VIRT });
          const name = asInternalName(domain + parts.join('.'));
          // A top-level name like Cyrus's own directories reads both ways (reference 2.4).
          if (/^([A-Za-z]|domain)$/.test(parts[0]!)) return;
          expect(mailboxNameOfDir(mailboxDir(name, conf), conf)).toEqual({ name, canonical: true });
        },
      ),
    );
  });
});

describe('a mailbox by uniqueid', () => {
  // mbpath -a of the spool 3.6-uuid-archive, and 36-character ids of 3.0-uhs-plain.
  it.each([
    ['k9yvcnfk4yytlpdsty482u9m', 'uuid/k/9/k9yvcnfk4yytlpdsty482u9m'],
    ['3ac01533-4b8f-4c7b-a0bd-5a53317b7d36', 'uuid/3/a/3ac01533-4b8f-4c7b-a0bd-5a53317b7d36'],
  ])('%s lies in %s', (id, dir) => {
    expect(uuidDir(id)).toBe(dir);
    expect(uniqueidOfDir(dir)).toBe(id);
  });

  it.each(['uuid/k/8/k9yvcnfk4yyt', 'uuid/k/9', 'uuid/k/9/k9y/x', 'x/k/9/k9y', 'uuid/././../x', 'uuid/./././'])(
    '%s holds none',
    (dir) => expect(uniqueidOfDir(dir)).toBeUndefined(),
  );

  it.each(['', 'a', '../../etc', 'ab/cd', 'ab\0', '..'])('%j is no uniqueid for a path', (uniqueid) => {
    expect(isSafeUniqueid(uniqueid)).toBe(false);
    const mailbox = { name: asInternalName('user.a'), uniqueid, partition: 'default', legacy: false };
    expect(placeOf(confOf('3.6'), mailbox)).toBeUndefined();
  });
});

describe('the place of a mailbox', () => {
  const conf = confOf('3.6', {
    'metapartition-default': '/D/meta',
    metapartition_files: 'header index',
    archive_enabled: 'yes',
    'archivepartition-default': '/D/arch',
  });
  const name = asInternalName('user.ben');

  it('has a directory for each kind of file', () =>
    expect(placeOf(conf, { name, uniqueid: 'abcd', partition: 'default', legacy: false })).toMatchObject({
      relative: 'uuid/a/b/abcd',
      data: '/D/spool/uuid/a/b/abcd',
      archive: '/D/arch/uuid/a/b/abcd',
      meta: {
        header: '/D/meta/uuid/a/b/abcd',
        index: '/D/meta/uuid/a/b/abcd',
        cache: '/D/spool/uuid/a/b/abcd',
        annotations: '/D/spool/uuid/a/b/abcd',
        archivecache: '/D/arch/uuid/a/b/abcd',
      },
    }));

  it('goes by name with the letter l, uniqueid or not', () =>
    expect(placeOf(conf, { name, uniqueid: 'abcd', partition: 'default', legacy: true })?.data).toBe(
      '/D/spool/user/ben',
    ));

  it('has no archive where archive_enabled is off', () =>
    expect(placeOf(confOf('3.6'), { name, partition: 'default', legacy: true })?.archive).toBeNull());

  it('is none on a partition that is not there, in capital letters for one', () =>
    expect(placeOf(conf, { name, partition: 'Default', legacy: true })).toBeUndefined());
});

describe('a message file', () => {
  it.each([
    ['1.', 1],
    ['4294967295.', 4294967295],
    ['4294967296.', undefined],
    ['0.', undefined],
    ['01.', undefined],
    ['1', undefined],
    ['1.NEW', undefined],
    ['-1.', undefined],
    ['1..', undefined],
    ['cyrus.index', undefined],
    ['', undefined],
  ])('%s has the UID %s', (file, uid) => {
    expect(parseMessageFileName(file)).toBe(uid);
    if (uid !== undefined) expect(messageFileName(uid)).toBe(file);
  });
});
