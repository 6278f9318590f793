/** What happens while a cutover is at work: a server that is started (a process that holds a file open), mail that comes. */
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/base/errors.js';
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
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500); // it has started when the cutover goes on
}

/** @param phase At its end something happens. @returns what came of it, or what was thrown */
async function cutoverWith(file: string, phase: string, happens: () => void) {
  const job = loadJob(file);
  const state = new State(job.stateFile);
  const log = {
    info: (_event: string, fields: Record<string, unknown> = {}) => {
      if (fields.phase === phase) happens();
    },
    warn: () => {},
    debug: () => {},
  };
  try {
    const problems = new ProblemList();
    const context = { log, stop: new StopSignal(), problems, progress: () => {} };
    const options = { dryRun: false, rehearse: false, force: false, acceptRemovals: 0 };
    return await cutover(job, state, options, context).then(
      ({ checks, final }) => ({ checks, final, problems: problems.all }),
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
    expect(await cutoverWith(job, 'leftovers', () => startServer(dir))).toMatchObject({ code: 'new-server-runs' });
    expect(existsSync(join(dir, 'new/conf/mailboxes.db'))).toBe(false);
  });

  it('is seen after they were, and it is not final until the next run', async () => {
    const { dir, job, run } = await lab('3.0-uhs-plain');
    await run('presync');
    const seen = await cutoverWith(job, 'databases', () => startServer(dir));
    expect(seen).not.toBeInstanceOf(RefusedError); // exit 4 would say that nothing was written
    expect(seen).toMatchObject({
      code: 'new-server-runs',
      next: expect.stringContaining('run cutover again'),
    });
    expect(readFileSync(join(dir, 'new/conf/mailboxes.db')).length).toBeGreaterThan(0);
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await sleep(200);
    expect((await run('cutover')).final).toBe(true);
  });
});

describe('a mailbox of the old server that changes while the cutover is at work', () => {
  it.each(['last pass', 'checks'])(
    'after the phase "%s": a failed check, not final until the next run',
    async (phase) => {
      const { job, run, spool } = await lab('3.0-uhs-plain');
      await run('presync');
      const { mailboxes } = (await run('where', ['user.bob'])) as unknown as {
        mailboxes: { from: { data: string } }[];
      };
      const index = `${spool.root}${mailboxes[0]!.from.data}/cyrus.index`;
      const seen = await cutoverWith(job, phase, () => utimesSync(index, new Date(), new Date()));
      expect(seen).toMatchObject({ final: false, problems: [{ code: 'source-moved' }] });
      const { checks } = seen as { checks: { ok: boolean; detail: string }[] };
      expect(checks.filter(({ ok }) => !ok)).toMatchObject([{ detail: expect.stringContaining('user.bob') }]);
      expect((await run('cutover', [], [0])).final).toBe(true);
    },
  );
});
