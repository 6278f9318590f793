import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDatabase } from '../../src/cyrus/db/database.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import { isLive, readMailboxEntries } from '../../src/cyrus/records/mailboxes-db.js';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import { randoms } from '../support/randoms.js';
import type { SpoolName } from '../support/spool.js';
import { differences, Lab, type TortureJob, targetTree } from './lab.js';

interface Case {
  readonly spool: SpoolName;
  readonly setup: Omit<CyrusSetup, 'dir'>;
  readonly first: readonly string[];
  readonly second: readonly string[];
  /** Internal name of a mailbox of the first wave, and one of the second. */
  readonly early: string;
  readonly late: string;
  /** Paths on the target that are the first wave's alone. */
  readonly own: RegExp;
}

const CASES: readonly Case[] = [
  {
    spool: '2.3-skiplist-uhs',
    setup: { hash: 'full', partitions: ['n1', 'n2'] },
    first: ['alice', 'carol.smith'],
    second: ['b*', 'd*', 'shared:news'],
    early: 'user.alice.Sent',
    late: 'user.bob.Moved In',
    own: /\/(alice|carol[.^]smith)(\/|\.|$)/,
  },
  {
    spool: '3.6-virtdomains',
    setup: { hash: 'basic', partitions: ['n1', 'n2'], options: { virtdomains: 'userid' } },
    first: ['anna@one.example', '@two.example'],
    second: ['*', '*@*', 'shared:*', '@one.example'],
    early: 'two.example!user.ben.Sent',
    late: 'one.example!user.carol^smith.Moved In',
    own: /\/(anna|ben|dora)(\/|\.|$)/,
  },
];

for (const { spool, setup, first, second, early, late, own } of CASES) {
  describe(`${spool}, in waves`, () => {
    let lab: Lab;
    let job: TortureJob;
    const random = randoms(4711);

    const choose = (only: readonly string[]) => {
      const text = readFileSync(job.file, 'utf8').replace(/^only = .*\n/m, '');
      writeFileSync(
        job.file,
        text.replace(/^\[select\].*\n/m, (line) => `${line}only = ${JSON.stringify(only)}\n`),
      );
    };
    /** What is final, apart from the databases that all share. */
    const firstWave = () => new Map([...targetTree(job.target)].filter(([path]) => own.test(path)));
    const namesOnTarget = () => {
      const file = join(job.target, 'conf/mailboxes.db');
      const conf = { ...lab.conf, version: '3.6' } as const;
      const { mailboxes, problems } = readMailboxEntries(readDatabase(readFileSync(file), file).entries, conf, file);
      expect(problems).toEqual([]);
      return mailboxes.filter(isLive).map(({ name }) => name as string);
    };
    /** Kills at random instants, then lets it end: as it would have ended at once. */
    const killed = async (ms: number, times: number): Promise<number> => {
      let kills = 0;
      for (let n = 0; n < times; n++) {
        const run = await job.run('cutover', [], { killAfterMs: Math.round(ms * (0.3 + 0.6 * random())) });
        if (run.code !== null) return kills;
        kills++;
      }
      await job.endCutover();
      return kills;
    };

    beforeAll(async () => {
      lab = await Lab.open(spool, setup);
      job = await lab.job('job');
      choose(first);
      await job.must([0, 3], 'survey'); // gives uniqueids where they are missing
      await job.presync();
      job.save('copied');
    });
    afterAll(() => lab.close());

    it('the first ends the same whenever its cutover is killed', async () => {
      const straight = await job.run('cutover');
      expect(straight.document).toMatchObject({ final: true }); // says what was wrong, where it is not
      const tree = targetTree(job.target);
      expect([...tree.keys()].filter((path) => path.endsWith('.before-cyrsync'))).toEqual([]);
      for (let n = 0; n < 3; n++) {
        job.restore('copied');
        await killed(straight.seconds * 1000, n % 2 === 0 ? 1 : 3);
        expect(differences(tree, targetTree(job.target))).toEqual([]);
      }
      job.save('first');
    });

    it('who is final is never touched again, whatever becomes of him on the old server', async () => {
      const before = firstWave();
      expect(before.size).toBeGreaterThan(20);
      expect((await job.must(4, 'presync')).problems[0]!.code).toBe('final');
      choose([...first, ...second]);
      const list = lab.mailboxes();
      try {
        // Deleted there: his mail on the new server is the live one.
        const unit = early.slice(0, early.lastIndexOf('.'));
        lab.writeMailboxes(list.filter(({ name }) => !name.startsWith(unit)));
        const pass = await job.presync();
        expect(pass.mailboxes).toMatchObject({ removed: 0 });
        expect(pass.mailboxes.created).toBeGreaterThan(5);
        expect(differences(before, firstWave())).toEqual([]);
        // Renamed to another user: the same mailbox, and yet not to be moved.
        const renamed = list.map((entry) => (entry.name === early ? { ...entry, name: asInternalName(late) } : entry));
        if (lab.isByUniqueid) {
          lab.writeMailboxes(renamed);
          expect((await job.must(4, 'presync')).problems[0]!.code).toBe('final-mailbox-renamed');
        }
      } finally {
        lab.writeMailboxes(list);
      }
      await job.presync('--full');
      expect(differences(before, firstWave())).toEqual([]);
    });

    it('the second ends the same whenever its cutover is killed, and keeps the first', async () => {
      const before = firstWave();
      const names = namesOnTarget();
      job.save('second copied');
      const straight = await job.run('cutover');
      expect(straight.document).toMatchObject({ final: true }); // says what was wrong, where it is not
      expect((straight.document!.checks as unknown as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
      const tree = targetTree(job.target);
      expect(namesOnTarget()).toEqual(expect.arrayContaining(names));
      expect(namesOnTarget().length).toBeGreaterThan(names.length + 5);
      for (let n = 0; n < 3; n++) {
        job.restore('second copied');
        await killed(straight.seconds * 1000, n % 2 === 0 ? 1 : 3);
        expect(differences(tree, targetTree(job.target))).toEqual([]);
        expect(differences(before, firstWave())).toEqual([]);
      }
    });

    it('the last is taken back alone', async () => {
      const before = firstWave();
      expect((await job.must([0, 3], 'reopen', '--discard')).reopened).toBe(true);
      const { waves } = (await job.must(0, 'status')) as unknown as { waves: readonly unknown[] };
      expect(waves).toHaveLength(1);
      expect((await job.must([0, 3], 'cutover')).final).toBe(true);
      expect(differences(before, firstWave())).toEqual([]);
    });
  });
}

describe('a wave into a target that has a mailbox of that name', () => {
  it('is refused by name, and again when it is another job that brought it', async () => {
    const lab = await Lab.open('3.0-uhs-plain', { hash: 'full', partitions: ['n1'] });
    try {
      const one = await lab.job('one');
      await one.presync();
      expect((await one.must([0, 3], 'cutover')).final).toBe(true);
      const other = await lab.job('other');
      const text = readFileSync(other.file, 'utf8').replaceAll(other.target, one.target);
      writeFileSync(
        other.file,
        text.replace(/^\[select\].*\n/m, (line) => `${line}only = ["alice", "bob"]\n`),
      );
      const before = targetTree(one.target);
      for (const command of ['presync', 'cutover']) {
        const { problems } = await other.must(4, command);
        expect(problems[0]).toMatchObject({ code: 'target-not-ours' });
        expect(problems[0]!.message).toContain('user.alice');
      }
      expect(differences(before, targetTree(one.target))).toEqual([]);
    } finally {
      lab.close();
    }
  });
});
