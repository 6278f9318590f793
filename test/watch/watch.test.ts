import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { userFile } from '../../src/cyrus/layout/config-paths.js';
import { readIndex } from '../../src/cyrus/mailbox/index.js';
import { SystemFlag } from '../../src/cyrus/mailbox/index-layout.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import { startTicks } from '../../src/watch/process-identity.js';
import type { SpoolWriter } from '../bench/spool.js';
import { runCyrsync } from '../support/cyrsync.js';
import { generatedJob } from '../support/generated-job.js';
import type { Job } from '../support/job.js';
import { changeMailboxes, editSeen, eraseMailbox, expungeOne, renameMailbox } from '../torture/edits.js';
import { differences, everything, Lab, type TortureJob, targetTree } from '../torture/lab.js';
import { RunningWatch } from './running-watch.js';

const running: RunningWatch[] = [];
function start(...args: ConstructorParameters<typeof RunningWatch>): RunningWatch {
  const watch = new RunningWatch(...args);
  running.push(watch);
  return watch;
}
afterEach(async () => {
  for (const watch of running.splice(0)) await watch.stop('SIGKILL');
});

describe('beside a bundled spool that is edited', () => {
  let lab: Lab;
  let job: TortureJob;
  let fresh = 0;

  beforeAll(async () => {
    lab = await Lab.open('3.2-uhs-meta', { hash: 'full', partitions: ['default', 'p2'], meta: ['p2'] });
    job = await lab.job('job');
    await job.presync();
  });
  afterAll(() => lab.close());

  /** As a job has it that never watched. */
  async function expectAsFresh(): Promise<void> {
    const other = await lab.job(`fresh${fresh++}`);
    other.adoptAssigned(job);
    await other.presync();
    const tree = (of: TortureJob) => targetTree(of.target, { links: false });
    expect(differences(tree(other), tree(job))).toEqual([]);
  }

  const folders = (atLeast: number) =>
    lab
      .live()
      .filter((m) => /^user\.[^.]+\../.test(m.name) && m.kind !== 'f' && lab.messageFiles(m).length >= atLeast)
      .sort((a, b) => (a.name < b.name ? -1 : 1));

  const edits: readonly [string, () => void][] = [
    ['a message expunged and unlinked', () => void expungeOne(lab, folders(3)[0]!)],
    [
      'a mailbox renamed, to the other partition too',
      () => {
        const entry = folders(2).find((m) => m.partition === 'default')!;
        renameMailbox(lab, entry, { name: `${entry.name}-Elsewhere` });
      },
    ],
    ['a mailbox deleted', () => eraseMailbox(lab, folders(2)[2]!)],
    [
      'a user renamed with all mailboxes',
      () => {
        const [, user] = /^user\.([^.]+)\./.exec(folders(2)[5]!.name)!;
        for (const entry of lab.live().filter(({ name }) => `${name}.`.startsWith(`user.${user}.`)))
          renameMailbox(lab, entry, { name: entry.name.replace(`user.${user}`, `user.${user}new`) });
      },
    ],
    [
      'a directory that is there, filled, before mailboxes.db names it',
      () => {
        const entry = folders(2)[1]!;
        const moved = { ...entry, name: asInternalName(`${entry.name}-Late`) };
        const to = lab.roleDirectories(moved);
        for (const [i, dir] of lab.roleDirectories(entry).entries()) {
          mkdirSync(dirname(to[i]!), { recursive: true });
          if (existsSync(dir)) execFileSync('cp', ['-aT', dir, to[i]!]);
        }
        eraseMailbox(lab, entry);
        changeMailboxes(lab, (list) => [...list, moved]);
      },
    ],
  ];

  it('follows each edit until nothing differs, writes nothing to the source, and ends at a signal', {
    timeout: 300_000,
  }, async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    for (const [what, edit] of edits) {
      await watch.caughtUp().catch((cause) => {
        throw new Error(`before ${what}`, { cause });
      });
      edit();
    }
    await watch.caughtUp();
    const before = everything(lab.spoolDir);
    await sleep(2500);
    expect(differences(before, everything(lab.spoolDir))).toEqual([]);
    const { code, document } = await watch.stop();
    expect(code).toBe(130);
    expect(document).toMatchObject({ schema: 'watch/1', exit: 130, problems: [{ code: 'interrupted' }], dirty: 0 });
    expect(watch.status()).toBeUndefined();
    await expectAsFresh();
    const after = await job.presync();
    expect(after.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });
  });

  it('is killed at any moment and started again, and the target is what a fresh job makes', {
    timeout: 300_000,
  }, async () => {
    for (let n = 0; n < 3; n++) {
      const watch = start(job.file, ['--hints', 'sweep']);
      await watch.until('begun', ({ doing }) => doing === 'following');
      for (const entry of folders(2).slice(n * 5, n * 5 + 5))
        renameMailbox(lab, entry, { name: `${entry.name}-K${n}` });
      expungeOne(lab, folders(3)[1]!);
      await sleep(150 + 400 * n);
      await watch.stop('SIGKILL');
    }
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    expect((await watch.stop()).code).toBe(130);
    await expectAsFresh();
  });

  it('a cutover takes over and makes it final, and then no watch begins', { timeout: 120_000 }, async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    expungeOne(lab, folders(3)[2]!);
    const { code, document } = await job.run('cutover');
    expect([0, 3]).toContain(code);
    expect(document).toMatchObject({ final: true });
    expect(await watch.ended).toMatchObject({ code: 130 });
    const again = start(job.file);
    expect(await again.ended).toMatchObject({ code: 4, document: { problems: [{ code: 'final' }] } });
  });
});

