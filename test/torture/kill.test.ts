import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import { randoms } from '../support/randoms.js';
import type { SpoolName } from '../support/spool.js';
import { differences, everything, Lab, type TortureJob, targetTree } from './lab.js';

const CASES: readonly { spool: SpoolName; setup: Omit<CyrusSetup, 'dir'>; presyncs: number; cutovers: number }[] = [
  { spool: '2.3-skiplist-uhs', setup: { hash: 'full', partitions: ['n1', 'n2'] }, presyncs: 6, cutovers: 2 },
  { spool: '3.2-uhs-meta', setup: { hash: 'full', partitions: ['n1', 'n2'], meta: ['n2'] }, presyncs: 6, cutovers: 2 },
  {
    spool: '3.6-uuid-archive',
    setup: { hash: 'none', partitions: ['n1', 'n2'], archiveAfter: '1d' },
    presyncs: 7,
    cutovers: 4,
  },
];

for (const { spool, setup, presyncs, cutovers } of CASES) {
  describe(`${spool}, killed`, () => {
    let lab: Lab;
    let job: TortureJob;
    let before: Map<string, string>;
    let copied: { tree: Map<string, string>; ms: number };
    let final: { tree: Map<string, string>; ms: number };
    const random = randoms(spool.length * 7919);

    beforeAll(async () => {
      lab = await Lab.open(spool, setup);
      before = everything(lab.spoolDir);
      job = await lab.job('job');
      await job.must([0, 3], 'survey'); // gives uniqueids where they are missing: the same for all runs from here on
      job.save('surveyed');
      const pass = await job.run('presync');
      expect([0, 3]).toContain(pass.code);
      copied = { tree: targetTree(job.target), ms: pass.seconds * 1000 };
      job.save('copied');
      const cutover = await job.run('cutover');
      expect(cutover.document).toMatchObject({ final: true });
      final = { tree: targetTree(job.target), ms: cutover.seconds * 1000 };
    });
    afterAll(() => {
      expect(differences(before, everything(lab.spoolDir))).toEqual([]);
      lab.close();
    });

    /** Kills `command` once or twice at random instants, then lets it end. */
    async function torture(command: string, ms: number, env: Readonly<Record<string, string>> = {}): Promise<number> {
      let killed = 0;
      for (let kills = random() < 0.4 ? 2 : 1; kills > 0; kills--) {
        const run = await job.run(command, [], { killAfterMs: Math.round(ms * (0.15 + 0.6 * random())), env });
        if (run.code === null) killed++;
        else if (command === 'cutover') return killed; // final already
      }
      if (command === 'cutover') {
        await job.endCutover(env);
        return killed;
      }
      const run = await job.run(command, [], { env });
      if (run.code !== 0 && run.code !== 3) throw new Error(`exit ${run.code} ${JSON.stringify(run.document)}`);
      return killed;
    }

    it(`presync at ${presyncs} instants, the last without native calls`, { timeout: 400_000 }, async () => {
      let killed = 0;
      for (let n = 0; n < presyncs; n++) {
        job.restore('surveyed');
        const isLast = n === presyncs - 1;
        killed += await torture('presync', copied.ms, isLast ? { CYRSYNC_NATIVE: '0' } : {});
        expect(differences(copied.tree, targetTree(job.target))).toEqual([]);
      }
      expect(killed).toBeGreaterThan(0); // else nothing was tested
    });

    it(`cutover at ${cutovers} instants after a presync, and at ${cutovers} without`, {
      timeout: 400_000,
    }, async () => {
      let killed = 0;
      for (let n = 0; n < cutovers; n++) {
        for (const [from, ms] of [
          ['copied', final.ms],
          ['surveyed', copied.ms + final.ms],
        ] as const) {
          job.restore(from);
          killed += await torture('cutover', ms, n === 0 ? { CYRSYNC_NATIVE: '0' } : {});
          expect(differences(final.tree, targetTree(job.target))).toEqual([]);
        }
      }
      expect(killed).toBeGreaterThan(0);
    });
  });
}
