import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Correction, correctedUsage } from '../support/corrected-usage.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import type { ImapState } from '../support/imap-state.js';
import type { Job } from '../support/job.js';
import { liveTest } from '../support/live-test.js';
import { keptOptions, type SpoolName, spoolState } from '../support/spool.js';
import { requireSame, rulesFor } from '../support/state-diff.js';
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
  await job.presync();
  const second = await job.presync();
  expect(second.messages).toMatchObject({ copied: 0, removed: 0, linked: 0 });
  return job.cutover({ exit: [0, 3] });
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
      const cutover = await migrate(job, 'all');
      expect(Object.keys(indexVersions(server))).toEqual(['17']);

      await server.start();
      const recorded = withoutSieve(spoolState(name));
      const users = Object.keys(recorded.users);
      const corrected = (cutover.quotaRoots as { corrected: Correction[] }).corrected;
      const served = await server.imapState(users);
      requireSame(recorded, served, [...rulesFor(name, UPGRADE_DIFFERENCES), ...corrected.map(correctedUsage)]);

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

/** What `reconstruct` prints beside the name of each mailbox that it looks at. */
function findings(server: CyrusServer, options: readonly string[], names: ReadonlySet<string>): string[] {
  const lines = server.tool('reconstruct', [...options, '-r', '*'], 'any').split('\n');
  expect(lines.filter((line) => names.has(line)).length).toBe(names.size);
  return lines.filter((line) => line !== '' && !names.has(line) && !SENT_DAY.test(line));
}
