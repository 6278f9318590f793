/** What the machine refuses: it is said once, with the place and what to do, and the next run goes on. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN } from '../support/cyrsync.js';
import { everything, Lab, targetTree } from './lab.js';

let lab: Lab;
let before: Map<string, string>;
let onP2: string;
beforeAll(async () => {
  lab = await Lab.open('3.6-virtdomains', { partitions: ['default', 'p2'] });
  onP2 = lab.live().find(({ partition }) => partition === 'p2')!.name; // reads mailboxes.db, and so comes first
  before = everything(lab.spoolDir);
});
afterAll(() => {
  expect(everything(lab.spoolDir)).toEqual(before);
  lab.close();
});

describe.runIf(process.geteuid?.() === 0)("a target's disk that can not be written to", () => {
  it.each(['1', '0'])('is one problem a partition, not one a mailbox (CYRSYNC_NATIVE=%s)', async (native) => {
    const job = await lab.job(`read-only-${native}`);
    const data = join(job.target, 'spool/p2');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', data]);
    try {
      execFileSync('mount', ['-o', 'remount,ro', data]);
      const { code, document } = await job.run('presync', [], { env: { CYRSYNC_NATIVE: native } });
      expect(code).toBe(3);
      const { failed, created } = document!.mailboxes;
      expect([failed > 1, created > 1]).toEqual([true, true]); // the other partition is written all the same
      const problems = document!.problems.filter(({ code }) => code !== 'partition-overflows');
      expect(problems).toEqual([expect.objectContaining({ code: 'target-disk', path: data })]);
      expect(problems[0]!.message).toContain(`${data}/`);
      expect(problems[0]!.message).toContain(`${failed} mailboxes`);
      execFileSync('mount', ['-o', 'remount,rw', data]);
      expect((await job.must(0, 'presync')).mailboxes.failed).toBe(0);
      await job.must(0, 'verify');
    } finally {
      execFileSync('umount', [data]);
    }
  });
});

describe('a partition of the target that is not mounted any more', () => {
  it('gets nothing: the state would say that the disk has what lies in its mount point', async () => {
    const job = await lab.job('unmounted');
    await job.presync();
    const path = join(job.target, 'spool/p2');
    renameSync(path, `${path}.away`);
    mkdirSync(path);
    for (const args of [['presync'], ['presync', '--full'], ['cutover']]) {
      const { problems } = await job.must(4, args[0]!, ...args.slice(1));
      expect(problems).toMatchObject([{ code: 'target-lost', message: expect.stringContaining(path) }]);
      expect(readdirSync(path)).toEqual([]);
    }
    // another disk in its place, with something on it
    mkdirSync(join(path, 'user'));
    await job.must(4, 'presync');
    rmSync(path, { recursive: true });
    renameSync(`${path}.away`, path);
    const { mailboxes } = await job.presync();
    expect(mailboxes.unchanged).toBe(mailboxes.total);
    // one that was taken away by hand is made anew
    const where = (await job.must(0, 'where', onP2)) as unknown as { mailboxes: { to: { data: string } }[] };
    rmSync(where.mailboxes[0]!.to.data, { recursive: true });
    expect((await job.must(0, 'presync', '--full')).mailboxes.changed).toBeLessThanOrEqual(1);
    await job.must(0, 'verify');
  });
});

describe('a state file that is no database any more', () => {
  it.each<[string, (file: string) => void]>([
    ['cut off', (file) => truncateSync(file, 20_000)],
    ['another file', (file) => writeFileSync(file, 'hello\n')],
  ])('%s: named, with what to do, by every command', async (how, damage) => {
    const job = await lab.job(`state ${how}`);
    await job.presync();
    copyFileSync(job.stateFile, `${job.stateFile}.sound`);
    damage(job.stateFile);
    for (const command of ['status', 'presync', 'verify']) {
      const { problems } = await job.must(1, command);
      expect(problems).toMatchObject([{ code: 'state-file', advice: expect.stringContaining('backup') }]);
      expect(problems[0]!.message).toContain(job.stateFile);
    }
    copyFileSync(`${job.stateFile}.sound`, job.stateFile);
    expect((await job.must(0, 'presync')).mailboxes.created).toBe(0);
  });
});

describe('a state that is lost', () => {
  it('leaves each mailbox where the target has it, though a new plan would place it elsewhere', async () => {
    const job = await lab.job('lost');
    const text = readFileSync(job.file, 'utf8');
    const placing = (exclude: string) => text.replace(/^# exclude = .*$/m, `exclude = ["${exclude}"]`);
    writeFileSync(job.file, placing('p2'));
    await job.presync();
    const before = targetTree(job.target, { links: false });
    for (const end of ['', '-wal', '-shm']) rmSync(`${job.stateFile}${end}`, { force: true });
    // what a power cut may leave of a pass that the lost state would have called unfinished: right in all but the content
    const messages = [...before.keys()].filter((path) => /\/\d+\.$/.test(path)).map((path) => join(job.target, path));
    const damaged = messages.find((path) => statSync(path).nlink === 1)!;
    const { size, mtime } = statSync(damaged);
    writeFileSync(damaged, Buffer.alloc(size));
    utimesSync(damaged, mtime, mtime);
    writeFileSync(job.file, placing('default'));
    const pass = await job.presync();
    expect(pass.mailboxes.created).toBe(0);
    expect(pass.messages).toMatchObject({ copied: 1, linked: 0, removed: 0 });
    expect(targetTree(job.target, { links: false })).toEqual(before);
    expect((await job.presync()).mailboxes.unchanged).toBe(pass.mailboxes.total);
  });
});

it('a state that several commands open first, at the same time, is made once', async () => {
  const job = await lab.job('together');
  for (let round = 0; round < 5; round++) {
    rmSync(job.stateFile, { force: true });
    await Promise.all([1, 2, 3, 4].map(() => job.must(0, 'status')));
  }
});

describe('a job on which another command works', () => {
  it('is busy: it is said which, and status shows it', async () => {
    const job = await lab.job('busy');
    const child = spawn(process.execPath, [MAIN, 'presync', '--iops', '20', '--job', job.file], { stdio: 'ignore' });
    try {
      for (let tries = 0; (await job.must(0, 'status')).running === null && tries < 50; tries++) await sleep(100);
      expect((await job.must(0, 'status')).running).toEqual({ pid: child.pid, command: 'presync' });
      const { problems } = await job.must(75, 'verify');
      expect(problems[0]!.message).toContain(`presync is process ${child.pid}`);
    } finally {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    }
    expect((await job.must(0, 'status')).running).toBeNull();
  });
});
