/** What becomes of the databases of real spools, with what servers and administrators do to them in between. */
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDatabase, writeDatabase } from '../../src/cyrus/db/database.js';
import { parseCounters, printCounters, zeroCounters } from '../../src/cyrus/records/counters.js';
import type { DatabaseOutcome } from '../../src/databases/report.js';
import { spoolOf } from './spool-databases.js';

function put(path: string, bytes: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

/** Files and links below a directory, relative to it. */
function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => !lstatSync(join(dir, path)).isDirectory())
    .sort();
}

function rows(outcomes: readonly DatabaseOutcome[], what: string): DatabaseOutcome[] {
  return outcomes.filter((one) => one.what === what);
}

describe('what went on the old server between two cutovers', () => {
  it('goes on the new one, and nothing else does', async () => {
    const spool = spoolOf('2.4-netnews-meta');
    await spool.migrate();
    const others = ['quota/M/user.other', 'user/M/other.sub'];
    for (const path of others) put(join(spool.newConf, path), '0\n-1\n'); // not of this job
    const before = { conf: filesOf(spool.newConf), sieve: filesOf(spool.newSieve) };
    // a quota root, subscriptions, a script, and which one is active; hash directories by fulldirhash of 3.6
    const gone = ['quota/G/user.dave', 'user/E/bob.sub', 'E/bob/unused.script', 'E/bob/unused.bc', 'E/bob/defaultbc'];
    expect([...before.conf, ...before.sieve]).toEqual(expect.arrayContaining(gone));

    for (const path of ['conf/quota/d/user.dave', 'conf/user/b/bob.sub', 'sieve/b/bob/unused.script'])
      rmSync(join(spool.spool, path));
    for (const path of ['sieve/b/bob/unused.bc', 'sieve/b/bob/defaultbc']) rmSync(join(spool.spool, path));
    await spool.migrate();
    const after = { conf: filesOf(spool.newConf), sieve: filesOf(spool.newSieve) };
    expect(after).toEqual({
      conf: before.conf.filter((path) => !gone.includes(path)),
      sieve: before.sieve.filter((path) => !gone.includes(path)),
    });
    expect(after.conf).toEqual(expect.arrayContaining(others));
  });
});

describe('what went on the old server, in a wave of some users', () => {
  it('goes of those users alone: the others are at work on the new server, or wait', async () => {
    const spool = spoolOf('2.4-netnews-meta');
    await spool.migrate();
    const before = filesOf(spool.newConf);
    spool.select('only = ["bob"]');
    for (const path of ['quota/d/user.dave', 'quota/b/user.bob', 'user/b/bob.sub', 'user/d/dave.sub'])
      rmSync(join(spool.conf, path));
    await spool.migrate();
    const gone = before.filter((path) => !existsSync(join(spool.newConf, path)));
    expect(gone.sort()).toEqual(['quota/E/user.bob', 'user/E/bob.sub']);
  });
});

