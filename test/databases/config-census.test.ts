/** Every file of the configdirectory has one row in the cutover's list: of real spools, and by the names that the reference knows. */
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_KINDS, type ConfigKind, ConfigKinds } from '../../src/cyrus/layout/config-files.js';
import { confOf } from '../cyrus/conf/conf-of.js';
import { type Outcome, SPOOL_NAMES, spoolOf } from './spool-databases.js';

/** Everything below a directory that is no directory. */
function filesBelow(dir: string, relative = ''): string[] {
  return readdirSync(join(dir, relative), { withFileTypes: true, encoding: 'latin1' as BufferEncoding }).flatMap(
    (entry) => {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(dir, path) : [path];
    },
  );
}

/** The row of a file, by the census: its kind, or one of the two that are none. */
function rowsOf({ census }: Outcome, path: string): string[] {
  const kinds = [...census.files].filter(([, paths]) =>
    paths.some((one) => one === path || (one.endsWith('/') && path.startsWith(one))),
  );
  const owned = [...census.owned].filter(([, files]) => files.some((file) => file.path === path));
  return [
    ...[...kinds, ...owned].map(([what]) => what as string),
    ...(census.stale.includes(path) ? ['where the old server no longer looks'] : []),
    ...(census.foreign.includes(path) ? ["no files of Cyrus's"] : []),
  ];
}

describe('the cutover lists every file of the configdirectory', () => {
  it.each(SPOOL_NAMES)('of %s once', async (name) => {
    const spool = spoolOf(name);
    const outcome = await spool.migrate();
    const { outcomes } = outcome.result;
    const files = filesBelow(spool.conf);
    expect(files.length).toBeGreaterThan(20);
    const rows = new Map(files.map((path) => [path, rowsOf(outcome, path)]));
    expect([...rows].filter(([, of]) => of.length !== 1)).toEqual([]);
    expect(outcome.census.foreign).toEqual([]);
    const said = outcomes.map(({ what }) => what);
    for (const [path, [what]] of rows) expect(said, path).toContain(what);
    // of users' files each is counted in one row
    for (const [what, owned] of outcome.census.owned) {
      const entries = outcomes.filter((o) => o.what === what).reduce((sum, o) => sum + o.entries, 0);
      expect({ what, entries }).toEqual({ what, entries: owned.length });
    }
  });

  it("and what is not Cyrus's, or no longer looked at, by name", async () => {
    const spool = spoolOf('2.3-skiplist-uhs');
    const strange = ['notes.txt', 'user/a/alice.sub~', 'user/README', 'quota/old', 'msg/readme', 'ours/deep/file'];
    const stale = ['user/x/alice.seen', 'quota/x/user.bob', 'quotas.db'];
    for (const path of [...strange, ...stale]) {
      mkdirSync(dirname(join(spool.conf, path)), { recursive: true });
      writeFileSync(join(spool.conf, path), '');
    }
    const { census, result } = await spool.migrate();
    expect([...census.foreign].sort()).toEqual([...strange].sort());
    expect(census.stale).toEqual(expect.arrayContaining(stale));
    const row = result.outcomes.find(({ what }) => what === "no files of Cyrus's");
    expect(row).toMatchObject({ action: 'dropped', entries: strange.length });
    expect(row?.note).toContain('notes.txt');
    expect(spool.foreignLeftovers().sort()).toEqual([...strange].sort());
  });

  it('and refuses where users lie behind a symbolic link', async () => {
    const spool = spoolOf('2.3-skiplist-uhs');
    renameSync(join(spool.conf, 'user'), join(spool.conf, 'user.real'));
    symlinkSync('user.real', join(spool.conf, 'user'));
    await expect(spool.migrate()).rejects.toMatchObject({ code: 'config-link' });
  });
});

