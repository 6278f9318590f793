/** Each source of hints alone, with sweeps so seldom that nothing but a hint can tell. */
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nameOfMailbox, type SpoolWriter } from '../bench/spool.js';
import { generatedJob } from '../support/generated-job.js';
import type { Job } from '../support/job.js';
import { RunningWatch } from './running-watch.js';

const SIZE = { mailboxes: 60, messages: 1, meanBytes: 800 };
const SELDOM = ['--sweep-percent', '0.0001', '--sweep-most', '3600'];

let dir: string;
let job: Job;
let spool: SpoolWriter;
let delivered = 0;
let running: RunningWatch | undefined;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-hints-'));
  ({ job, spool } = generatedJob(dir, SIZE, 'sync_log: yes\nsync_log_channels: "" watch\n'));
  await job.presync();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(async () => {
  await running?.stop('SIGKILL');
});

const deliver = (i: number) => spool.append(i, 1_000_000 + delivered++, 800);

/** With the first sweep behind it. */
async function start(sources: string, ...args: string[]): Promise<RunningWatch> {
  await sleep(2300); // nothing is racy, so that the first sweep has no reason to come back to it
  running = new RunningWatch(job.file, ['--hints', sources, ...SELDOM, ...args]);
  await running.until('swept', ({ sweep, dirty }) => sweep.count === 1 && dirty === 0);
  return running;
}

const isRoot = process.getuid!() === 0;

describe.each([
  ['chokidar', true],
  ['fanotify', isRoot],
])('%s', (source, isAllowed) => {
  it.skipIf(!isAllowed)('tells of a delivery and of a new mailboxes.db', async () => {
    const watch = await start(source);
    expect(watch.status()!.hints).toContainEqual(expect.objectContaining({ source, used: true, lost: 0 }));
    deliver(7);
    await watch.until('copied', ({ copied }) => copied.messages === 1, 20_000);
    const db = join(dir, 'old/conf/mailboxes.db');
    // as another server on the same file system would: no hint for us
    mkdirSync(join(dir, 'other'), { recursive: true });
    for (const name of ['mailboxes.db', 'cyrus.index', 'x.seen']) writeFileSync(join(dir, 'other', name), 'x');
    await sleep(600);
    expect(watch.status()!.passes.whole).toBe(0);
    writeFileSync(`${db}.NEW`, readFileSync(db));
    renameSync(`${db}.NEW`, db);
    await watch.until('compared', ({ passes, lagSeconds }) => passes.whole >= 1 && lagSeconds === 0, 30_000);
    deliver(8);
    const { sweep, hints } = await watch.until('copied', ({ copied }) => copied.messages === 2, 20_000);
    const own = hints.find((one) => one.source === source)!;
    expect(own.hints).toBeGreaterThanOrEqual(3);
    expect(own.hints).toBeLessThan(20); // of nobody else's files
    expect(sweep.count).toBe(1 + own.lost); // lost: other tests filled the queue, which is of the whole file system
  });
});

it.skipIf(!isRoot)('a burst that fills the queue of events is said, and a sweep finds what it hid', async () => {
  const watch = await start('fanotify');
  watch.process.kill('SIGSTOP'); // nobody reads the queue
  const burst = join(dir, 'burst');
  mkdirSync(burst);
  for (let i = 0; i < 20_000; i++) writeFileSync(join(burst, String(i)), ''); // fs.fanotify.max_queued_events: 16,384
  deliver(40);
  watch.process.kill('SIGCONT');
  const { hints, sweep } = await watch.until('copied', ({ copied }) => copied.messages === 1, 20_000);
  const { lost } = hints.find(({ source }) => source === 'fanotify')!;
  expect(lost).toBeGreaterThan(0);
  expect(sweep.count).toBe(1 + lost);
  expect(watch.stderr).toContain('hints may have been lost why="the kernel\'s queue was full"');
});

it('chokidar watches the busiest alone, and no other is heard of', async () => {
  deliver(11); // the one that changed last
  const watch = await start('chokidar', '--busiest', '1');
  await watch.until('as told', ({ hints }) =>
    hints.some(({ why }) => why === 'mailboxes.db and the 1 busiest mailboxes'),
  );
  deliver(12);
  deliver(11);
  const { dirty } = await watch.until('copied', ({ copied }) => copied.messages >= 1, 20_000);
  expect(dirty).toBe(0);
  await sleep(2000);
  expect(watch.status()!.copied.messages).toBe(1);
});

it("the old server's log tells, through its rotations too", async () => {
  const log = join(dir, 'old/conf/sync/log');
  const watch = await start('log');
  const say = (i: number) => {
    mkdirSync(join(dir, 'old/conf/sync/watch'), { recursive: true });
    appendFileSync(i % 2 === 0 ? log : join(dir, 'old/conf/sync/watch/log'), `APPEND ${nameOfMailbox(i)}\n`);
  };
  for (const [n, i] of [20, 21, 22, 23].entries()) {
    const before = watch.status()!.copied.messages;
    deliver(i);
    say(i);
    if (n === 2) renameSync(log, `${log}-run`);
    await watch.until(`copied ${i}`, ({ copied }) => copied.messages > before, 20_000);
  }
  expect(watch.status()!.sweep.count).toBe(1);
});

it('a source whose thread dies is started again, and a sweep finds what it missed', async () => {
  const watch = await start('log');
  rmSync(join(dir, 'old/conf/sync'), { recursive: true, force: true });
  mkdirSync(join(dir, 'old/conf/sync/log'), { recursive: true }); // a directory: reading it fails
  deliver(30);
  const { hints } = await watch.until('swept', ({ sweep, copied }) => sweep.count > 1 && copied.messages === 1, 20_000);
  expect(hints.find(({ source }) => source === 'log')!.lost).toBeGreaterThan(0);
  expect(watch.stderr).toContain('a source of hints died; sweeps go on source=log');
  rmSync(join(dir, 'old/conf/sync'), { recursive: true });
  const swept = watch.status()!.sweep.count;
  await watch.until('heard again', ({ sweep }) => sweep.count > swept, 30_000);
});

it('of what is not asked for it says so, and that some can not be', async () => {
  const watch = await start('sweep');
  expect(watch.status()!.hints.map(({ source, used, why }) => [source, used, why])).toEqual([
    ['sweep', true, 'a stat of each file that tells of a change'],
    ['chokidar', false, 'not asked for'],
    ['log', false, 'not asked for'],
    ['fanotify', false, 'not asked for'],
  ]);
  await watch.stop();
  const auto = await start('auto');
  const by = Object.fromEntries(auto.status()!.hints.map((one) => [one.source, one]));
  expect(by['log']).toMatchObject({ used: true, why: `${dir}/old/conf/sync/log, ${dir}/old/conf/sync/watch/log` });
  expect(by['fanotify']).toMatchObject({ used: false, why: 'the log says it for less' });
  expect(by['chokidar']).toMatchObject({ used: true, why: 'mailboxes.db' });
});
