import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeDatabase } from '../../../src/cyrus/db/database.js';
import {
  isLive,
  type MailboxEntry,
  parseMboxlistDump,
  readMailboxEntries,
  writeMailboxEntries,
} from '../../../src/cyrus/records/mailboxes-db.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { nameConf, SERVERS, shown } from './fixture.js';

const BIN = '/usr/lib/cyrus/bin';
const missing =
  process.getuid?.() !== 0
    ? 'needs root'
    : ['ctl_mboxlist', 'ctl_cyrusdb'].every((tool) => existsSync(join(BIN, tool)))
      ? undefined
      : 'needs apt-get install cyrus-imapd cyrus-admin';
const title = `the tools of Cyrus 3.6 read the mailboxes.db that is written for 3.6${missing ? ` (${missing})` : ''}`;
const dirs: string[] = [];

// in CI nothing is skipped: there the first tool that is not found fails the test
describe.skipIf(missing !== undefined && !process.env.CI)(title, () => {
  afterAll(() => {
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
  });

  const [oldest] = SERVERS;
  it.each([
    ...SERVERS.map((server) => [...server, 'twoskip'] as const),
    [...oldest!, 'skiplist'] as const,
    [...oldest!, 'flat'] as const,
  ])(
    'from %s: each mailbox with all that is known of it (%s, separator /: %s; %s)',
    (server, version, slashes, backend) => {
      const source = readMailboxEntries(shown(`${server}/mailboxes.show.txt`), nameConf(version), server);
      const wanted = source.mailboxes.filter((mailbox) => !mailbox.reserved).map(completed);
      expect(wanted.length).toBeGreaterThan(90);
      const dump = throughCyrus(wanted, slashes, backend);
      const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
      // 3.6.1 itself takes tombstones and intermediates from the list, with -y
      expect(dump.map(comparable).sort(byName)).toEqual(wanted.map(comparable).sort(byName));
      expect(wanted.filter(isLive).length).toBeGreaterThan(60);
    },
  );

  it('with names, identifiers and types that are hard to write', () => {
    const base = completed(
      readMailboxEntries(shown('2.3-skiplist-uhs/mailboxes.show.txt'), nameConf('2.3'), 'x').mailboxes[0]!,
      0,
    );
    const wanted = [
      ['News', 'a b\tlr\t-bob\tw\tNIL\tlrs\tx"y\tp\tper%cent\tl\t(z)\tl\t', 'e'],
      ['Inbox2', 'anyone\t\t', 'e'],
      ['user.q^r^s', 'q.r.s\tlrswipkxtecdan\t', 'e'],
      ['user.q^r^s.(paren) 100%', 'q.r.s\tlrs\t', 'c'],
      ['user.q^r^s.#sieve', 'q.r.s\tlrs\t', 'f'],
      ['user.q^r^s.a"b\\c', 'J\\ohn\tlrs\t', 'e'],
    ].map(([name, acl, kind], i) => ({ ...base, name, acl, kind, uniqueid: `hard${i}` }) as MailboxEntry);
    const dump = throughCyrus(wanted, true);
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(dump.map(comparable).sort(byName)).toEqual(wanted.map(comparable).sort(byName));
  });
});

/** What a migrator finds in cyrus.header and cyrus.index, where the record has it not. */
function completed(mailbox: MailboxEntry, i: number): MailboxEntry {
  return {
    ...mailbox,
    uniqueid: mailbox.uniqueid ?? `id${i}`,
    uidvalidity: mailbox.uidvalidity ?? 1795456000 + i,
    mtimeSec: mailbox.mtimeSec ?? 1795456001,
  };
}

/** What the JSON of ctl_mboxlist has: 0 for unknown numbers, an ACL in any order, no partition for tombstones. */
function comparable({ name, kind, deleted, intermediate, legacy, ...rest }: MailboxEntry) {
  return {
    ...{ name, kind, deleted, intermediate, legacy, uniqueid: rest.uniqueid, partition: rest.partition },
    numbers: [rest.uidvalidity, rest.mtimeSec, rest.createdModseq, rest.folderModseq].map((number) =>
      Number(number ?? 0),
    ),
    acl: rest.acl.match(/[^\t]*\t[^\t]*\t/g)?.sort() ?? [],
  };
}

/** Writes the list for 3.6 as a database of our own, lets its recovery (which would upgrade what is not its own) and then its dump read it. */
function throughCyrus(
  list: readonly MailboxEntry[],
  unixHierarchySep: boolean,
  backend: 'twoskip' | 'skiplist' | 'flat' = 'twoskip',
): MailboxEntry[] {
  const version: CyrusVersion = '3.6';
  const dir = mkdtempSync(join(tmpdir(), 'cyrsync-records-'));
  dirs.push(dir);
  const conf = join(dir, 'imapd.conf');
  for (const sub of ['conf', 'conf/db', 'conf/lock', 'conf/proc', 'spool']) mkdirSync(join(dir, sub));
  writeFileSync(
    conf,
    [
      `configdirectory: ${dir}/conf`,
      `proc_path: ${dir}/conf/proc`,
      `mboxname_lockpath: ${dir}/conf/lock`,
      'defaultpartition: default',
      ...['default', 'p2', 'p3'].map((name) => `partition-${name}: ${dir}/spool`),
      `unixhierarchysep: ${unixHierarchySep ? 'yes' : 'no'}`,
      'virtdomains: off',
      'altnamespace: no',
      `mboxlist_db: ${backend}`,
      '',
    ].join('\n'),
  );
  const entries = writeMailboxEntries(list, nameConf(version, { unixHierarchySep }));
  const database = writeDatabase(backend, entries, { version, nowSec: Math.floor(Date.now() / 1000) });
  writeFileSync(join(dir, 'conf/mailboxes.db'), database);
  chmodSync(dir, 0o755);
  execFileSync('chown', ['-R', 'cyrus:mail', dir]);
  const cyrus = (tool: string, ...args: string[]) =>
    execFileSync(
      'setpriv',
      ['--reuid=cyrus', '--regid=mail', '--init-groups', '--', join(BIN, tool), '-C', conf, ...args],
      { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 },
    );
  cyrus('ctl_cyrusdb', '-r');
  const { mailboxes, problems } = parseMboxlistDump(cyrus('ctl_mboxlist', '-d', '-y'), nameConf(version), 'dump');
  expect(problems).toEqual([]);
  return mailboxes;
}
