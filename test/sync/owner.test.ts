/** A first copy that is large enough for workers: they create files as the target's owner. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCyrsync } from '../support/cyrsync.js';
import { generatedJob } from '../support/generated-job.js';

const OWNER = { uid: 2345, gid: 2346 };
/** More than what is done without workers (batches.ts). */
const SIZE = { mailboxes: 60, messages: 25, meanBytes: 600 };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-owner-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

const isRoot = process.geteuid?.() === 0;

describe.runIf(isRoot)("the target's owner has every file and directory of a copy by workers", () => {
  it.each([
    ['by native calls', '1'],
    ['by plain Node', '0'],
  ])('%s', async (_name, setting) => {
    vi.stubEnv('CYRSYNC_NATIVE', setting);
    const { job } = generatedJob(dir, SIZE, '', OWNER);
    const spool = join(dir, 'new/spool');
    execFileSync('chown', ['-R', `${OWNER.uid}:${OWNER.gid}`, spool, join(dir, 'new/conf')]);
    await job.init();
    const { document } = await runCyrsync(['presync', '--job', job.file], { cwd: dir });
    expect(document).toMatchObject({ messages: { copied: SIZE.mailboxes * SIZE.messages }, problems: [] });
    const paths = readdirSync(spool, { recursive: true, encoding: 'utf8' });
    expect(paths.length).toBeGreaterThan(SIZE.mailboxes * SIZE.messages);
    const wrong = paths.filter((path) => {
      const { uid, gid, mode } = statSync(join(spool, path));
      const isOurs = path.includes('/'); // the partition itself was there
      return uid !== OWNER.uid || gid !== OWNER.gid || (isOurs && (mode & 0o077) !== 0);
    });
    expect(wrong).toEqual([]);
  });
});
