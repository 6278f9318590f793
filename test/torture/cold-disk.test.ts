/** A source that nothing is cached of: what a pass waits for, one mailbox after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Lab } from './lab.js';

const COLD_DISK = fileURLToPath(new URL('./cold-disk.cjs', import.meta.url));
/** Of the whole pass's slices, of 4 mailboxes, and of the list's, of 16, two wait before others are asked for early. */
const WAITS = { whole: 2 * 4, list: 2 * 16 };

it('mailboxes are asked for before their turn, in a whole pass and in one by the list', async () => {
  const lab = await Lab.open('3.0-uhs-plain', { hash: 'full', partitions: ['n1'] });
  try {
    const job = await lab.job('job');
    const mailboxes = lab.live().length;
    expect(mailboxes).toBeGreaterThan(2 * WAITS.list);
    const presync = async () => {
      const env = { CYRSYNC_NATIVE: '0', NODE_OPTIONS: `--require ${COLD_DISK}`, TORTURE_COLD: lab.spoolDir };
      const { code, document, stderr } = await job.run('presync', [], { env });
      expect([code, document?.complete]).toEqual([0, true]);
      return { waits: Number(/waited (\d+) times/.exec(stderr)?.[1]), ...document!.mailboxes };
    };
    expect(await presync()).toMatchObject({ waits: WAITS.whole, created: mailboxes });
    await sleep(2500); // younger ones are looked at again, and times of this spool are those of its unpacking
    await job.presync();
    expect(await presync()).toMatchObject({ waits: WAITS.list, unchanged: mailboxes });
  } finally {
    lab.close();
  }
});
