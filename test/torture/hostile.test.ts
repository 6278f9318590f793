import { execFileSync, spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MailboxEntry } from '../../src/cyrus/records/mailboxes-db.js';
import type { SpoolName } from '../support/spool.js';
import { differences, everything, Lab, type TortureJob, targetTree } from './lab.js';

const SECRET = 'root:not for the one who owns the spool\n';

/** What someone who can write into the spool might put there; `name` is a file of the mailbox, or the directory itself. */
const TRAPS: readonly {
  what: string;
  put: (path: string, outside: string) => void;
  at: 'directory' | 'message' | 'cyrus.index' | 'cyrus.header';
}[] = [
  {
    what: 'a link to a directory elsewhere in place of the mailbox',
    put: (path, outside) => symlinkSync(dirname(outside), path),
    at: 'directory',
  },
  { what: 'a link to itself', put: (path) => symlinkSync(path, path), at: 'directory' },
  { what: 'a file in place of the mailbox', put: (path) => writeFileSync(path, SECRET), at: 'directory' },
  { what: 'a link to a file elsewhere', put: (path, outside) => symlinkSync(outside, path), at: 'message' },
  { what: 'a FIFO', put: (path) => execFileSync('mkfifo', [path]), at: 'message' },
  { what: 'a directory', put: (path) => mkdirSync(path), at: 'message' },
  { what: 'a device', put: (path) => execFileSync('mknod', [path, 'c', '1', '5']), at: 'message' },
  { what: 'a link to a file elsewhere', put: (path, outside) => symlinkSync(outside, path), at: 'cyrus.index' },
  { what: 'a FIFO', put: (path) => execFileSync('mkfifo', [path]), at: 'cyrus.index' },
  { what: 'a directory', put: (path) => mkdirSync(path), at: 'cyrus.index' },
  { what: 'a link to a file elsewhere', put: (path, outside) => symlinkSync(outside, path), at: 'cyrus.header' },
  { what: 'a FIFO', put: (path) => execFileSync('mkfifo', [path]), at: 'cyrus.header' },
];

for (const spool of ['2.3-skiplist-uhs', '3.6-virtdomains'] as const satisfies SpoolName[]) {
  describe(`${spool} in hostile hands`, () => {
    let lab: Lab;
    let outside: string;
    let victim: MailboxEntry;
    let others: number;
    let first: TortureJob;
    let whole: Map<string, string>;

    beforeAll(async () => {
      lab = await Lab.open(spool, { partitions: ['default', 'p2'] });
      outside = join(lab.dir, 'outside/secret');
      mkdirSync(dirname(outside));
      writeFileSync(outside, SECRET);
      victim = lab.live().find((m) => lab.messageFiles(m).length >= 2)!;
      others = lab.live().length - 1;
      first = await lab.job('first');
      await first.presync();
      whole = targetTree(first.target, { links: false });
    });
    afterAll(() => lab.close());

    it.each(
      TRAPS.filter((_, i) => spool === '3.6-virtdomains' || i % 4 === 0).map(
        (trap) => [`${trap.what} (${trap.at})`, trap] as const,
      ),
    )('%s: refused, told, all others go on', { timeout: 250_000 }, async (_, trap) => {
      const path =
        trap.at === 'directory'
          ? lab.dataDir(victim)
          : trap.at === 'message'
            ? lab.messageFiles(victim)[0]!
            : trap.at === 'cyrus.index'
              ? lab.indexFile(victim)
              : lab.indexFile(victim).replace(/cyrus\.index$/, 'cyrus.header');
      const away = join(lab.dir, 'away');
      renameSync(path, away);
      trap.put(path, outside);
      const job = await lab.job(`job-${TRAPS.indexOf(trap)}`);
      try {
        if (trap.at === 'message') touchIndex(lab, victim);
        const before = everything(lab.spoolDir);
        const pass = await job.must(3, 'presync');
        const told = pass.problems.filter((p) => (p as { mailbox?: string }).mailbox === victim.name);
        expect(told.length).toBeGreaterThan(0);
        expect(pass.mailboxes.created).toBeGreaterThanOrEqual(others);
        for (const command of TRAPS.indexOf(trap) % 4 === 0 ? ['survey', 'where', 'leftovers'] : []) {
          const run = await job.run(command);
          expect([command, run.code === 0 || run.code === 3]).toEqual([command, true]);
        }
        // A job that has the mailbox already keeps what it has.
        first.save('first');
        await first.must([0, 3], 'presync', '--full');
        const changed = differences(whole, targetTree(first.target, { links: false }));
        expect(changed.filter((path) => !path.startsWith('spool/default-rescued'))).toEqual([]); // a full pass rescues
        first.restore('first');
        rmSync(join(lab.dir, 'saved/first'), { recursive: true });
        expect(differences(before, everything(lab.spoolDir))).toEqual([]);
        expect(spawnSync('grep', ['-rF', SECRET.trim(), job.target], { encoding: 'utf8' }).stdout).toBe('');
      } finally {
        rmSync(path, { recursive: true, force: true });
        renameSync(away, path);
        rmSync(job.dir, { recursive: true });
      }
    });
  });
}

/** So that the mailbox is looked at, though its files of an earlier pass are known. */
function touchIndex(lab: Lab, entry: MailboxEntry): void {
  const file = lab.indexFile(entry);
  const { mtimeMs } = lstatSync(file);
  writeFileSync(`${file}.NEW`, readFileSync(file));
  utimesSync(`${file}.NEW`, mtimeMs / 1000, mtimeMs / 1000);
  renameSync(`${file}.NEW`, file);
}
