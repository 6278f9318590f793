import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MAIN } from '../support/cyrsync.js';
import { lab } from '../support/rescue-lab.js';

interface Shown {
  readonly leftovers: readonly {
    paths: string[];
    class: string;
    verdict: string;
    mailbox: string | null;
    files: number;
    bytes: number;
  }[];
  readonly totals: readonly { class: string; files: number; bytes: number }[];
  readonly accounted: { files: number; unaccounted: number; classes: { class: string; files: number }[] };
}

describe('cyrsync leftovers', () => {
  it('filters by class, verdict, user and partition, adds up, and explains', async () => {
    const name = '2.4-netnews-meta';
    const { run, job, spool } = await lab(name);
    const show = async (...args: string[]) => (await run('leftovers', args)) as unknown as Shown;
    const all = await show();
    expect(all.accounted.unaccounted).toBe(0);
    expect(all.accounted.files).toBe(all.accounted.classes.reduce((sum, c) => sum + c.files, 0));
    for (const { class: c, files, bytes } of all.totals) {
      const own = all.leftovers.filter((l) => l.class === c);
      expect([files, bytes]).toEqual([own.reduce((s, l) => s + l.files, 0), own.reduce((s, l) => s + l.bytes, 0)]);
    }
    const of = async (pick: (l: Shown['leftovers'][number]) => boolean, ...args: string[]) => {
      const wanted = all.leftovers.filter(pick);
      expect(wanted.length).toBeGreaterThan(0);
      expect((await show(...args)).leftovers.map(({ paths }) => paths)).toEqual(wanted.map(({ paths }) => paths));
    };
    await of((l) => l.class === 'stale-copy', '--class', 'stale-copy');
    await of((l) => l.verdict === 'rescue', '--verdict', 'rescue');
    await of((l) => l.paths[0]!.includes('/spool/p3/'), '--partition', 'p3');
    const users = (await show('--user', 'alice')).leftovers;
    expect(users.length).toBeGreaterThan(3);
    expect(users.filter(({ mailbox, paths }) => !/\.alice\b/.test(mailbox ?? '') && !/alice/.test(paths[0]!))).toEqual(
      [],
    );
    await run('leftovers', ['--partition', 'nosuch'], [2]);

    const stale = all.leftovers.find((l) => l.class === 'stale-copy')!;
    const text = execFileSync(process.execPath, [MAIN, 'leftovers', 'explain', stale.paths[0]!, '--job', job], {
      encoding: 'utf8',
    });
    expect(text).toContain('8. wrong-hash: is it a path');
    expect(text).toContain('10. stale-copy: is its uniqueid a live mailbox’s?\n       YES: uniqueid');
    const live = await run('leftovers', ['explain', `/srv/old/${name}/spool/default/user/alice`]);
    expect(live.reason).toMatch(/^it is live: user\.alice,/);

    const files = execFileSync(process.execPath, [MAIN, 'leftovers', '--print0', '--job', job], { encoding: 'latin1' });
    const printed = files.split('\0').slice(0, -1);
    expect(printed.length).toBeGreaterThan(50);
    expect(printed.every((path) => path.startsWith(spool.root) && statSync(Buffer.from(path, 'latin1')).isFile())).toBe(
      true,
    );
    expect((await show('--no-prove')).leftovers.filter(({ verdict }) => verdict === 'rescue')).toEqual([]);
  });
});
