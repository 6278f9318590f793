/** What becomes of a command whose output can't be written: no stack, and an exit code that says what is so. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { MAIN, runCyrsync } from '../support/cyrsync.js';
import { lab } from '../support/rescue-lab.js';

const shell = (command: string) =>
  spawnSync('bash', ['-c', command], {
    encoding: 'utf8',
    env: { ...process.env, CYRSYNC: `${process.execPath} ${MAIN}` },
  });

describe('output that can not be written', () => {
  it('where the reader has enough ends as it would have', async () => {
    const { job } = await lab('3.0-uhs-plain');
    const read = shell(`$CYRSYNC where --json --job ${job} | head -c 10; echo " \${PIPESTATUS[0]}"`);
    expect(read.stdout).toBe('{"cyrsync" 0\n');
    expect(read.stderr).toBe('');
  });

  it('to a full disk is a failure of its own, after all was done', async () => {
    const { job, run } = await lab('3.0-uhs-plain');
    for (const options of ['', '--json']) {
      const full = shell(`$CYRSYNC presync ${options} --job ${job} >/dev/full`);
      expect(full.status).toBe(1);
      expect(full.stderr).toMatch(/^output: .*ENOSPC/);
      expect(full.stderr).not.toMatch(/^ +at /m);
    }
    // a log that can not be written either is no reason to end a pass
    expect(shell(`$CYRSYNC presync --full --verbose --job ${job} 2>/dev/full`).status).toBe(0);
    expect((await run('status')).never).toBe(0);
  });
});

describe('a database that is named', () => {
  it.each([[['db']], [['db', 'check', '/nosuch']], [['db', 'dump', '/nosuch']]])(
    '%j: a wrong command line, exit 2, in a whole document',
    async (args) => {
      const { document } = await runCyrsync(args, { exit: [2] });
      expect(document.exit).toBe(2);
      expect(document.problems).toHaveLength(1);
    },
  );
});
