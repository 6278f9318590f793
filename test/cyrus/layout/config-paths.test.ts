import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  databaseDirectories,
  globalSieveDir,
  parseConfigPath,
  parseSieveDirPath,
  quotaDirectory,
  quotaFile,
  sharedFile,
  sieveDir,
  userFile,
} from '../../../src/cyrus/layout/config-paths.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { confOf } from '../conf/conf-of.js';

const FULL = { fulldirhash: 'yes' };
const VIRT = { virtdomains: 'userid' };
const carol = { localpart: 'carol^smith' };
const zoe = { localpart: 'zoe^z', domain: 'one.example' };

describe('a user file', () => {
  // Names of files in the spools 2.3-skiplist-uhs, 3.0-uhs-plain and 3.6-uuid-archive; full and domains: reference 3.1, 3.5.
  it.each<[CyrusVersion, Record<string, string>, { localpart: string; domain?: string }, string]>([
    ['2.3', {}, carol, 'user/c/carol^smith.seen'],
    ['2.5', {}, carol, 'user/c/carol^smith.seen'],
    ['3.0', {}, carol, 'user/c/carol.smith.seen'],
    ['3.6', {}, carol, 'user/c/carol.smith.seen'],
    ['2.4', FULL, carol, 'user/E/carol^smith.seen'],
    ['3.2', FULL, carol, 'user/B/carol.smith.seen'],
    ['2.4', VIRT, zoe, 'domain/o/one.example/user/z/zoe^z.seen'],
    [
      '3.6',
      { ...FULL, ...VIRT },
      { localpart: 'anna', domain: 'one.example' },
      'domain/J/one.example/user/B/anna.seen',
    ],
    ['3.6', {}, zoe, 'domain/o/one.example/user/z/zoe.z.seen'],
    ['3.6', {}, { localpart: 'Heidi' }, 'user/h/Heidi.seen'],
    ['3.6', {}, { localpart: '42' }, 'user/q/42.seen'],
  ])('of %s with %j: of %j is %s', (version, options, user, path) => {
    const conf = confOf(version, options);
    expect(userFile(conf, user, 'seen')).toBe(path);
    expect(parseConfigPath(path)).toEqual({ kind: 'user', user: { domain: undefined, ...user }, suffix: 'seen', path });
  });

  it('of a user by uniqueid has the suffix as its name', () => {
    const path = 'user/uuid/1/l/1l039y5gz3hu114u18zpeg03/sub.db';
    expect(userFile(confOf('3.6'), carol, 'sub', '1l039y5gz3hu114u18zpeg03')).toBe(path);
    expect(parseConfigPath(path)).toEqual({
      kind: 'user-by-id',
      uniqueid: '1l039y5gz3hu114u18zpeg03',
      suffix: 'sub',
      path,
    });
  });

  it('of nobody is shared', () => {
    expect(sharedFile(confOf('3.6'), 'counters')).toBe('shared.counters');
    expect(sharedFile(confOf('3.6'), 'counters', 'one.example')).toBe('domain/o/one.example/shared.counters');
  });
});

describe('a quota root', () => {
  // conf/quota of the spools 2.3-skiplist-uhs, 3.2-uhs-meta and 3.10-fullhash-meta; reference 3.1: K in every version.
  it.each<[CyrusVersion, Record<string, string>, string, string]>([
    ['2.3', {}, 'user.carol^smith', 'quota/c/user.carol^smith'],
    ['3.2', {}, 'user.carol^smith.Archive', 'quota/c/user.carol^smith.Archive'],
    ['2.4', FULL, 'user.w^x^y', 'quota/K/user.w^x^y'],
    ['3.6', FULL, 'user.w^x^y', 'quota/K/user.w^x^y'],
    ['3.6', FULL, 'bulletin', 'quota/K/bulletin'],
    ['3.6', {}, 'news', 'quota/n/news'],
    ['3.6', {}, 'DELETED.user.bob', 'quota/u/DELETED.user.bob'],
    ['2.4', VIRT, 'one.example!user.ben', 'domain/o/one.example/quota/b/user.ben'],
    ['3.6', { ...FULL, ...VIRT }, 'one.example!', 'domain/J/one.example/quota/root'],
  ])('of %s with %j: %s is %s', (version, options, root, path) => {
    expect(quotaFile(confOf(version, options), root)).toBe(path);
    expect(parseConfigPath(path)).toEqual({ kind: 'quota', root, path, unfinished: false });
  });

  it('is in no domain without virtdomains, in 3.x either (lib/cyrusdb_quotalegacy.c hash_quota)', () =>
    expect(quotaFile(confOf('3.6'), 'one!user.ben')).toBe('quota/b/one!user.ben'));

  it('that is being written is told apart', () =>
    expect(parseConfigPath('quota/a/user.alice.NEW')).toMatchObject({ root: 'user.alice.NEW', unfinished: true }));

  it('lies below the directory of quota_db_path, where that is set', () => {
    expect(quotaDirectory(confOf('3.6'))).toBe('/D/conf');
    expect(quotaDirectory(confOf('3.6', { quota_db_path: '/Q/quotas.db' }))).toBe('/Q');
  });
});

