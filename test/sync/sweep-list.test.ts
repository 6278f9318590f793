import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadJob } from '../../src/job/job.js';
import { State } from '../../src/state/state.js';
import { nameOfMailbox, type SpoolWriter } from '../bench/spool.js';
import { generatedJob } from '../support/generated-job.js';
import type { Job, PassFigures } from '../support/job.js';
import { sweepOfJob } from '../support/sweep.js';

const SIZE = { mailboxes: 30, messages: 2, meanBytes: 800 };

let dir: string;
let job: Job;
let spool: SpoolWriter;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-idle-'));
  ({ job, spool } = generatedJob(dir, SIZE));
  await aPass();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Until nothing that was just written could be written again within the tick of its times. */
async function aPass(): Promise<PassFigures> {
  await sleep(2300);
  return job.presync();
}

const sweep = () => sweepOfJob(job.file);

/** How many mailboxes changed by the list. */
const changed = () => sweep()?.changed.length;

/** Every file by path: what it holds and, of a message, its time. */
function tree(partition: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(partition, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) continue;
    const time = entry.name.startsWith('cyrus.') ? '' : statSync(path).mtimeMs;
    files[path.slice(partition.length)] = `${time} ${createHash('sha1').update(readFileSync(path)).digest('hex')}`;
  }
  return files;
}

const fileOf = (i: number, name: string) => join(spool.directoryOf(nameOfMailbox(i)), name);
const replace = (path: string, bytes: string | Buffer) => {
  writeFileSync(`${path}.NEW`, bytes);
  renameSync(`${path}.NEW`, path);
};

describe('after a complete pass the next one goes by stats alone', () => {
  it('and finds every mailbox unchanged, as the whole pass does', async () => {
    expect(sweep()).toMatchObject({ total: SIZE.mailboxes, changed: [] });
    const quick = await job.presync();
    const whole = await job.presync('--full');
    expect(quick.mailboxes).toEqual({ ...whole.mailboxes, unchanged: SIZE.mailboxes });
    expect(quick.complete).toBe(true);
  });

  it.each<[string, () => void]>([
    [
      'a quota file that a delivery wrote',
      () => replace(join(dir, 'old/conf/quota/a/user.auser0'), '%(S (9 10485760))\n'),
    ],
    ['a message file that no index has yet', () => writeFileSync(fileOf(3, '99.'), 'Subject: on its way\r\n\r\n')],
  ])('%s changes nothing', (_, change) => {
    change();
    expect(changed()).toBe(0);
  });

  it.each<[string, number, () => void]>([
    ['a delivery', 1, () => spool.append(5, 1_000_001, 800)],
    [
      'two deliveries',
      2,
      () => {
        spool.append(5, 1_000_002, 800);
        spool.append(6, 1_000_003, 800);
      },
    ],
    [
      'an index written in place, its size and mtime as before',
      1,
      () => {
        const path = fileOf(7, 'cyrus.index');
        const { mtime } = statSync(path);
        writeFileSync(path, readFileSync(path), { flag: 'r+' });
        utimesSync(path, mtime, mtime);
      },
    ],
    [
      'a header replaced by an equal one',
      1,
      () => replace(fileOf(9, 'cyrus.header'), readFileSync(fileOf(9, 'cyrus.header'))),
    ],
    ['annotations where there were none', 1, () => writeFileSync(fileOf(29, 'cyrus.annotations'), '')],
  ])('%s is a pass over what changed, and ends as the whole pass does', async (_, count, change) => {
    change();
    expect(changed()).toBe(count);
    const partial = await aPass();
    expect(partial.mailboxes).toMatchObject({ total: SIZE.mailboxes, changed: count });
    expect(changed()).toBe(0);
    const after = tree(join(dir, 'new/spool'));
    const whole = await job.presync('--checksum');
    expect(whole.messages).toMatchObject({ copied: 0, removed: 0 });
    expect(whole.problems).toEqual([]);
    expect(tree(join(dir, 'new/spool'))).toEqual(after);
  });

  it('a mailbox that changed within the tick of its times is looked at again', async () => {
    spool.append(12, 1_000_012, 800);
    const soon = Date.now() / 1000 + 60;
    utimesSync(fileOf(12, 'cyrus.index'), soon, soon);
    expect((await job.presync()).mailboxes.changed).toBe(1);
    expect(changed()).toBe(1);
    utimesSync(fileOf(12, 'cyrus.index'), soon - 100, soon - 100);
    expect((await aPass()).mailboxes).toMatchObject({ changed: 1, total: SIZE.mailboxes });
    expect(changed()).toBe(0);
  });

  it.each<[string, () => void]>([
    [
      'mailboxes.db replaced',
      () => replace(join(dir, 'old/conf/mailboxes.db'), readFileSync(join(dir, 'old/conf/mailboxes.db'))),
    ],
    ['a new quota root', () => writeFileSync(join(dir, 'old/conf/quota/a/user.auser0.Sent'), '%(S (0 1))\n')],
    ["the old server's imapd.conf edited", () => appendFileSync(join(dir, 'old/imapd.conf'), '# looked at\n')],
    ["the new server's imapd.conf edited", () => appendFileSync(join(dir, 'new/imapd.conf'), '# looked at\n')],
    ['the job file edited', () => appendFileSync(job.file, '\n# looked at\n')],
    [
      'a mailbox left in flight by a pass that died',
      () => {
        const state = new State(loadJob(job.file).stateFile);
        const [row] = state.mailboxes.all();
        const { id, targetPartition, targetRelative } = row!;
        state.mailboxes.markInFlight([{ id, targetPartition: targetPartition!, targetRelative: targetRelative! }]);
        state.close();
      },
    ],
    [
      'a pass that died before it ended',
      () => {
        const state = new State(loadJob(job.file).stateFile);
        state.beginPass('presync');
        state.close();
      },
    ],
  ])('%s takes a whole pass, and the one after is quick again', async (_, change) => {
    change();
    expect(sweep()).toBeUndefined();
    await aPass();
    expect(changed()).toBe(0);
  });

  it('a mailbox whose index is gone is a problem at every pass, and the quick one says it too', async () => {
    rmSync(fileOf(11, 'cyrus.index'));
    expect(changed()).toBe(1);
    for (let n = 0; n < 3; n++) {
      const { problems, mailboxes } = await aPass();
      expect(problems).toMatchObject([{ code: 'mailbox-files-missing' }]);
      expect(mailboxes).toMatchObject({ total: SIZE.mailboxes, failed: 1, unchanged: SIZE.mailboxes - 1 });
      expect(sweep()).toMatchObject({ failed: 1, changed: [] });
    }
    spool.append(13, 1_000_013, 800);
    const { problems, mailboxes } = await aPass();
    expect(problems).toMatchObject([{ code: 'mailbox-files-missing' }]);
    expect(mailboxes).toMatchObject({ failed: 1, changed: 1, unchanged: SIZE.mailboxes - 2 });
  });
});
