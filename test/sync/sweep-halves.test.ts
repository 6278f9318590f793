/** A list of three parts, looked through by two threads and by one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpoolWriter } from '../bench/spool.js';
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
