/** Sources of 2.3, where the owner's read state lies in a database of his: what a pass costs there, and that it is right. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { userFile } from '../../src/cyrus/layout/config-paths.js';
import { READ_STATES } from '../../src/sync/sweep-list.js';
import { sweepOfJob } from '../support/sweep.js';
import { editSeen } from '../torture/edits.js';
import { differences, Lab, type TortureJob, targetTree } from '../torture/lab.js';

let lab: Lab;
let job: TortureJob;
let fresh = 0;

beforeAll(async () => {
  lab = await Lab.open('2.3-skiplist-uhs', { hash: 'full', partitions: ['default', 'p2'] });
  job = await lab.job('job');
  await job.presync();
});
afterAll(() => lab.close());

const sweep = () => sweepOfJob(job.file);

const seenFile = (localpart: string) =>
  lab.source(`${lab.conf.configDirectory}/${userFile(lab.conf, { localpart }, 'seen')}`);

const edit = (path: string, change: (uids: string, i: number) => string) => editSeen(lab, path, change);

async function sameAsFresh(): Promise<void> {
  const other = await lab.job(`fresh${fresh++}`);
  other.adoptAssigned(job);
  await other.presync();
  expect(differences(targetTree(other.target, { links: false }), targetTree(job.target, { links: false }))).toEqual([]);
}

describe('a pass over a source of 2.3', () => {
  it('goes by the list of stats where nothing changed', async () => {
    expect(sweep()).toMatchObject({ changed: [], changedSeen: [] });
    expect((await job.presync()).mailboxes).toMatchObject({ changed: 0, created: 0 });
    await sameAsFresh();
  });

  it('makes the indexes anew whose read state changed, and no other', async () => {
    // all unread: the first mailbox of which something was read
    let first = -1;
    edit(seenFile('alice'), (uids, i) => {
      if (uids === '' || (first >= 0 && i !== first)) return uids;
      first = i;
      return '';
    });
    expect(first).toBeGreaterThanOrEqual(0);
    const swept = sweep()!;
    expect(swept.changed).toEqual([]);
    expect(swept.changedSeen).toHaveLength(1);
    expect(swept.changedSeen[0]!.dependents.length).toBeGreaterThan(1);
    const pass = await job.presync();
    expect(pass.mailboxes).toMatchObject({ total: swept.total, changed: 1, unchanged: swept.total - swept.failed - 1 });
    expect(pass.messages).toMatchObject({ copied: 0, removed: 0 });
    expect(sweep()).toMatchObject({ changed: [], changedSeen: [] });
    await sameAsFresh();
  });

  it('makes none where the database changed and what it says did not', async () => {
    edit(seenFile('alice'), (uids) => uids);
    expect(sweep()!.changedSeen).toHaveLength(1);
    expect(sweepOfJob(job.file, new Set([READ_STATES]))).toMatchObject({ changed: [], changedSeen: [{}] });
    expect(sweepOfJob(job.file, new Set([1]))).toMatchObject({ changed: [], changedSeen: [] });
    expect((await job.presync()).mailboxes).toMatchObject({ changed: 0 });
    expect(sweep()).toMatchObject({ changed: [], changedSeen: [] });
  });

  it('makes one index anew that changed, of its read state too', async () => {
    const entry = lab.live().find(({ name }) => name === 'user.alice')!;
    const index = lab.indexFile(entry);
    writeFileSync(index, readFileSync(index), { flag: 'r+' });
    expect(sweep()).toMatchObject({ changed: [{}], changedSeen: [] });
    expect((await job.presync()).mailboxes).toMatchObject({ changed: 1 });
    await sameAsFresh();
  });

  it.each([60, 160, 300])('killed after %i ms, ends as a fresh job has it', async (ms) => {
    edit(seenFile('alice'), (uids) => (uids === '' ? '1' : ''));
    await job.run('presync', [], { killAfterMs: ms });
    await job.presync();
    await sameAsFresh();
  });

  it('looks at everything where what all share changed, or a database is damaged', async () => {
    edit(seenFile('anyone'), (uids) => uids);
    expect(sweep()).toBeUndefined();
    await job.presync();
    expect(sweep()).toMatchObject({ changed: [], changedSeen: [] });
    appendFileSync(seenFile('alice'), 'torn');
    expect((await job.presync()).problems.map(({ code }) => code)).toContain('seen-damaged');
    expect(sweep()).toBeUndefined();
    edit(seenFile('carol^smith'), (uids) => uids);
    await sameAsFresh();
  });
});
