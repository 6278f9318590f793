import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/base/crc32.js';
import { startFakeServer } from '../support/fake-server.js';
import { lab } from '../support/rescue-lab.js';

type Where = { mailboxes: { to: { data: string } }[] };

/** As a delivery leaves the header of an index: the next UID is taken. */
function withOneMore(index: Buffer): Buffer {
  const used = Buffer.from(index);
  const headerBytes = used.readUInt32BE(12); // cyrus-imapd 3.0 imap/mailbox.h OFFSET_START_OFFSET
  used.writeUInt32BE(used.readUInt32BE(28) + 1, 28); // OFFSET_LAST_UID
  used.writeUInt32BE(crc32(used.subarray(0, headerBytes - 4)), headerBytes - 4);
  return used;
}

describe('reopen --discard', () => {
  it('has the next pass make the target as the source is: mail that came, mail that went, whatever else changed', async () => {
    const { run } = await lab('3.0-uhs-plain');
    await run('presync');
    await run('cutover');
    const placeOf = async (name: string) => ((await run('where', [name])) as unknown as Where).mailboxes[0]!.to.data;
    const [came, went] = [await placeOf('user.bob'), await placeOf('user.alice')];
    const before = [readFileSync(`${came}/cyrus.index`), readFileSync(`${went}/cyrus.index`)];
    writeFileSync(`${came}/cyrus.index`, withOneMore(before[0]!));
    const message = `${went}/${before[1]!.readUInt32BE(before[1]!.readUInt32BE(12))}.`; // of the first record
    expect(existsSync(message)).toBe(true);
    const text = readFileSync(message);
    unlinkSync(message);

    const looked = await run('reopen', [], [3]);
    expect(looked.newer).toMatchObject([{ mailbox: 'user.bob' }]);
    expect((await run('reopen', ['--discard'], [0])).reopened).toBe(true);
    const pass = (await run('presync', [], [0])) as unknown as { messages: { copied: number } };
    expect(pass.messages.copied).toBe(1);
    expect(readFileSync(message).equals(text)).toBe(true);
    expect([came, went].map((dir) => readFileSync(`${dir}/cyrus.index`))).toEqual(before);
    expect((await run('cutover')).final).toBe(true);
  });

  it('is refused while the new server runs: what comes there meanwhile would not be listed', async () => {
    const { dir, run } = await lab('3.0-uhs-plain');
    await run('presync');
    await run('cutover');
    const server = startFakeServer(dir, 'imapd', `${dir}/new/conf/mailboxes.db`);
    try {
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect((await run('reopen', ['--discard'], [4])).problems).toMatchObject([{ code: 'new-server-runs' }]);
      await run('reopen', [], [0]);
    } finally {
      server.kill('SIGKILL');
    }
  });
});

describe("a pass into a target whose mailboxes.db has this job's mailboxes", () => {
  it('is refused where the new server runs, and where the state that knew of the cutover is lost', async () => {
    const { dir, run } = await lab('3.0-uhs-plain');
    await run('presync');
    await run('cutover');
    const index = `${((await run('where', ['user.bob'])) as unknown as Where).mailboxes[0]!.to.data}/cyrus.index`;
    const used = withOneMore(readFileSync(index));
    writeFileSync(index, used);
    await run('reopen', ['--discard']);
    const server = startFakeServer(dir, 'imapd', `${dir}/new/conf/mailboxes.db`);
    try {
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect((await run('presync', [], [4])).problems).toMatchObject([{ code: 'new-server-runs' }]);
    } finally {
      server.kill('SIGKILL');
    }
    for (const end of ['', '-wal', '-shm'])
      if (existsSync(`${dir}/job.state.sqlite${end}`)) unlinkSync(`${dir}/job.state.sqlite${end}`);
    expect((await run('presync', [], [4])).problems).toMatchObject([{ code: 'target-not-ours' }]);
    expect(readFileSync(index).equals(used)).toBe(true);
  });
});
