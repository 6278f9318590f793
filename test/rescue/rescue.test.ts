import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MAIN } from '../support/cyrsync.js';
import { lab, type Rescued } from '../support/rescue-lab.js';
import { changedPaths, snapshotTree } from '../support/spool.js';

const reopen = (run: (command: string, args?: string[]) => Promise<unknown>) => run('reopen', ['--discard']);
const NAME = '2.4-netnews-meta';

describe('copies of what only leftovers have', () => {
  it('are made once, byte for byte, and stay when the leftover goes', async () => {
    const { run, cutover, rescued, spool } = await lab(NAME);
    const before = snapshotTree(spool.dir);
    const first = await cutover();
    expect(first.messages).toBeGreaterThan(7);
    expect(first.written).toBe(first.messages);
    expect(changedPaths(before, snapshotTree(spool.dir))).toEqual([]);
    for (const { file, guid } of first.entries)
      expect(
        createHash('sha1')
          .update(readFileSync(join(rescued, file!)))
          .digest('hex'),
      ).toBe(guid);

    await reopen(run);
    const tree = snapshotTree(rescued);
    const again = await cutover();
    expect(again).toMatchObject({ messages: first.messages, written: 0 });
    const changed = changedPaths(tree, snapshotTree(rescued)).filter((path) => path.endsWith('.eml'));
    expect(changed).toEqual([]);

    await reopen(run);
    unlinkSync(spool.root + first.entries[0]!.from[0]!);
    const less = await cutover();
    expect(less.messages).toBe(first.messages - 1);
    const { messages } = JSON.parse(readFileSync(join(rescued, 'MANIFEST.json'), 'utf8')) as { messages: unknown[] };
    expect(messages).toHaveLength(first.messages);
    expect(existsSync(join(rescued, first.entries[0]!.file!))).toBe(true);
  });

  it('are written again where no manifest vouches for them, or the size is another', async () => {
    const { run, cutover, rescued } = await lab(NAME);
    const first = await cutover();
    await reopen(run);
    unlinkSync(join(rescued, 'MANIFEST.json'));
    truncateSync(join(rescued, first.entries[0]!.file!), 5);
    expect((await cutover()).written).toBe(first.messages);
    await reopen(run);
    truncateSync(join(rescued, first.entries[0]!.file!), 5);
    expect((await cutover()).written).toBe(1);
    expect(statSync(join(rescued, first.entries[0]!.file!)).size).toBe(first.entries[0]!.bytes);
  });

  it('are made by a full presync already, and by none without it', async () => {
    const { run, cutover, rescued } = await lab(NAME);
    expect((await run('presync')).rescued).toBeUndefined();
    expect(existsSync(rescued)).toBe(false);
    const early = (await run('presync', ['--full'])).rescued as unknown as Rescued;
    expect(early.written).toBe(early.messages);
    expect(await cutover()).toMatchObject({ messages: early.messages, written: 0 });
  });

  it('never go where a server looks', async () => {
    for (const path of ['new/spool/n1/x', 'new/conf/rescued', 'old/srv/old/2.4-netnews-meta/spool/default/x']) {
      const { dir, job, run } = await lab(NAME);
      const text = readFileSync(job, 'utf8').replace('[migrate]\n', `[migrate]\nrescue_directory = "${dir}/${path}"\n`);
      writeFileSync(job, text);
      const { problems } = await run('cutover', [], [2]);
      expect(problems[0]?.code).toBe('configuration');
    }
  });

  it('are left out where the job says off, which is a problem, or a rule says skip, which is none', async () => {
    const { cutover, rescued, run } = await lab(NAME);
    const off = await run('cutover', ['--rescue', 'off'], [3]);
    expect(off.problems.map(({ code }) => code)).toContain('not-rescued');
    expect(existsSync(rescued)).toBe(false);
    await reopen(run);
    const first = await cutover();
    const of = first.entries.filter((entry) => entry.class === 'orphan-mailbox');
    expect(of.length).toBeGreaterThan(0);

    const other = await lab(
      NAME,
      '',
      '[[leftovers]]\nclass = "orphan-mailbox"\nglob = "/srv/old/*/spool/**"\naction = "skip"\n',
    );
    const less = await other.cutover();
    expect(less.messages).toBe(first.messages - of.length);
  });
});

describe('a run that is killed at any time', () => {
  it.each(['copy', 'mailbox'])('leaves nothing that the next does not mend (%s)', async (mode) => {
    const whole = await lab(NAME);
    await whole.run('presync');
    const started = performance.now();
    const expected = await whole.cutover('--rescue', mode);
    const took = performance.now() - started;

    const torn = await lab(NAME);
    await torn.run('presync');
    const before = snapshotTree(torn.spool.dir);
    for (let i = 1; i <= 8; i++) {
      const child = spawn(process.execPath, [MAIN, 'cutover', '--rescue', mode, '--job', torn.job], {
        stdio: 'ignore',
      });
      await sleep((took * i) / 9);
      child.kill('SIGKILL');
      await new Promise((resolve) =>
        child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(0),
      );
      if ((await torn.run('status')).final !== null) await reopen(torn.run);
    }
    const result = await torn.cutover('--rescue', mode);
    const plain = ({ entries }: Rescued) => entries.map(({ guid, bytes }) => `${guid} ${bytes}`);
    expect(plain(result)).toEqual(plain(expected));
    expect(result.mailboxes.map(({ messages }) => messages)).toEqual(
      expected.mailboxes.map(({ messages }) => messages),
    );
    expect(changedPaths(before, snapshotTree(torn.spool.dir))).toEqual([]);
    expect((await torn.run('verify')).mismatches).toEqual([]);
    if (mode === 'copy')
      for (const { file, guid } of result.entries)
        expect(
          createHash('sha1')
            .update(readFileSync(join(torn.rescued, file!)))
            .digest('hex'),
        ).toBe(guid);
  });

  it('and mailboxes that are wanted no more go away again', async () => {
    const { run, cutover, dir } = await lab(NAME);
    const first = await cutover('--rescue', 'mailbox');
    const places = () =>
      readdirSync(join(dir, 'new/spool/n1'), { recursive: true, encoding: 'latin1' }).filter((path) =>
        /Recovered\/\d+\.$/.test(path),
      );
    expect(places()).toHaveLength(first.messages);
    await reopen(run);
    await cutover('--rescue', 'copy');
    expect(places()).toEqual([]);
  });
});
