import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CyrsyncDocument, MAIN } from '../support/cyrsync.js';
import { everything, Lab, type TortureJob, targetTree } from './lab.js';

const SLOW_DISK = fileURLToPath(new URL('./slow-disk.cjs', import.meta.url));
/** Of one mailbox three: the inventory of this spool takes several seconds then. */
const STAT_MS = 50;
/** Of 16 mailboxes, which are looked at between two places to stop, and the start of the end. */
const LIMIT_MS = 16 * 3 * STAT_MS + 600;

describe('a signal while the source is looked at', () => {
  let lab: Lab;
  let job: TortureJob;
  let before: Map<string, string>;
  let mailboxes: number;

  beforeAll(async () => {
    lab = await Lab.open('3.0-uhs-plain', { hash: 'full', partitions: ['n1'] });
    mailboxes = lab.live().length;
    before = everything(lab.spoolDir);
    job = await lab.job('job');
  });
  afterAll(() => {
    expect(everything(lab.spoolDir)).toEqual(before);
    lab.close();
  });

  /** Runs `command` on a slow disk and sends the signal once its first mailbox is looked at. */
  async function interrupted(command: string, signal: 'SIGINT' | 'SIGTERM') {
    const child = spawn(process.execPath, [MAIN, command, '--job', job.file, '--json'], {
      env: {
        ...process.env,
        CYRSYNC_NATIVE: '0',
        NODE_OPTIONS: `--require ${SLOW_DISK}`,
        TORTURE_STAT_MS: String(STAT_MS),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    while (!String(await once(child.stderr, 'data')).includes('slow'));
    const sent = performance.now();
    child.kill(signal);
    const [code] = await once(child, 'close');
    return { code, document: JSON.parse(out) as CyrsyncDocument, seconds: (performance.now() - sent) / 1000 };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends a presync at once, before anything is copied', async (signal) => {
    expect(mailboxes * 3 * STAT_MS).toBeGreaterThan(LIMIT_MS + 1000); // else nothing is tested
    const { code, document, seconds } = await interrupted('presync', signal);
    expect([code, document.exit]).toEqual([130, 130]);
    expect(document.problems.map((p) => p.code)).toEqual(['interrupted']);
    expect(seconds * 1000).toBeLessThan(LIMIT_MS);
    expect([...targetTree(job.target).keys()].filter((path) => path.includes('cyrus.'))).toEqual([]);
  });

  it('the next presync does it all', async () => {
    expect(await job.presync()).toMatchObject({ complete: true, mailboxes: { created: mailboxes } });
  });

  it('SIGTERM ends a presync that only looks for what changed as soon', async () => {
    // Younger ones are looked at in another way, and times of this spool are those of its unpacking.
    await sleep(2500);
    await job.presync();
    const { code, document, seconds } = await interrupted('presync', 'SIGTERM');
    expect([code, document.problems.map((p) => p.code)]).toEqual([130, ['interrupted']]);
    expect(seconds * 1000).toBeLessThan(LIMIT_MS);
    expect(await job.presync()).toMatchObject({ complete: true, mailboxes: { unchanged: mailboxes } });
  });
});

describe('a signal while a slowed pass copies', () => {
  // Two workers, one mailbox each: the others of this spool are not begun.
  it('ends it after the mailboxes that are being copied; the next goes on', async () => {
    const lab = await Lab.open('3.0-uhs-plain', { hash: 'full', partitions: ['n1'] });
    try {
      const job = await lab.job('job');
      await sleep(2500); // what is younger is copied once more, for another change could hide behind its times
      const args = [MAIN, 'presync', '--job', job.file, '--json', '--iops', '40', '--workers', '2'];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      let out = '';
      child.stdout.on('data', (chunk) => (out += chunk));
      const copied = () => [...targetTree(job.target).keys()].filter((path) => /\/\d+\.$/.test(path)).length;
      while (copied() < 40) await sleep(20);
      child.kill('SIGTERM');
      const [code] = await once(child, 'close');
      const { problems } = JSON.parse(out) as CyrsyncDocument;
      expect([code, problems.map((p) => p.code)]).toEqual([130, ['interrupted']]);
      expect(copied()).toBeLessThan(200); // 790 where each worker had 24 mailboxes to end
      const { complete, mailboxes } = await job.presync();
      expect(complete).toBe(true);
      expect(mailboxes.unchanged).toBeGreaterThan(0);
      expect(mailboxes.unchanged + mailboxes.created).toBe(lab.live().length);
    } finally {
      lab.close();
    }
  });
});