/** Names that the reference lists (section 6), and those of FNAME_* in Cyrus's sources 2.2.13 to 3.12.3. */
const NAMES: readonly (readonly [path: string, what: string])[] = [
  ['mailboxes.db', 'mailboxes.db'],
  ['annotations.db', 'annotations.db'],
  ['annotations.db.OLD', '*.NEW, *.OLD'],
  ['mailboxes.db.NEW', '*.NEW, *.OLD'],
  ['quota/a/user.alice', 'quota'],
  ['quota/a/user.alice.NEW', '*.NEW, *.OLD'],
  ['domain/o/one.example/quota/a/user.ben', 'quota'],
  ['domain/o/one.example/quota/root', 'quota'],
  ['quotas.db', 'quota'],
  ['user/a/alice.seen', 'user/*.seen'],
  ['user/c/carol.smith.sub', 'user/*.sub'],
  ['domain/o/one.example/user/b/ben.mboxkey', 'user/*.mboxkey'],
  ['user/uuid/b/2/b24x/seen.db', 'user/*.seen'],
  ['user/uuid/b/2/b24x/counters.db.NEW', '*.NEW, *.OLD'],
  ['user/uuid/b/2/b24x/dav.db-journal', 'user/*.dav'],
  ['user/a/alice.dav-journal', 'user/*.dav'],
  ['user/uuid/b/2/b24x/sub.db', 'user/*.sub'],
  ['user/uuid/b/2/b24x/counters.db', 'user/*.counters'],
  ['user/uuid/b/2/b24x/conversations.db', 'user/*.conversations'],
  ['user/uuid/b/2/b24x/dav.db', 'user/*.dav'],
  ['user/uuid/b/2/b24x/mboxkey.db', 'user/*.mboxkey'],
  ['user/uuid/b/2/b24x/xapianactive.db', 'user/*.xapianactive'],
  ['user/a/alice.counters', 'user/*.counters'],
  ['shared.counters', 'user/*.counters'],
  ['domain/o/one.example/shared.counters', 'user/*.counters'],
  ['shared.conversations', 'user/*.conversations'],
  ['user/a/alice.conversations', 'user/*.conversations'],
  ['user/a/alice.xapianactive', 'user/*.xapianactive'],
  ['user/a/alice.dav', 'user/*.dav'],
  ['caldav_alarm.sqlite3', 'caldav_alarm.sqlite3'],
  ['deliver.db', 'deliver.db'],
  ['tls_sessions.db', 'tls_sessions.db'],
  ['ptclient/ptscache.db', 'ptclient'],
  ['statuscache.db', 'statuscache.db'],
  ['user_deny.db', 'user_deny.db'],
  ['zoneinfo.db', 'zoneinfo, zoneinfo.db'],
  ['zoneinfo/Europe/Vienna.ics', 'zoneinfo, zoneinfo.db'],
  ['fetchnews.db', 'fetchnews.db, fetchnews.stamp, newsstamp'],
  ['newsstamp', 'fetchnews.db, fetchnews.stamp, newsstamp'],
  ['backups.db', 'backup, backups.db'],
  ['backup/x', 'backup, backups.db'],
  ['db/__db.001', 'db'],
  ['db/log.0000000001', 'db'],
  ['db/skipstamp', 'db'],
  ['db.backup1/mailboxes.db', 'db.backup1, db.backup2'],
  ['db.backup2/quotas.db', 'db.backup1, db.backup2'],
  ['proc/123', 'proc, lock, socket, stats'],
  ['lock/domain/o/one.example/user/ben.lock', 'proc, lock, socket, stats'],
  ['socket/lmtp', 'proc, lock, socket, stats'],
  ['socket/mupdate.target', 'proc, lock, socket, stats'],
  ['stats/report.txt', 'proc, lock, socket, stats'],
  ['master.ready', 'proc, lock, socket, stats'],
  ['log/alice/imapd-123', 'log'],
  ['msg/motd', 'msg/motd'],
  ['msg/shutdown', 'msg/shutdown'],
  ['sync/log', 'sync, replicaonly'],
  ['sync/channel/log', 'sync, replicaonly'],
  ['dkim.public', 'dkim.public'],
  ['jmap_emailsearch.db', 'caches of sort, search, replication and JMAP'],
  ['core', 'core'],
];

describe('each kind of file that Cyrus 2.2 to 3.12 keeps', () => {
  it.each(NAMES)('%s is in the row %s, and in no other', (path, what) => {
    const fitting = CONFIG_KINDS.filter(
      (kind: ConfigKind) => kind.path?.test(path) || kind.directory?.test(path.split('/')[0]!),
    ).map((kind) => kind.what);
    const unfinished = /\.(?:NEW|OLD)$/.test(path);
    expect(unfinished ? fitting.slice(0, 1) : fitting).toEqual([what]);
    expect(new ConfigKinds(confOf('3.6')).of(path)?.what).toBe(what);
  });

  it.each(['imapd.conf', 'user/a/alice', 'user/a/alice.txt', 'quota/a', 'msg/hello', 'notes'])(
    '%s is not one',
    (path) => {
      expect(new ConfigKinds(confOf('3.6')).of(path)).toBeUndefined();
    },
  );

  it('is found where an option puts it', () => {
    const conf = confOf('3.6', {
      proc_path: '/D/conf/run/it/proc',
      duplicate_db_path: '{configdirectory}/own/dup',
      sievedir: '/D/conf/sieve',
    });
    const kinds = new ConfigKinds(conf);
    expect(kinds.of('run/it/proc/1')?.what).toBe('proc, lock, socket, stats');
    expect(kinds.of('own/dup')?.what).toBe('deliver.db');
    expect(kinds.of('own/other')).toBeUndefined();
    expect(kinds.of('sieve/a/alice/x.script')?.what).toBe('sieve');
    expect(kinds.below('sieve')?.what).toBe('sieve');
  });

  it('is in the table of README, with what may become of it', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const missing = CONFIG_KINDS.filter(
      ({ what, actions }) => !readme.includes(`| \`${what}\` | ${actions.join(', ')} |`),
    );
    expect(missing.map(({ what }) => what)).toEqual([]);
  });
});
