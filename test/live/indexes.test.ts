import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Correction, correctedUsage } from '../support/corrected-usage.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import type { ImapState } from '../support/imap-state.js';
import type { Job } from '../support/job.js';
import { liveTest } from '../support/live-test.js';
import { keptOptions, type SpoolName, spoolState } from '../support/spool.js';
import { type AllowedDifference, requireSame, rulesFor } from '../support/state-diff.js';
import { UPGRADE_DIFFERENCES } from '../support/upgrade-differences.js';

/** Minor version of every cyrus.index below the server's directory, and how often. */
function indexVersions(server: CyrusServer): Record<string, number> {
  const out = execFileSync('find', [server.dir, '-name', 'cyrus.index', '-print0'], { encoding: 'latin1' });
  const counts: Record<string, number> = {};
  for (const path of out.split('\0').filter((p) => p !== '')) {
    const version = readFileSync(Buffer.from(path, 'latin1')).readUInt32BE(8);
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}

async function migrate(job: Job, upgrade: 'all' | 'needed' | 'never') {
  await job.init();
  const text = readFileSync(job.file, 'utf8');
  writeFileSync(job.file, text.replace(/^upgrade_indexes = "needed"/m, `upgrade_indexes = "${upgrade}"`));
  const { problems } = await job.presync();
  const second = await job.presync();
  expect(second.messages).toMatchObject({ copied: 0, removed: 0, linked: 0 });
  return { cutover: await job.cutover({ exit: [0, 3] }), problems };
}

const SOURCES: readonly SpoolName[] = ['2.3-skiplist-uhs', '2.4-netnews-meta', '3.0-uhs-plain', '3.2-uhs-meta'];

/** Recorded after the index checks a ManageSieve login would make mailboxes. */
function withoutSieve(state: ImapState): ImapState {
  const users = Object.entries(state.users).map(([user, { sieve: _, ...rest }]) => [user, rest]);
  return { ...state, users: Object.fromEntries(users) };
}

describe('upgrade_indexes = "all"', () => {
  for (const name of SOURCES) {
    liveTest(`leaves nothing of ${name} for the server's own upgrade`, async (live) => {
      const spool = await live.unpack(name);
      const server = live.server('new', { hash: 'full', meta: true, options: keptOptions(spool) });
      const job = live.job(spool, server);
      const { cutover } = await migrate(job, 'all');
      expect(Object.keys(indexVersions(server))).toEqual(['17']);

      await server.start();
      const recorded = withoutSieve(spoolState(name));
      const users = Object.keys(recorded.users);
      const corrected = (cutover.quotaRoots as { corrected: Correction[] }).corrected;
      const served = await server.imapState(users);
      requireSame(recorded, served, [
        ...rulesFor(name, UPGRADE_DIFFERENCES),
        ...corrected.map((c) => correctedUsage(c)),
      ]);

      const { mailboxes } = (await job.run('where')) as unknown as { mailboxes: { external: string }[] };
      const names = new Set(mailboxes.map(({ external }) => external));
      for (const options of [['-n'], ['-G', '-n'], ['-V', 'max']])
        expect({ options, findings: findings(server, options, names) }).toEqual({ options, findings: [] });
      requireSame(served, await server.imapState(users));
    });
  }
});

/** The day of the Date: header was kept as its noon up to 3.0, is kept as its midnight since; only `-G` looks. */
const SENT_DAY = /^.* uid \d+ mismatch: sentdate$/;

describe('upgrade_indexes = "never"', () => {
  liveTest(
    'leaves the indexes of 2.3 as they are; the server serves them, and what it would destroy is listed',
    async (live) => {
      const name = '2.3-skiplist-uhs';
      const spool = await live.unpack(name);
      const server = live.server('new', { hash: 'full', options: keptOptions(spool) });
      const job = live.job(spool, server);
      await job.init();
      const { cutover, problems } = await migrate(job, 'never');
      expect(Object.keys(indexVersions(server))).toEqual(['10']);
      expect(problems.filter(({ code }) => code === 'expunged-not-copied').length).toBeGreaterThan(0);

      await server.start();
      const recorded = withoutSieve(spoolState(name));
      const corrected = (cutover.quotaRoots as { corrected: Correction[] }).corrected;
      const served = await server.imapState(Object.keys(recorded.users));
      requireSame(recorded, served, [
        ...rulesFor(name, UPGRADE_DIFFERENCES),
        ...corrected.map((c) => correctedUsage(c)),
      ]);
    },
  );
});

/** What `sync_client -A` of 3.6.1 leaves out by itself: it goes by users. */
const NOT_REPLICATED: readonly AllowedDifference[] = [
  { path: / > server_metadata > /, to: 'absent', why: 'annotations of the server' },
  {
    path: /^admin > mailboxes > DELETED[/.]user[/.]/,
    to: 'absent',
    why: 'DELETED mailboxes of users without an INBOX',
  },
  {
    path: / > quota$/,
    from: /"\\*"?(Shared Folders\/)?(news|lists)\b/,
    to: /^\[\]$/,
    why: 'quota roots of shared mailboxes',
  },
  {
    path: / > mailboxes > [^>]*$/,
    from: 'absent',
    to: /"exists":0,|"Permission denied","attributes":\["\\\\HasChildren"\]/,
    why: 'parents, which the replica makes mailboxes',
  },
  { path: / > attributes$/, from: /HasNoChildren/, to: /HasChildren/, why: 'such a parent' },
  {
    path: /cyrus-imapd\/(synccrcs|foldermodseq)$/,
    why: 'not kept by an index of 2.4 or 3.0; the replica has its own version',
  },
  { path: / > keywords$/, why: 'flags that no message has any more' },
];

describe('replication from the new server', () => {
  for (const [name, upgrade] of [
    ['2.3-skiplist-uhs', 'needed'],
    ['3.0-uhs-plain', 'all'],
    ['3.6-uuid-archive', 'needed'],
  ] as const) {
    liveTest(`brings the migrated ${name} to a second one (upgrade_indexes = "${upgrade}")`, async (live) => {
      const spool = await live.unpack(name);
      const options = { ...keptOptions(spool), sync_try_imap: 'yes' };
      const setup = { hash: 'full', options, archiveAfter: name === '3.6-uuid-archive' ? '1d' : undefined } as const;
      const server = live.server('new', setup);
      const replica = live.server('replica', setup);
      await migrate(live.job(spool, server), upgrade);
      await replica.start();
      for (const [key, value] of Object.entries({
        sync_host: '127.0.0.1',
        sync_port: String(replica.ports.imap),
        sync_authname: 'cyrus',
        sync_password: replica.password,
      }))
        server.setOption(key, value);
      await server.start();
      server.tool('sync_client', ['-A', '-v', '-o']);
      const users = Object.keys(spoolState(name).users);
      requireSame(await server.imapState(users), await replica.imapState(users), NOT_REPLICATED);
    });
  }
});

/** What `reconstruct` prints beside the name of each mailbox that it looks at. */
function findings(server: CyrusServer, options: readonly string[], names: ReadonlySet<string>): string[] {
  const lines = server.tool('reconstruct', [...options, '-r', '*'], 'any').split('\n');
  expect(lines.filter((line) => names.has(line)).length).toBe(names.size);
  return lines.filter((line) => line !== '' && !names.has(line) && !SENT_DAY.test(line));
}
