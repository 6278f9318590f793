import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lab } from '../support/rescue-lab.js';

describe('a damaged index on the target', () => {
  it('stops the next cutover by name, is no end of reopen, and a pass that compares by content mends it', async () => {
    const { run } = await lab('3.0-uhs-plain');
    await run('presync');
    await run('cutover');
    const { mailboxes } = (await run('where', ['user.bob'])) as unknown as { mailboxes: { to: { data: string } }[] };
    const index = `${mailboxes[0]!.to.data}/cyrus.index`;
    const sound = readFileSync(index);
    const damaged = Buffer.from(sound);
    damaged.fill(0xff, 20, 60);
    writeFileSync(index, damaged);

    const looked = await run('reopen', [], [3]);
    expect(looked.problems).toMatchObject([{ code: 'target-index-damaged' }]);
    await run('reopen', ['--discard'], [3]);
    const refused = await run('cutover', [], [4]);
    expect(refused.problems).toMatchObject([
      {
        code: 'target-index-damaged',
        message: expect.stringContaining('user.bob'),
        advice: expect.stringContaining('presync --checksum'),
      },
    ]);
    expect(refused.final).not.toBe(true);
    expect(readFileSync(index).equals(damaged)).toBe(true);

    await run('presync', ['--checksum']);
    expect(readFileSync(index).equals(sound)).toBe(true);
    expect((await run('cutover')).final).toBe(true);
  });
});

it('refuses where the configdirectory of the target is not there, and names it: its disk may not be mounted', async () => {
  const { dir, run } = await lab('3.0-uhs-plain');
  await run('presync');
  rmSync(join(dir, 'new/conf'), { recursive: true });
  for (const args of [['--dry-run'], []]) {
    const refused = await run('cutover', args, [4]);
    expect(refused.problems).toMatchObject([
      { code: 'target-root-missing', message: expect.stringContaining(`${dir}/new/conf`) },
    ]);
  }
});