describe('the second sweep', () => {
  const writers: readonly (readonly [story: string, act: (conf: string) => void, path: string])[] = [
    [
      'a delivery to a quota root',
      (conf) => writeFileSync(`${conf}/quota/a/user.alice`, '9\n9\n'),
      'quota/a/user.alice',
    ],
    ['a new quota root', (conf) => put(`${conf}/quota/a/user.a9`, '0\n9\n'), 'quota/a/user.a9'],
    ['a quota root that is deleted', (conf) => rmSync(`${conf}/quota/a/user.alice`), 'quota/a/user.alice'],
    ['somebody who reads mail', (conf) => appendFileSync(`${conf}/user/b/bob.seen`, 'x'), 'user/b/bob.seen'],
    ['somebody who reads mail for the first time', (conf) => put(`${conf}/user/b/barbara.seen`, ''), 'user/b'],
    ['a new message of the day', (conf) => writeFileSync(`${conf}/msg/motd`, 'Moved'), 'msg/motd'],
    ['a vacation answer', (conf) => appendFileSync(`${conf}/deliver.db`, 'x'), 'deliver.db'],
    ['a changed script', (conf) => utimesSync(`${conf}/../sieve/b/bob/main.script`, 1, 1), 'b/bob/main.script'],
  ];

  it.each(writers)('sees %s', async (_, act, path) => {
    const spool = spoolOf('2.4-netnews-meta');
    const { result } = await spool.migrate();
    expect(result.changedSince()).toEqual([]);
    act(spool.conf);
    expect(result.changedSince().filter((one) => one.endsWith(`/${path}`))).toHaveLength(1);
  });

  it.each<[story: string, user: string, seen: number]>([
    ['sees', 'alice', 1],
    ['does not mind', 'bob', 0],
  ])('of a wave %s a limit that is set before the first database is written, of %s', async (_, user, seen) => {
    const spool = spoolOf('2.4-netnews-meta');
    spool.select('only = ["alice"]');
    const path = `quota/${user[0]}/user.${user}`;
    const { result } = await spool.migrate({ inWave: () => writeFileSync(join(spool.conf, path), '9\n9\n') });
    expect(result.changedSince().filter((one) => one.endsWith(`/${path}`))).toHaveLength(seen);
  });
});

/** `time_t` and `unsigned long` of x86-64. */
function native(timeSec: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(timeSec);
  return bytes.toString('latin1');
}

function bigEndian(timeSec: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(timeSec, 4);
  return bytes.toString('latin1');
}

