import {
  appendFileSync,
  mkdtempSync,
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
import { SourceTrees } from '../../src/disk/trees.js';
import { loadJob } from '../../src/job/job.js';
import { State } from '../../src/state/state.js';
import { countIfIdle } from '../../src/sync/idle.js';
import { generateSpool, nameOfMailbox, SpoolWriter } from '../bench/spool.js';
import { writeCyrusTree } from '../support/cyrus-conf.js';
import { Job, type PassFigures } from '../support/job.js';

const SIZE = { mailboxes: 30, messages: 2, meanBytes: 800 };
const me = { uid: process.getuid!(), gid: process.getgid!() };

let dir: string;
let job: Job;
let spool: SpoolWriter;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-idle-'));
  generateSpool(join(dir, 'old'), SIZE, me, () => {});
  spool = new SpoolWriter(join(dir, 'old'), readFileSync(join(dir, 'old/imapd.conf'), 'utf8'), me);
  const options = { cyrus_user: String(me.uid), cyrus_group: String(me.gid) };
  const to = writeCyrusTree({ dir: join(dir, 'new'), options }, 'idle');
  job = new Job({ dir, from: join(dir, 'old/imapd.conf'), to });
  await aPass();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Until nothing that was just written could be written again within the tick of its times. */
async function aPass(): Promise<PassFigures> {
  await sleep(2300);
  return job.presync();
}

/** What the next pass would find by the list of stats alone. */
function idleCount(): number | undefined {
  const loaded = loadJob(job.file);
  const state = new State(loaded.stateFile);
  const trees = new SourceTrees(loaded.source);
  try {
    return countIfIdle(loaded, state, trees);
  } finally {
    trees.close();
    state.close();
  }
}

const fileOf = (i: number, name: string) => join(spool.directoryOf(nameOfMailbox(i)), name);
const replace = (path: string, bytes: string | Buffer) => {
  writeFileSync(`${path}.NEW`, bytes);
  renameSync(`${path}.NEW`, path);
};

describe('after a complete pass the next one goes by stats alone', () => {
  it('and finds every mailbox unchanged, as the whole pass does', async () => {
    expect(idleCount()).toBe(SIZE.mailboxes);
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
    expect(idleCount()).toBe(SIZE.mailboxes);
  });

  it.each<[string, () => void]>([
    ['a delivery', () => spool.append(5, 1_000_001, 800)],
    [
      'an index written in place, its size and mtime as before',
      () => {
        const path = fileOf(7, 'cyrus.index');
        const { mtime } = statSync(path);
        writeFileSync(path, readFileSync(path), { flag: 'r+' });
        utimesSync(path, mtime, mtime);
      },
    ],
    [
      'a header replaced by an equal one',
      () => replace(fileOf(9, 'cyrus.header'), readFileSync(fileOf(9, 'cyrus.header'))),
    ],
    ['annotations where there were none', () => writeFileSync(fileOf(29, 'cyrus.annotations'), '')],
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
  ])('%s takes a whole pass, and the one after is quick again', async (_, change) => {
    change();
    expect(idleCount()).toBeUndefined();
    await aPass();
    expect(idleCount()).toBe(SIZE.mailboxes);
  });

  it('a mailbox whose index is gone is a problem at every pass, never "nothing changed"', async () => {
    rmSync(fileOf(11, 'cyrus.index'));
    expect(idleCount()).toBeUndefined();
    for (let n = 0; n < 2; n++) {
      expect((await aPass()).problems).not.toEqual([]);
      expect(idleCount()).toBeUndefined();
    }
  });
});