/** UID and system flags of each record. */
function flagsOf(index: string): number[][] {
  const view = readIndex(readFileSync(index), index);
  const { at } = view.layout.record.systemFlags!;
  return Array.from({ length: view.count }, (_, i) => [
    view.uid(i),
    view.bytes.readUInt32BE(view.recordOffset(i) + at),
  ]);
}

describe('beside a spool of 2.3', () => {
  it('follows what its users read, which changes no index', { timeout: 120_000 }, async () => {
    const lab = await Lab.open('2.3-skiplist-uhs', { hash: 'full', partitions: ['default', 'p2'] });
    try {
      const job = await lab.job('job');
      await job.presync();
      await sleep(2300); // else the seen database is racy and looked at again for that alone
      const watch = start(job.file, ['--hints', 'sweep']);
      await watch.caughtUp();
      const before = watch.status()!.copied.mailboxes;
      const seenOf = ({ target }: TortureJob) =>
        [...targetTree(target).keys()]
          .filter((path) => path.endsWith('/cyrus.index'))
          .flatMap((path) => flagsOf(join(target, path)))
          .filter(([, bits]) => (bits! & SystemFlag.seen) !== 0).length;
      const seenBefore = seenOf(job);
      const seen = userFile(lab.conf, { localpart: 'alice' }, 'seen');
      editSeen(lab, lab.source(`${lab.conf.configDirectory}/${seen}`), (uids) => (uids === '' ? '1' : ''));
      await watch.until('made anew', ({ copied }) => copied.mailboxes > before);
      const { passes } = await watch.caughtUp();
      expect(passes).toMatchObject({ whole: 0 });
      await watch.stop();
      const fresh = await lab.job('fresh');
      fresh.adoptAssigned(job);
      await fresh.presync();
      // An index that is made anew bears the time of that; what it says of each message is the same.
      const tree = (of: TortureJob) => targetTree(of.target, { links: false });
      const paths = differences(tree(fresh), tree(job)).map((line) => line.slice(0, line.indexOf(': ')));
      expect(paths.length).toBeGreaterThan(1);
      expect(paths.filter((path) => !path.endsWith('/cyrus.index'))).toEqual([]);
      const flags = (of: TortureJob) => paths.map((path) => flagsOf(join(of.target, path)));
      expect(flags(job)).toEqual(flags(fresh));
      expect(seenOf(job)).toBeLessThan(seenBefore);
    } finally {
      for (const watch of running) await watch.stop('SIGKILL');
      lab.close();
    }
  });
});

const SIZE = { mailboxes: 400, messages: 1, meanBytes: 800 };

