import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import { liveTest } from '../support/live-test.js';
import { MailTraffic } from '../support/mail-traffic.js';
import { message } from '../support/messages.js';
import { BUSY, populate } from '../support/populate.js';
import { requireSame, rulesFor } from '../support/state-diff.js';
import { UPGRADE_DIFFERENCES } from '../support/upgrade-differences.js';

type Setup = Omit<CyrusSetup, 'dir'>;

const CASES: readonly { story: string; old: Setup; new: Setup }[] = [
  {
    story: 'two partitions without hashing, to fulldirhash and three partitions with metapartitions',
    old: { hash: 'none', partitions: ['default', 'p2'] },
    new: { hash: 'full', partitions: ['n1', 'n2', 'n3'], meta: true },
  },
  {
    story: 'basic hashing with a metapartition, to one partition without hashing',
    old: { hash: 'basic', partitions: ['default', 'p2'], meta: ['p2'], metaFiles: 'header index cache expunge' },
    new: { hash: 'none', partitions: ['n1'] },
  },
  {
    story: 'fulldirhash with an archive partition, to basic hashing with two of each',
    old: { hash: 'full', partitions: ['default', 'p2'], archiveAfter: '1d', archivePartitions: ['default'] },
    new: { hash: 'basic', partitions: ['n1', 'n2'], meta: ['n1'], archiveAfter: '1d' },
  },
];

const OPTIONS = { annotation_allow_undefined: 'yes' };

for (const { story, old, new: target } of CASES) {
  liveTest(`a live server keeps working while it is migrated: ${story}`, async (live) => {
    const oldServer = live.server('old', { ...old, options: OPTIONS });
    await populate(oldServer);
    const newServer = live.server('new', { ...target, options: OPTIONS });
    const job = live.job(oldServer, newServer);
    const traffic = new MailTraffic(oldServer, BUSY);

    const first = await traffic.during(() => job.presync());
    expect(first.messages.copied).toBeGreaterThan(0);
    await betweenPasses(oldServer);
    await traffic.untilAll(); // no pass runs
    await traffic.during(async () => {
      await job.presync();
      await job.presync();
    });
    await traffic.during(() => job.presync('--full'));

    const refused = await job.cutover({ exit: [4] }); // the old server still runs
    expect(refused.problems.length).toBeGreaterThan(0);

    await traffic.during(() => sleep(500)); // for the last pass
    const users = [...BUSY, 'newname', 'erin'];
    const before = await oldServer.imapState(users, { sieve: true });
    const bobsNews = before.users.bob?.mailboxes.news?.messages ?? [];
    expect(bobsNews.map((m) => m.flags.includes('\\Seen'))).toEqual([true, true, true, true, false, false]);
    expect(before.users.newname?.sieve).toHaveProperty('main');
    await oldServer.stop();
    const cutover = await job.cutover();
    expect(cutover.final).toBe(true);
    expect((await job.run('verify')).mismatches).toEqual([]);

    await newServer.start();
    const after = await newServer.imapState(users, { sieve: true });
    requireSame(before, after, rulesFor('3.6', UPGRADE_DIFFERENCES));

    await stillWorks(newServer);
  });
}

/** What an administrator does on a day: none of it is left to chance. */
async function betweenPasses(server: CyrusServer): Promise<void> {
  await server.as('oldname', async (c) => {
    await c.setMetadata('INBOX/Sent', '/private/comment', 'goes along');
  });
  await server.as('cyrus', async (c) => {
    await c.rename('user/oldname', 'user/newname');
    for (const name of ['user/goner', 'user/newname/Archive/2019', 'user/newname/Trash']) {
      await c.setAcl(name, 'cyrus', 'lrswipkxtecda');
      await c.delete(name);
    }
    await c.rename('news/local', 'news/near');
    await c.rename('news/near', 'news/near', 'default');
    await c.create('user/erin');
  });
  await server.deliver(['erin', 'newname'], message(78));
  const sieve = await server.sieve('erin'); // her #sieve
  sieve.close();
  await server.as('erin', async (c) => {
    await c.create('INBOX/Made while it ran');
    await c.append('INBOX/Made while it ran', message(79));
  });
}

/** The new server takes mail, keeps what it is told, and has its own tools find nothing amiss. */
async function stillWorks(server: CyrusServer): Promise<void> {
  await server.deliver(['alice', 'carol.smith', 'newname'], message(80));
  await server.as('carol.smith', async (c) => {
    await c.select('INBOX');
    const uids = await c.uidSearch('ALL');
    await c.store(String(uids[0]!), '+FLAGS', ['\\Deleted']);
    await c.expunge();
    expect(await c.uidSearch('ALL')).toEqual(uids.slice(1));
    await c.create('INBOX/After');
    await c.rename('INBOX/After', 'INBOX/Ever after');
    await c.append('INBOX/Ever after', message(81));
  });
}
