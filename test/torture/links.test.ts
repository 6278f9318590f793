/** What a plan says of hard links, against what a pass then makes of them on two real file systems. */
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { atOnce } from '../../src/base/slices.js';
import { SourceTrees } from '../../src/disk/trees.js';
import { takeInventory } from '../../src/inventory/inventory.js';
import { loadJob } from '../../src/job/job.js';
import { ProblemList } from '../../src/model/problem.js';
import { savedBy } from '../../src/plan/links.js';
import { lookForLinks } from '../../src/plan/look-for-links.js';
import { State } from '../../src/state/state.js';
import type { SpoolName } from '../support/spool.js';
import { Lab, type TortureJob } from './lab.js';

/** A second file system that is there without mounting one. */
const ELSEWHERE = '/dev/shm';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

async function jobOf(spool: SpoolName): Promise<TortureJob> {
  const lab = await Lab.open(spool, { hash: 'full', partitions: ['n1', 'n2'] });
  cleanups.push(() => lab.close());
  const job = await lab.job('job');
  const dir = mkdtempSync(join(ELSEWHERE, 'cyrsync-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  rmSync(join(job.target, 'spool/n2'), { recursive: true });
  symlinkSync(dir, join(job.target, 'spool/n2'));
  return job;
}

function setPlacement(job: TortureJob, toml: string): void {
  writeFileSync(job.file, readFileSync(job.file, 'utf8').replace(/^policy = "\w+".*$/m, toml));
}

/** Message files below a partition: bytes by names, and by inodes. */
function messagesOf(job: TortureJob, partition: string) {
  const root = `${join(job.target, 'spool', partition)}/.`;
  const inodes = new Map<number, number>();
  let names = 0;
  for (const path of readdirSync(root, { recursive: true, encoding: 'latin1' })) {
    if (!/\/\d+\.$/.test(path)) continue;
    const { ino, size } = lstatSync(Buffer.from(join(root, path), 'latin1'));
    inodes.set(ino, size);
    names += size;
  }
  return { names, saved: names - [...inodes.values()].reduce((a, b) => a + b, 0) };
}

interface Planned {
  readonly links: { readonly savedBytes: number; readonly splitBytes: number; readonly oneIn: number } | null;
  readonly spread: number;
  readonly lowerBound: number;
}

describe.each(['2.2-virt-fullhash', '2.3-skiplist-uhs', '2.4-netnews-meta', '3.2-uhs-meta'] as const)('%s', (spool) => {
  it('takes as much less on the target as the plan says of its hard links', async () => {
    const job = await jobOf(spool);
    setPlacement(job, 'policy = "balance"');
    const { links } = (await job.must([0, 3], 'plan')) as unknown as Planned;
    await job.presync();
    const measured = messagesOf(job, 'n1').saved + messagesOf(job, 'n2').saved;
    expect(links).toMatchObject({ oneIn: 1 });
    // files behind expunged records are links too, and nobody counts their bytes
    expect(links!.savedBytes).toBeLessThanOrEqual(measured);
    expect(links!.savedBytes).toBeGreaterThan(0.6 * measured);
  });

  it('is looked at the same in samples, each smaller one a part of the larger', async () => {
    const job = await jobOf(spool);
    const loaded = loadJob(job.file);
    const state = new State(join(job.dir, 'other.sqlite'));
    const trees = new SourceTrees(loaded.source);
    cleanups.push(
      () => state.close(),
      () => trees.close(),
    );
    const { mailboxes } = takeInventory(loaded, state, trees, new ProblemList());
    const look = (most?: number) => {
      const { groups, oneIn } = atOnce(
        lookForLinks(mailboxes, mailboxes.length, (m) => mailboxes.indexOf(m as never), trees, most),
      );
      const [saved] = savedBy({ groups, oneIn: 1 }, () => 0, [0], 1);
      return { oneIn, groups, saved: saved! };
    };
    const whole = look();
    expect(whole.groups.length).toBeGreaterThan(0);
    let before = whole;
    for (const most of [512, 128, 32]) {
      const part = look(most);
      expect(part.oneIn).toBeGreaterThanOrEqual(before.oneIn);
      expect(part.saved.inodes).toBeLessThanOrEqual(before.saved.inodes);
      expect(part.saved.bytes).toBeLessThanOrEqual(before.saved.bytes);
      before = part;
    }
    expect(before.oneIn).toBeGreaterThan(1);
  });
});