describe('the directories of databases', () => {
  it('are the configdirectory alone where no *_db_path is set', () =>
    expect(databaseDirectories(confOf('3.6'))).toEqual(['/D/conf']));

  it('are each named once, caches left out', () => {
    const options = { mboxlist_db_path: '/M/a.db', annotation_db_path: '/M/b.db', quota_db_path: '/Q/q.db' };
    const conf = confOf('3.6', { ...options, userdeny_db_path: '/U/d.db', statuscache_db_path: '/run/s.db' });
    expect(databaseDirectories(conf)).toEqual(['/D/conf', '/M', '/Q', '/U']);
  });
});

describe('what else lies below the configdirectory', () => {
  it.each([
    'mailboxes.db',
    'user/a',
    'user/a/alice',
    'quota/a',
    'proc/1',
    'domain/o/one.example',
    'user/uuid/1/l/id/x',
    'db/a/b',
    '',
  ])('%j is no user file and no quota root', (path) => expect(parseConfigPath(path)).toBeUndefined());

  it('any path is named or not, and never throws', () =>
    fc.assert(
      fc.property(fc.stringMatching(/^(domain\/|user\/|quota\/|[a./]){0,8}$/), (path) => {
        parseConfigPath(path);
        parseSieveDirPath(path, confOf('3.6'));
      }),
    ));

  it('a stale file in the wrong bucket is known as its owner’s, but is not where it would be', () => {
    const found = parseConfigPath('user/Q/alice.sub');
    expect(found).toMatchObject({ kind: 'user', user: { localpart: 'alice' }, suffix: 'sub' });
    expect(userFile(confOf('3.2'), { localpart: 'alice' }, 'sub')).not.toBe('user/Q/alice.sub');
  });
});

describe('a sieve directory', () => {
  // sieve/ of the spools and mbpath -a; imap/user.c user_sieve_path_byname of 3.6.1, timsieved/actions.c of 2.4.17.
  it.each<[CyrusVersion, Record<string, string>, { localpart: string; domain?: string }, string]>([
    ['2.3', {}, carol, 'c/carol^smith'],
    ['3.0', {}, carol, 'c/carol.smith'],
    ['2.4', FULL, carol, 'E/carol^smith'],
    ['3.6', FULL, carol, 'B/carol.smith'],
    ['2.4', VIRT, zoe, 'domain/o/one.example/z/zoe^z'],
    ['3.6', VIRT, zoe, 'domain/o/one.example/z/zoe.z'],
    ['3.6', {}, zoe, 'z/zoe.z@one.example'],
    ['2.4', {}, { localpart: 'a@b^c' }, 'a/a@b^c'],
  ])('of %s with %j: of %j is %s', (version, options, user, path) => {
    const conf = confOf(version, options);
    expect(sieveDir(conf, user)).toBe(path);
    expect(parseSieveDirPath(path, conf)).toEqual({ kind: 'user', user, path });
  });

  it('of a user by uniqueid is that of the INBOX', () => {
    const path = 'uuid/1/l/1l039y5gz3hu114u18zpeg03';
    expect(sieveDir(confOf('3.6'), carol, '1l039y5gz3hu114u18zpeg03')).toBe(path);
    expect(parseSieveDirPath(path, confOf('3.6'))).toEqual({
      kind: 'user-by-id',
      uniqueid: '1l039y5gz3hu114u18zpeg03',
      path,
    });
  });

  it.each([
    ['global', undefined],
    ['domain/o/one.example/global', 'one.example'],
  ])('%s is for all', (path, domain) => {
    expect(globalSieveDir(confOf('3.6', VIRT), domain)).toBe(path);
    expect(parseSieveDirPath(path, confOf('3.6', VIRT))).toEqual({ kind: 'global', domain, path });
  });

  it.each(['', 'a', 'a/alice/tmp', 'uuid/1/l', 'domain/o/one.example'])('%j holds no scripts itself', (path) =>
    expect(parseSieveDirPath(path, confOf('3.6', VIRT))).toBeUndefined(),
  );
});