describe('beside a spool that gets mail', () => {
  let dir: string;
  let job: Job;
  let spool: SpoolWriter;
  let delivered = 0;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cyrsync-watch-'));
    ({ job, spool } = generatedJob(dir, SIZE));
    await job.presync();
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const deliver = (i: number) => spool.append(i, 1_000_000 + delivered++, 800);

  it('copies each delivery in a pass over that mailbox, and says so in status', async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    deliver(5);
    deliver(6);
    await watch.until('copied', ({ copied }) => copied.messages === 2);
    const status = await job.run('status');
    expect(status.watch).toMatchObject({
      running: true,
      pid: watch.process.pid,
      mailboxes: SIZE.mailboxes,
      held: null,
    });
    const { passes } = status as unknown as { passes: { kind: string; complete: boolean }[] };
    expect(passes.filter(({ kind }) => kind === 'watch')).toMatchObject([{ complete: true }]);
    const refused = await job.run('survey', [], { exit: [75] });
    expect(refused.problems).toMatchObject([{ code: 'job-busy' }]);
  });

  it('a burst over all mailboxes is one whole pass, and nothing of it is missed', async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    for (let i = 0; i < SIZE.mailboxes; i++) deliver(i);
    await watch.caughtUp();
    await watch.stop();
    const { mailboxes, messages } = await job.presync('--full');
    expect({ ...mailboxes, ...messages }).toMatchObject({ changed: 0, created: 0, copied: 0 });
  });

  it('a partition that goes away stops nothing and empties nothing, and all is well when it is back', {
    timeout: 90_000,
  }, async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    const spoolDir = join(dir, 'old/spool/default');
    const count = () => readdirSync(join(dir, 'new/spool'), { recursive: true }).length;
    const before = count();
    renameSync(spoolDir, `${spoolDir}.away`);
    const { held } = await watch.until('held', (status) => status.held !== null);
    expect(held).toMatch(/would lose mail|partition/);
    expect((await job.run('status')).watch).toMatchObject({ running: true, held });
    expect(count()).toBe(before);
    renameSync(`${spoolDir}.away`, spoolDir);
    deliver(17);
    await watch.until('on', (status) => status.held === null && status.copied.messages >= 1);
    expect(watch.stderr).toContain('passes are done again');
    await watch.caughtUp();
    expect(count()).toBe(before + 1);
  });

  it('presync takes over, and the watch ends as if told by its administrator', async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    const run = await runCyrsync(['presync', '--full', '--job', job.file]);
    expect(run.stderr).toContain(`waiting for cyrsync watch to stop pid=${watch.process.pid}`);
    expect(await watch.ended).toMatchObject({ code: 130 });
    expect((await job.run('status')).watch).toBeNull();
  });

  it('of one that was killed no signal goes to whoever has its number now', async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.until('begun', ({ doing }) => doing === 'following');
    const file = `${job.file.replace(/\.toml$/, '')}.state.sqlite-watch`;
    const written = JSON.parse(readFileSync(file, 'utf8')) as object;
    await watch.stop('SIGKILL');
    expect((await job.run('status')).watch).toMatchObject({ running: false });
    writeFileSync(file, JSON.stringify({ ...written, pid: process.pid })); // we go on living
    expect(startTicks(process.pid)).toMatch(/^\d+$/);
    expect((await job.run('status')).watch).toMatchObject({ running: false });
    await job.presync();
  });

  it('a job that is busy otherwise is refused as ever', async () => {
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.until('begun', ({ doing }) => doing === 'following');
    const second = start(job.file);
    expect(await second.ended).toMatchObject({ code: 75 });
    expect(watch.status()).toBeDefined();
  });

  it('a job file that is edited holds from then on, one that is spoilt does not', { timeout: 90_000 }, async () => {
    const text = readFileSync(job.file, 'utf8');
    const watch = start(job.file, ['--hints', 'sweep']);
    await watch.caughtUp();
    writeFileSync(job.file, `${text}\n[nonsense]\n`);
    await sleep(10_500);
    await watch.caughtUp();
    expect(watch.stderr).toContain('job file can not be used as it is now');
    writeFileSync(job.file, `${text}\n# looked at\n`);
    await watch.until('compared all', ({ passes }) => passes.whole > 0);
    expect(watch.stderr).toContain('read again');
  });
});
