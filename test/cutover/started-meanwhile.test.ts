/** A server that is started while the cutover is at work: a process of that name which holds a file of the target's open. */
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { StopSignal } from '../../src/base/stop.js';
import { cutover } from '../../src/cutover/cutover.js';
import { loadJob } from '../../src/job/job.js';
import { ProblemList } from '../../src/model/problem.js';
import { State } from '../../src/state/state.js';
import { startFakeServer } from '../support/fake-server.js';
import { lab } from '../support/rescue-lab.js';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function startServer(dir: string): void {
  const open = join(dir, 'new/conf/open');
  copyFileSync(join(dir, 'new/imapd.conf'), open);
  children.push(startFakeServer(dir, 'imapd', open));
}

async function cutoverWith(dir: string, file: string, phase: string) {
  const job = loadJob(file);
  const state = new State(job.stateFile);
  const log = {
    info: (_event: string, fields: Record<string, unknown> = {}) => {
      if (fields.phase !== phase) return;
      startServer(dir);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500); // it has started when the cutover goes on
    },
    warn: () => {},
    debug: () => {},
  };
  try {
    const context = { log, stop: new StopSignal(), problems: new ProblemList(), progress: () => {} };
    const options = { dryRun: false, rehearse: false, force: false, acceptRemovals: 0 };
    return await cutover(job, state, options, context).then(
      () => 'done',
      (error: unknown) => error,
    );
  } finally {
    expect(state.fact('final')).toBeUndefined();
    state.close();
  }
}

describe('a new server that is started while the cutover is at work', () => {
  it('is seen before its databases are written', async () => {
    const { dir, job, run } = await lab('3.0-uhs-plain');
    await run('presync');
    expect(await cutoverWith(dir, job, 'leftovers')).toMatchObject({ code: 'new-server-runs' });
    expect(existsSync(join(dir, 'new/conf/mailboxes.db'))).toBe(false);
  });

  it('is seen after they were, and it is not final until the next run', async () => {
    const { dir, job, run } = await lab('3.0-uhs-plain');
    await run('presync');
    expect(await cutoverWith(dir, job, 'databases')).toMatchObject({
      code: 'new-server-runs',
      next: expect.stringContaining('run cutover again'),
    });
    expect(readFileSync(join(dir, 'new/conf/mailboxes.db')).length).toBeGreaterThan(0);
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await sleep(200);
    expect((await run('cutover')).final).toBe(true);
  });
});