describe('deliver.db', () => {
  const NEVER = 4_000_000_000;
  const HASHES = ['0cc175b9c0f1b6a831c399e269772661', '92eb5ffee6ae2fec3ad71c777531578f'];
  const vacations = (value: string) => HASHES.map((hash) => ({ key: `${hash}\0alice\0\0`, value }));
  const entries = [
    ...vacations(native(NEVER)),
    { key: '<1@x>\0.alice@internal.sieve.\0Mon, 1 Jan\0', value: native(1_700_000_000) },
  ];
  const database = (backend: 'skiplist' | 'twoskip', list = entries) =>
    writeDatabase(backend, list, { version: '3.2', nowSec: 1 });

  it('of the same form goes along, and nobody is answered again', async () => {
    const spool = spoolOf('3.2-uhs-meta');
    put(join(spool.conf, 'deliver.db'), database('twoskip'));
    const { result } = await spool.migrate();
    expect(rows(result.outcomes, 'deliver.db')).toEqual([
      expect.objectContaining({
        action: 'copied',
        entries: 3,
        note: '2 senders will not be answered again before time',
      }),
    ]);
    const written = readDatabase(readFileSync(join(spool.newConf, 'deliver.db')), 'deliver.db');
    expect(written.backend).toBe('twoskip');
    expect([...written.entries].sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(
      [...entries].sort((a, b) => (a.key < b.key ? -1 : 1)),
    );
  });

  it('of another backend is converted', async () => {
    const spool = spoolOf('3.2-uhs-meta', '3.6', { duplicate_db: 'skiplist' });
    put(join(spool.conf, 'deliver.db'), database('twoskip'));
    const { result } = await spool.migrate();
    expect(rows(result.outcomes, 'deliver.db')).toMatchObject([{ action: 'converted', entries: 3 }]);
    expect(readDatabase(readFileSync(join(spool.newConf, 'deliver.db')), '').backend).toBe('skiplist');
  });

  it.each([
    ['2.4-netnews-meta', database('skiplist'), '2 senders whom a vacation script has answered may be answered again'],
    ['3.2-uhs-meta', database('twoskip', vacations(bigEndian(NEVER))), '2 senders whom a vacation'],
    ['3.2-uhs-meta', Buffer.concat([database('twoskip').subarray(0, 400), Buffer.alloc(40, 1)]), 'can not be read'],
  ])(
    'of %s with other keys, of another machine, damaged, is dropped and says who is answered again',
    async (name, bytes, note) => {
      const spool = spoolOf(name);
      put(join(spool.conf, 'deliver.db'), bytes);
      put(join(spool.newConf, 'deliver.db'), 'of a test boot');
      const { result } = await spool.migrate();
      expect(rows(result.outcomes, 'deliver.db')).toEqual([
        expect.objectContaining({ action: 'dropped', note: expect.stringContaining(note) }),
      ]);
      expect(existsSync(join(spool.newConf, 'deliver.db'))).toBe(false);
    },
  );
});

describe('conversations', () => {
  const WHAT = 'user/*.conversations';
  const ON = { conversations: 'yes' };

  it.each<[source: string, target: string, Record<string, string>, DatabaseOutcome['action'], entries: number]>([
    ['3.6-uuid-archive', '3.6', ON, 'copied', 13],
    ['3.6-uuid-archive', '3.8', ON, 'copied', 13],
    ['3.6-uuid-archive', '3.10', ON, 'left-to-target', 13],
    ['3.6-uuid-archive', '3.6', {}, 'dropped', 13],
    ['3.2-uhs-meta', '3.6', ON, 'left-to-target', 0],
  ])('of %s to %s with %j are %4$s', async (source, target, options, action, entries) => {
    const spool = spoolOf(source, target, options);
    if (source.startsWith('3.6')) spool.addSourceOption('conversations: yes');
    const { result } = await spool.migrate();
    const first = rows(result.outcomes, WHAT)[0]!;
    expect(first).toMatchObject({ action, entries });
    if (action === 'left-to-target')
      expect(first.note).toMatch(
        /run ctl_conversationsdb -R -r, then ctl_conversationsdb -b -r \(about [\d.]+ s for [\d,]+ messages\)/,
      );
  });

  it('are made anew where the old server had them off, though it kept files of them', async () => {
    const { result, census } = await spoolOf('3.6-uuid-archive', '3.6', ON).migrate();
    expect(census.owned.get(WHAT)).toHaveLength(13);
    expect(rows(result.outcomes, WHAT)).toEqual([
      expect.objectContaining({
        action: 'left-to-target',
        entries: 13,
        note: expect.stringContaining('had conversations off'),
      }),
    ]);
  });

  it('are made anew for a user of whom a mailbox is missing', async () => {
    const spool = spoolOf('3.6-uuid-archive', '3.6', ON);
    spool.addSourceOption('conversations: yes');
    const { result } = await spool.migrate({ without: /^user\.alice\.[A-Z]/ });
    expect(rows(result.outcomes, WHAT).map(({ action, entries }) => [action, entries])).toEqual([
      ['copied', 12],
      ['left-to-target', 1],
    ]);
  });
});

describe('files of users', () => {
  it('seen state of a flat database (2.2) is in the new backend, entry by entry', async () => {
    const spool = spoolOf('2.2-virt-fullhash');
    await spool.migrate();
    const old = filesOf(spool.conf).filter((path) => path.endsWith('.seen'));
    expect(old.length).toBeGreaterThan(3);
    const seenOf = (dir: string, path: string) => readDatabase(readFileSync(join(dir, path)), path);
    expect(old.map((path) => seenOf(spool.conf, path).backend)).toContain('flat');
    const all = (dir: string, paths: string[]) =>
      paths
        .flatMap((path) =>
          seenOf(dir, path).entries.map(
            ({ key, value }) => `${path.replace(/^.*\//, '').replace('^', '.')} ${key} ${value}`,
          ),
        )
        .sort();
    const now = filesOf(spool.newConf).filter((path) => path.endsWith('.seen'));
    expect(all(spool.newConf, now)).toEqual(all(spool.conf, old));
    for (const path of now.filter((one) => seenOf(spool.newConf, one).entries.length > 0))
      expect(seenOf(spool.newConf, path).backend).toBe('twoskip');
  });

  it('dav.db of 3.6 goes along byte for byte, to where the target has the user; of older ones it is made anew', async () => {
    const spool = spoolOf('3.6-uuid-archive', '3.10');
    const { result, census } = await spool.migrate();
    const davs = census.owned.get('user/*.dav')!;
    expect(davs.length).toBeGreaterThan(5);
    expect(rows(result.outcomes, 'user/*.dav')).toMatchObject([{ action: 'copied', entries: davs.length }]);
    for (const { path } of davs)
      expect(readFileSync(join(spool.newConf, path)).equals(readFileSync(join(spool.conf, path)))).toBe(true);

    const older = spoolOf('3.0-uhs-plain');
    put(join(older.conf, 'user/a/alice.dav'), 'SQLite format 3\0');
    const { result: made } = await older.migrate();
    expect(rows(made.outcomes, 'user/*.dav')).toMatchObject([
      { action: 'left-to-target', entries: 1, note: expect.stringContaining('dav_reconstruct') },
    ]);
    expect(filesOf(older.newConf).filter((path) => path.endsWith('.dav'))).toEqual([]);
  });

  it('counters of a newer server are shortened for an older one, which reads no other', async () => {
    const spool = spoolOf('3.6-virtdomains', '3.4', { virtdomains: 'userid' });
    const counters = { generation: 1, modseqs: { ...zeroCounters(), highest: 77n, sieve: 9n }, uidvalidity: 1234 };
    put(join(spool.conf, 'shared.counters'), printCounters(counters, 9));
    const { result } = await spool.migrate();
    expect(rows(result.outcomes, 'user/*.counters')).toMatchObject([{ action: 'converted', entries: 1 }]);
    const written = parseCounters(readFileSync(join(spool.newConf, 'shared.counters')), '');
    expect(written).toMatchObject({ fileVersion: 8, uidvalidity: 1234, modseqs: { highest: 77n } });
  });

  it('of a domain as a whole go along', async () => {
    const spool = spoolOf('3.6-virtdomains', '3.6', { virtdomains: 'userid' });
    const bytes = printCounters({ generation: 1, modseqs: zeroCounters(), uidvalidity: 5 });
    put(join(spool.conf, 'domain/o/one.example/shared.counters'), bytes); // in the wrong hash directory
    put(join(spool.conf, 'domain/J/one.example/shared.counters'), bytes);
    const { result } = await spool.migrate();
    const written = filesOf(spool.newConf).filter((path) => path.endsWith('shared.counters'));
    expect(written).toEqual(['domain/J/one.example/shared.counters']);
    expect(rows(result.outcomes, 'user/*.counters')).toMatchObject([{ action: 'copied', entries: 1 }]);
  });

  it('of users whom the old server has deleted stay behind', async () => {
    const spool = spoolOf('3.6-virtdomains', '3.6', { virtdomains: 'userid' });
    const bytes = readFileSync(join(spool.conf, 'mailboxes.db'));
    const { entries } = readDatabase(bytes, '');
    const tombstone = { key: 'Nuser\x1fgone', value: '%(T ed I gone1234 V 7 C 1 F 1 M 1700000000)' };
    writeFileSync(
      join(spool.conf, 'mailboxes.db'),
      writeDatabase('twoskip', [...entries, tombstone], { version: '3.6', nowSec: 1 }),
    );
    // both where the old server looks; of guest mailboxes.db says nothing
    const [gone, guest] = ['user/R/gone.sub', 'user/U/guest.sub'];
    for (const path of [gone, guest]) put(join(spool.conf, path), '');
    const { census } = await spool.migrate();
    expect(census.stale).toContain(gone);
    expect(census.stale).not.toContain(guest);
    expect(existsSync(join(spool.newConf, gone))).toBe(false);
    expect(existsSync(join(spool.newConf, guest))).toBe(true);
  });
});
