/** A list of three parts, looked through by two threads and by one, and for some of its mailboxes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SourceTrees } from '../../src/disk/trees.js';
import { loadJob } from '../../src/job/job.js';
import { State } from '../../src/state/state.js';
import { sweepByList } from '../../src/sync/sweep-list.js';
import { nameOfMailbox, type SpoolWriter } from '../bench/spool.js';
import { generatedJob } from '../support/generated-job.js';
import type { Job } from '../support/job.js';

const SIZE = { mailboxes: 8500, messages: 1, meanBytes: 600 };

let dir: string;
let job: Job;
let spool: SpoolWriter;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-halves-'));
  ({ job, spool } = generatedJob(dir, SIZE));
  await sleep(1500);
  await job.presync();
});
afterAll(() => {
  delete process.env['CYRSYNC_SWEEP_THREAD'];
  rmSync(dir, { recursive: true, force: true });
});

describe.each([
  ['two threads', '1'],
  ['one thread', '1000000'],
])('by %s', (_, from) => {
  it('nothing is found where nothing changed, and all that did', async () => {
    process.env['CYRSYNC_SWEEP_THREAD'] = from;
    expect((await job.presync()).mailboxes).toMatchObject({ total: SIZE.mailboxes, unchanged: SIZE.mailboxes });
    // one of each part, and the last of all
    for (const i of [7, 4096, 8400, 8499]) spool.append(i, Date.now(), 600);
    await sleep(1500);
    const pass = await job.presync();
    expect(pass.mailboxes).toMatchObject({ changed: 4, unchanged: SIZE.mailboxes - 4 });
    expect(pass.messages.copied).toBe(4);
    expect((await job.presync()).mailboxes).toMatchObject({ changed: 0, unchanged: SIZE.mailboxes });
  });
});

describe('of some mailboxes', () => {
  it('those that changed are found, whatever part they are in, and in another list too', async () => {
    const written = [7, 4096, 8400, 8499];
    for (const i of written) spool.append(i, Date.now(), 600);
    const { stateFile, source } = loadJob(job.file);
    const state = new State(stateFile);
    const trees = new SourceTrees(source);
    try {
      const rowOf = (i: number) => state.mailboxes.byName(nameOfMailbox(i))!.id;
      const look = (numbers: readonly number[]) =>
        sweepByList(loadJob(job.file), state, trees, new Set(numbers.map(rowOf)))?.changed.map(({ row }) => row);
      const looks = () => {
        for (const i of written) expect(look([i, i - 1])).toEqual([rowOf(i)]);
        expect(new Set(look([...written, 300, 5000]))).toEqual(new Set(written.map(rowOf)));
        expect(look([300, 5000])).toEqual([]);
        expect(look([])).toEqual([]);
      };
      looks();
      const [first, second, third] = [...state.sweep.parts()].map(([, part]) => part);
      state.sweep.save(state.sweep.head()!, [second!, first!, third!], []);
      looks();
    } finally {
      trees.close();
      state.close();
    }
  });
});
