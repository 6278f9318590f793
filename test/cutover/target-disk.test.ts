import { execFileSync } from 'node:child_process';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lab } from '../support/rescue-lab.js';

describe.runIf(process.geteuid?.() === 0)("a target's disk that the last pass can not write to", () => {
  it('is no final cutover, though all mailboxes are there: what came last is missing', async () => {
    const { dir, run, spool } = await lab('3.0-uhs-plain');
    const data = join(dir, 'new/spool/n1');
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', data]);
    try {
      await run('presync');
      const { mailboxes } = (await run('where', ['user.bob'])) as unknown as {
        mailboxes: { from: { data: string } }[];
      };
      utimesSync(`${spool.root}${mailboxes[0]!.from.data}/cyrus.index`, new Date(), new Date());
      execFileSync('mount', ['-o', 'remount,ro', data]);
      const refused = await run('cutover', [], [1]);
      expect(refused.final).toBe(false);
      expect(refused.problems.map(({ code }) => code)).toEqual(['target-disk']);
      expect((refused.checks as { ok: boolean }[]).filter(({ ok }) => !ok).length).toBe(1);
      execFileSync('mount', ['-o', 'remount,rw', data]);
      expect((await run('cutover')).final).toBe(true);
    } finally {
      execFileSync('umount', [data]);
    }
  });
});
