/** Scripts of the old server at work on the new one: on delivery by LMTP, with what they remember of whom they answered. */
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { DatabaseOutcome } from '../../src/databases/report.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import { liveTest } from '../support/live-test.js';
import { SmtpSink } from '../support/smtp-sink.js';
import { keptOptions, type SpoolName } from '../support/spool.js';

let number = 0;

const DOMAIN = 'mail.example.org';

/** Vacation of 3.x answers what was sent to USER@DEFAULTDOMAIN, whatever domain the envelope had; or to an address in the script. */
function mail(to: string, subject: string, from = 'sender@test.example.org'): string {
  return [
    `From: <${from}>`,
    `To: <${to}@${DOMAIN}>`,
    `Subject: ${subject}`,
    `Message-ID: <sieve-${process.pid}-${++number}@test.example.org>`,
    'Date: Mon, 02 Nov 2026 10:00:00 +0000',
    '',
    'Text.',
    '',
  ].join('\r\n');
}

async function countOf(server: CyrusServer, user: string, mailbox: string, subject: string): Promise<number> {
  return server.as(user, async (client) => {
    await client.examine(mailbox);
    return (await client.uidSearch(`SUBJECT "${subject}"`)).length;
  });
}

/** Mails that were sent out; the server does so before it answers a delivery, the sink may be a moment later. */
async function answers(sink: SmtpSink, count: number): Promise<readonly string[]> {
  for (let i = 0; i < 40 && sink.mails.length < count; i++) await sleep(50);
  await sleep(200); // for one too many
  return sink.mails.map(({ text }) => text);
}

const withSink = (sink: SmtpSink) => ({
  defaultdomain: DOMAIN,
  smtp_backend: 'host',
  smtp_host: `127.0.0.1:${sink.port}`,
});

describe('Sieve on delivery by LMTP', () => {
  /** Where alice's script puts what has "lorem" in its subject. */
  const CASES = [
    ['2.3-skiplist-uhs', 'INBOX/Sent'],
    ['2.4-netnews-meta', 'INBOX.Caf&AOk-'],
    ['3.0-uhs-plain', 'INBOX/Sent'],
    ['3.6-uuid-archive', 'Archive'],
  ] as const satisfies readonly (readonly [SpoolName, string])[];

  for (const [name, folder] of CASES) {
    liveTest(`files and answers by the scripts of ${name}`, async (live) => {
      const sink = await SmtpSink.open();
      try {
        const spool = await live.unpack(name);
        const bobs = join(spool.dir, name === '3.6-uuid-archive' ? 'none' : 'sieve/b/bob');
        if (name !== '3.6-uuid-archive') {
          rmSync(join(bobs, 'defaultbc'));
          symlinkSync('vac.bc', join(bobs, 'defaultbc')); // what ManageSieve does to make it the active one
        }
        const server = live.server('new', { hash: 'full', options: { ...keptOptions(spool), ...withSink(sink) } });
        const job = live.job(spool, server);
        await job.presync();
        await job.cutover({ exit: [0, 3] });
        await server.start();
        const subject = `lorem ${process.pid}`;
        await server.deliver(['alice'], mail('alice', subject));
        expect(await countOf(server, 'alice', folder, subject)).toBe(1);
        expect(await countOf(server, 'alice', 'INBOX', subject)).toBe(0);
        if (name === '3.6-uuid-archive') return;
        await server.deliver(['bob'], mail('bob', 'are you there?'));
        await server.deliver(['bob'], mail('bob', 'are you still there?'));
        const sent = await answers(sink, 1);
        expect(sent).toHaveLength(1);
        expect(sink.mails[0]?.recipients).toEqual(['sender@test.example.org']);
        expect(sent[0]).toMatch(/Auto-Submitted: auto-replied/);
      } finally {
        sink.close();
      }
    });
  }

  liveTest(
    'whom a vacation script has answered on the old server it does not answer again on the new one',
    async (live) => {
      const sink = await SmtpSink.open();
      try {
        const old = live.server('old', { hash: 'none', options: withSink(sink) });
        await old.start();
        await old.as('cyrus', (c) => c.create('user/alice'));
        const script = 'require ["vacation"];\r\nvacation :days 7 "I am away.";\r\n';
        await old.deliver(['alice'], mail('alice', 'first of all'));
        const sieve = await old.sieve('alice');
        await sieve.putScript('away', script);
        await sieve.setActive('away');
        sieve.close();
        await old.deliver(['alice'], mail('alice', 'hello'));
        expect(await answers(sink, 1)).toHaveLength(1);
        await old.stop();

        const server = live.server('new', { hash: 'full', options: withSink(sink) });
        const job = live.job(old, server);
        await job.presync();
        const cutover = await job.cutover();
        const row = (cutover.databases as DatabaseOutcome[]).find(({ what }) => what === 'deliver.db');
        expect(row).toMatchObject({ action: 'copied', note: '1 sender will not be answered again before time' });
        await server.start();
        await server.deliver(['alice'], mail('alice', 'hello again'));
        expect(await answers(sink, 1)).toHaveLength(1);
      } finally {
        sink.close();
      }
    },
  );
});
