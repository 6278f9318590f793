import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIndex } from '../../src/cyrus/mailbox/index.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import type { MailboxEntry } from '../../src/cyrus/records/mailboxes-db.js';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import { randoms } from '../support/randoms.js';
import type { SpoolName } from '../support/spool.js';
import { eraseMailbox, expungeOne, renameMailbox } from './edits.js';
import { differences, Lab, type TortureJob, targetTree } from './lab.js';

const CASES: readonly { spool: SpoolName; setup: Omit<CyrusSetup, 'dir'> }[] = [
  { spool: '2.3-skiplist-uhs', setup: { hash: 'full', partitions: ['default', 'p2'] } },
  { spool: '3.2-uhs-meta', setup: { hash: 'full', partitions: ['default', 'p2', 'p3'], meta: ['p2'] } },
  {
    spool: '3.6-uuid-archive',
    setup: { hash: 'none', partitions: ['default', 'p2'], archiveAfter: '1d', archivePartitions: ['default'] },
  },
];

/** Partitions keep their names, so that a move on the source is a move on the target. */
for (const { spool, setup } of CASES) {
  describe(`${spool}, edited between passes`, () => {
    let lab: Lab;
    let job: TortureJob;
    let fresh = 0;

    beforeAll(async () => {
      lab = await Lab.open(spool, setup);
      job = await lab.job('job');
      await job.presync();
    });
    afterAll(() => lab.close());

    const rename = (entry: MailboxEntry, to: { name?: string; partition?: string }) => renameMailbox(lab, entry, to);
    /** Mailboxes of a user with at least so many messages, inboxes apart. */
    const folders = (atLeast: number) =>
      lab
        .live()
        .filter((m) => /^user\.[^.]+\../.test(m.name) && m.kind !== 'f' && count(m) >= atLeast)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    const count = (m: MailboxEntry) => {
      try {
        return readIndex(readFileSync(lab.indexFile(m)), m.name).count;
      } catch {
        return 0;
      }
    };

    async function freshTree(): Promise<Map<string, string>> {
      const other = await lab.job(`fresh${fresh++}`);
      // The same ids where this job had to make some, so that both can be compared.
      other.adoptAssigned(job);
      await other.presync();
      return targetTree(other.target, { links: false });
    }
    const sameAsFresh = async () =>
      expect(differences(await freshTree(), targetTree(job.target, { links: false }))).toEqual([]);

    it('renamed: moved, not copied', async () => {
      const entry = folders(2)[0]!;
      rename(entry, { name: `${entry.name}-Renamed` });
      const pass = await job.presync();
      expect(pass.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });
      expect(pass.mailboxes).toMatchObject({ created: 0, removed: 0, failed: 0 });
      if (!lab.isByUniqueid) expect(pass.mailboxes.moved).toBe(1);
      await sameAsFresh();
    });

    it('two swap their names', async () => {
      const [a, ...others] = folders(2).slice(1);
      const b = others.find((m) => m.partition === a!.partition);
      if (!a || !b) throw new Error('no two mailboxes on one partition');
      const aside = { ...a, name: asInternalName(`${a.name}-Aside`) };
      rename(a, { name: aside.name });
      rename(b, { name: a.name, partition: a.partition! });
      rename(aside, { name: b.name, partition: b.partition! });
      const pass = await job.presync();
      expect(pass.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });
      expect(pass.mailboxes).toMatchObject({ created: 0, removed: 0, failed: 0 });
      await sameAsFresh();
    });

    it('moved to another partition', async () => {
      const entry = folders(1).find((m) => !lab.hasArchived(m))!;
      rename(entry, { partition: entry.partition === 'default' ? 'p2' : 'default' });
      const pass = await job.presync();
      expect(pass.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });
      expect(pass.mailboxes).toMatchObject({ created: 0, moved: 1, removed: 0, failed: 0 });
      await sameAsFresh();
    });

    it('deleted into DELETED', async () => {
      const entry = folders(2)[3]!;
      rename(entry, { name: `DELETED.${entry.name}.6B047DA5` });
      const pass = await job.presync();
      expect(pass.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });
      expect(pass.mailboxes).toMatchObject({ created: 0, removed: 0, failed: 0 });
      await sameAsFresh();
    });

    it('deleted for good', async () => {
      const entry = folders(2)[4]!;
      const messages = lab.messageFiles(entry).length; // with those of cyrus.expunge
      eraseMailbox(lab, entry);
      const pass = await job.presync();
      expect(pass.messages.copied).toBe(0);
      expect(pass.messages.removed).toBeGreaterThan(0);
      expect(pass.messages.removed).toBeLessThanOrEqual(messages);
      expect(pass.mailboxes).toMatchObject({ created: 0, moved: 0, removed: 1, failed: 0 });
      await sameAsFresh();
    });

    it('a message expunged and its file unlinked', async () => {
      const entry = folders(3).find((m) => m.partition !== undefined && lab.messageFiles(m).length >= 3)!;
      const uid = expungeOne(lab, entry);
      const pass = await job.presync();
      expect(pass.messages).toMatchObject({ copied: 0, linked: 0, removed: 1 });
      expect(pass.mailboxes).toMatchObject({ created: 0, moved: 0, removed: 0, failed: 0 });
      expect([...targetTree(job.target).keys()].some((path) => path.includes(`${entry.uniqueid}/${uid}.`))).toBe(false);
      await sameAsFresh();
    });

    it('killed while it moves many, renamed again, then at rest: as a fresh job has it', {
      timeout: 300_000,
    }, async () => {
      const random = randoms(11);
      for (let round = 0; round < 2; round++) {
        for (const entry of folders(1).slice(round, round + 12))
          rename(entry, { name: `${entry.name.replace(/-R\d+$/, '')}-R${round}` });
        for (let kills = 0; kills < 2; kills++) await job.run('presync', [], { killAfterMs: 100 + 500 * random() });
        // Back, or on to a third name, with the first move perhaps half done.
        for (const entry of folders(1).slice(round + 3, round + 9)) {
          rename(entry, {
            name: round % 2 === 0 ? entry.name.replace(/-R\d+$/, '') : `${entry.name}x`,
            partition: entry.partition!,
          });
        }
        await job.presync();
        await sameAsFresh();
      }
    });
  });
}
