import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { MAIN } from '../support/cyrsync.js';
import { lab } from '../support/rescue-lab.js';

it('a final job has no forecast of its cutover, and its report no bytes of DELETED mailboxes that none added up', async () => {
  const { job, run } = await lab('3.0-uhs-plain');
  const status = () => execFileSync(process.execPath, [MAIN, 'status', '--job', job], { encoding: 'utf8' });
  await run('presync');
  await run('presync');
  expect(status()).toContain('The cutover will take about');
  const { leftovers } = (await run('cutover')) as unknown as { leftovers: { class: string; bytes: number | null }[] };
  expect(leftovers.find((one) => one.class === 'deleted-awaiting-expire')?.bytes).toBeNull();
  expect(leftovers.find((one) => one.class === 'stale-copy')?.bytes).toBeGreaterThan(0);
  expect(status()).toContain('Final since');
  expect(status()).not.toMatch(/forecast|will take/);
});
