import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCsv } from '../../src/report/csv.js';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import { randoms } from '../support/randoms.js';
import type { SpoolName } from '../support/spool.js';
import { differences, Lab, type TortureJob, targetTree } from './lab.js';

/** A second file system that is there without mounting one. */
const ELSEWHERE = '/dev/shm';

const CASES: readonly { spool: SpoolName; setup: Omit<CyrusSetup, 'dir'> }[] = [
  { spool: '3.2-uhs-meta', setup: { hash: 'full', partitions: ['n1', 'n2'], meta: ['n1'] } },
  {
    spool: '3.6-uuid-archive',
    setup: { hash: 'none', partitions: ['n1', 'n2'], archiveAfter: '1d', archivePartitions: ['n2'] },
  },
];

function stagedMailboxes(stateFile: string): number {
  const db = new Database(stateFile, { readonly: true });
  const { count } = db.prepare('SELECT count(*) AS count FROM mailboxes WHERE staged > 0').get() as { count: number };
  db.close();
  return count;
}

for (const { spool, setup } of CASES) {
  describe(`${spool}, spread anew over two file systems`, () => {
    let lab: Lab;
    let job: TortureJob;
    const elsewhere: string[] = [];

    /** A job whose n2 lies on the other file system; what tells the trees of two jobs apart is their paths alone. */
    async function jobOf(name: string): Promise<TortureJob> {
      const made = await lab.job(name);
      const dir = mkdtempSync(join(ELSEWHERE, 'cyrsync-'));
      elsewhere.push(dir);
      const n2 = join(made.target, 'spool/n2');
      rmSync(n2, { recursive: true });
      symlinkSync(dir, n2);
      expect(statSync(n2).dev).not.toBe(statSync(made.target).dev);
      return made;
    }
    const option = (toml: string) => {
      const text = readFileSync(job.file, 'utf8');
      writeFileSync(job.file, text.replace(/^policy = "\w+".*(\nexclude.*)?$/m, `policy = "balance"\n${toml}`));
    };
    /** Both file systems, as one tree. */
    const tree = (of: TortureJob, links: boolean): Map<string, string> => {
      const found = targetTree(of.target, { links });
      const n2 = join(of.target, 'spool/n2');
      expect(lstatSync(n2).isSymbolicLink()).toBe(true);
      found.delete('spool/n2');
      for (const [path, facts] of targetTree(`${n2}/.`, { links })) found.set(`spool/n2/${path}`, facts);
      return found;
    };
    async function sameAsFresh(name: string, links: boolean): Promise<void> {
      const fresh = await jobOf(name);
      writeFileSync(fresh.file, readFileSync(job.file, 'utf8').replaceAll(job.dir, fresh.dir));
      fresh.adoptAssigned(job);
      await fresh.presync();
      expect(differences(tree(fresh, links), tree(job, links))).toEqual([]);
    }
    const plan = (...args: string[]) =>
      job.must([0, 3], 'plan', ...args) as Promise<unknown> as Promise<{ moves: number }>;
    const messagesOn = (partition: string) =>
      readdirSync(`${join(job.target, 'spool', partition)}/.`, { recursive: true, encoding: 'latin1' }).filter((path) =>
        /\/\d+\.$/.test(path),
      ).length;

    beforeAll(async () => {
      lab = await Lab.open(spool, setup);
      job = await jobOf('job');
      option('exclude = ["n2"]');
      await job.presync();
      expect(messagesOn('n2')).toBe(0);
    });
    afterAll(() => {
      lab.close();
      for (const dir of elsewhere) rmSync(dir, { recursive: true, force: true });
    });

    it('goes there by copies on the target, links as links, nothing from the source', async () => {
      option('');
      expect((await plan()).moves).toBe(0);
      const { moves } = await plan('--rebalance', '1.01');
      expect(moves).toBeGreaterThan(10);
      const pass = await job.presync();
      expect(pass.mailboxes).toMatchObject({ created: 0, moved: moves, removed: 0, failed: 0 });
      expect(pass.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });
      expect(messagesOn('n2')).toBeGreaterThan(20);
      await sameAsFresh('fresh', true);
    });

    it('killed again and again on the way back, and thought better of, ends as a fresh job does', {
      timeout: 300_000,
    }, async () => {
      const random = randoms(7);
      let halfway = 0;
      for (let round = 0; round < 4; round++) {
        const csv = join(job.dir, `all${round}.csv`);
        await plan('--csv', csv);
        const rows = readCsv(readFileSync(csv, 'utf8'), csv, ['name', 'partition']);
        // all to the other side each time, but once to both
        const to = (partition: string, i: number) =>
          round === 2 ? ['n1', 'n2'][i % 2]! : partition === 'n1' ? 'n2' : 'n1';
        const edited = rows.map(({ cells }, i) => `${cells.name},${to(cells.partition!, i)}`);
        writeFileSync(csv, `name,partition\n${edited.join('\n')}\n`);
        await plan('--from-csv', csv);
        for (let kills = 0; kills < 3; kills++) {
          // at once when the first is on its way, or some time later
          let until = Number.POSITIVE_INFINITY;
          const killWhen = () => {
            if (until === Number.POSITIVE_INFINITY && stagedMailboxes(job.stateFile) > 0)
              until = performance.now() + 120 * random();
            return performance.now() >= until;
          };
          await job.run('presync', [], { killWhen });
          if (stagedMailboxes(job.stateFile) > 0) halfway++;
        }
      }
      expect(halfway, 'runs killed with a mailbox on its way').toBeGreaterThan(0);
      await job.presync();
      expect((await plan()).moves).toBe(0);
      await sameAsFresh('fresh2', false);
      const idle = await job.presync();
      expect(idle.mailboxes).toMatchObject({ moved: 0, changed: 0, created: 0, failed: 0 });
    });
  });
}
