import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { detectBackend } from '../../src/cyrus/db/detect.js';
import type { DatabaseOutcome } from '../../src/databases/report.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import { liveTest } from '../support/live-test.js';

const USERS = ['alice', 'bob.smith', 'carol'];

/** Whom the server lets in by IMAP. */
async function admitted(server: CyrusServer): Promise<string[]> {
  const inside: string[] = [];
  for (const user of USERS) {
    try {
      await server.as(user, async (c) => {
        await c.list();
      });
      inside.push(user);
    } catch (error) {
      // the server's own words, from user_deny.db
      if (!(error instanceof Error && error.message.includes('BYE [ALERT] gone\taway'))) throw error;
    }
  }
  return inside;
}

for (const backend of ['flat', 'twoskip'])
  liveTest(`who is denied a service on the old server is denied it on the new one (${backend})`, async (live) => {
    const old = live.server('old', { hash: 'basic' });
    await old.start();
    await old.as('cyrus', async (c) => {
      for (const user of USERS) await c.create(`user/${user}`);
    });
    old.tool('cyr_deny', ['-m', 'gone\taway', 'bob.smith']);
    old.tool('cyr_deny', ['-s', 'pop3,sieve', 'carol']);
    expect(await admitted(old)).toEqual(['alice', 'carol']);
    const listed = old.tool('cyr_deny', ['-l']);
    await old.stop();

    const server = live.server('new', { hash: 'full', options: { userdeny_db: backend } });
    const job = live.job(old, server);
    await job.presync();
    const rows = (await job.cutover()).databases as DatabaseOutcome[];
    expect(rows.find(({ what }) => what === 'user_deny.db')).toMatchObject({
      action: 'converted',
      entries: 2,
      note: expect.stringContaining('cyr_deny -a USER'),
    });
    expect(detectBackend(readFileSync(`${server.dir}/conf/user_deny.db`))).toBe(backend);
    await server.start();
    expect(await admitted(server)).toEqual(['alice', 'carol']);
    expect(server.tool('cyr_deny', ['-l'])).toBe(listed);
    server.tool('cyr_deny', ['-a', 'bob.smith']);
    expect(await admitted(server)).toEqual(USERS);
  });
