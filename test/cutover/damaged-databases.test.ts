import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lab } from '../support/rescue-lab.js';

/** Bytes in the middle that no server wrote. */
function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes.fill(0xff, 70, 400);
  writeFileSync(path, bytes);
}

describe('a damaged database of the old server', () => {
  it('stops the cutover by name before one is written, until it is mended or moved away', async () => {
    const { run, spool, dir } = await lab('3.0-uhs-plain');
    await run('presync');
    const path = join(spool.dir, 'conf/annotations.db');
    damage(path);
    const { problems } = await run('cutover', [], [4]);
    expect(problems).toMatchObject([
      {
        code: 'database-damaged',
        message: expect.stringMatching(/\/conf\/annotations\.db is damaged/),
        advice: expect.stringContaining('move it away'),
      },
    ]);
    expect(existsSync(join(dir, 'new/conf/mailboxes.db'))).toBe(false);
    renameSync(path, `${path}.damaged`);
    expect((await run('cutover')).final).toBe(true);
  });

  it('stops a pass where it has the quota roots, which decide over headers', async () => {
    const { run, spool } = await lab('3.0-uhs-plain');
    appendFileSync(join(spool.dir, 'imapd.conf'), 'quota_db: twoskip\n');
    const path = join(spool.dir, 'conf/quotas.db');
    writeFileSync(path, readFileSync(join(spool.dir, 'conf/annotations.db')));
    damage(path);
    expect((await run('presync', [], [4])).problems).toMatchObject([{ code: 'database-damaged' }]);
  });
});
