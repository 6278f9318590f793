import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { hintsOfLogLine } from '../../src/watch/sync-log-line.js';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import { Job, type PassFigures } from '../support/job.js';
import { liveTest } from '../support/live-test.js';
import { MailTraffic } from '../support/mail-traffic.js';
import { message } from '../support/messages.js';
import { BUSY, populate } from '../support/populate.js';
import { requireSame, rulesFor } from '../support/state-diff.js';
import { UPGRADE_DIFFERENCES } from '../support/upgrade-differences.js';
import { RunningWatch } from '../watch/running-watch.js';

/** How long users are at work beside the watch; minutes and more by hand. */
const SECONDS = Number(process.env.CYRSYNC_WATCH_SECONDS ?? 25);
const OPTIONS = { annotation_allow_undefined: 'yes' };

const CASES: readonly {
  story: string;
  old: Omit<CyrusSetup, 'dir'>;
  new: Omit<CyrusSetup, 'dir'>;
  hints: string;
  uses: string;
}[] = [
  {
    story: 'by its log of changes',
    old: { hash: 'full', partitions: ['default', 'p2'], options: { sync_log: 'yes', sync_log_channels: '"" watch' } },
    new: { hash: 'basic', partitions: ['n1', 'n2'] },
    hints: 'auto',
    uses: 'log',
  },
  {
    story: 'by sweeps, chokidar, and fanotify where there is one',
    old: { hash: 'none', partitions: ['default', 'p2'], meta: ['p2'], metaFiles: 'header index cache expunge' },
    new: { hash: 'full', partitions: ['n1'], meta: true },
    hints: 'sweep,chokidar,fanotify',
    uses: 'chokidar',
  },
];

for (const { story, old, new: target, hints, uses } of CASES) {
  liveTest(`a live server is followed ${story}, and the cutover has little left to do`, async (live) => {
    const oldServer = live.server('old', { ...old, options: { ...OPTIONS, ...old.options } });
    await populate(oldServer);
    const newServer = live.server('new', { ...target, options: OPTIONS });
    const job = live.job(oldServer, newServer);
    const nightly = nightlyJob(
      live.dir,
      oldServer.confFile,
      live.server('other', { ...target, options: OPTIONS }).confFile,
    );
    const traffic = new MailTraffic(oldServer, BUSY);
    await nightly.presync();
    await job.init();

    const watch = new RunningWatch(job.file, ['--hints', hints, '--quiet-time', '1', '--at-most-every', '2']);
    try {
      await watch.until('following', ({ doing }) => doing === 'following');
      await traffic.during(() => sleep(SECONDS * 1000));
      const busy = watch.status()!;
      expect(busy.copied.messages).toBeGreaterThan(0);
      expect(busy.lagSeconds).toBeLessThan(60);
      expect(busy.hints.find(({ source }) => source === uses)).toMatchObject({ used: true, lost: 0 });
      expect(busy.hints.find(({ source }) => source === uses)!.hints).toBeGreaterThan(0);
      await oldServer.as('cyrus', async (c) => {
        await c.rename('user/oldname', 'user/newname');
        await c.create('user/erin');
      });
      await oldServer.deliver(['erin', 'newname'], message(78));
      (await oldServer.sieve('erin')).close(); // her #sieve, which would else come with the recording
      await traffic.untilAll();
      await watch.caughtUp();
      await traffic.during(() => sleep(1000)); // for the last pass

      const users = [...BUSY, 'newname', 'erin'];
      const before = await oldServer.imapState(users, { sieve: true });
      await oldServer.stop();
      const cutover = await job.cutover();
      expect(await watch.ended).toMatchObject({ code: 130 });
      expect(cutover.final).toBe(true);
      expect((await job.run('verify')).mismatches).toEqual([]);
      await newServer.start();
      requireSame(before, await newServer.imapState(users, { sieve: true }), rulesFor('3.6', UPGRADE_DIFFERENCES));

      const night = work(await nightly.presync());
      const watched = work(cutover.pass as PassFigures);
      console.log(`mailboxes in the last pass: ${watched} after ${SECONDS} s of watch, ${night} after a nightly pass`);
      expect(watched).toBeLessThan(night);
      if (uses === 'log') expectKnown(readFileSync(join(oldServer.dir, 'conf/sync/watch/log'), 'latin1'));
    } catch (error) {
      if (error instanceof Error) error.message += `\n--- watch\n${JSON.stringify(watch.status())}\n${watch.stderr}`;
      throw error;
    } finally {
      await watch.stop('SIGKILL');
    }
  });
}

/** One that had a pass before the users came, and none since. */
function nightlyJob(dir: string, from: string, to: string): Job {
  mkdirSync(join(dir, 'nightly'));
  return new Job({ dir: join(dir, 'nightly'), from, to });
}

function work({ mailboxes: { changed, created, moved, removed } }: PassFigures): number {
  return changed + created + moved + removed;
}

/** The lines that Cyrus wrote: each says something to us, or is of a kind that no pass needs. */
function expectKnown(log: string): void {
  const lines = log.split('\n').filter((line) => line !== '');
  expect(lines.length).toBeGreaterThan(20);
  expect(lines.filter((line) => hintsOfLogLine(line).length === 0 && !/^(?:META|SUB) /.test(line))).toEqual([]);
  expect(
    lines.some((line) => hintsOfLogLine(line).some((hint) => hint.kind === 'mailbox' && hint.name.includes(' '))),
  ).toBe(true);
}
