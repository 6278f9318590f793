import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { liveTest } from '../support/live-test.js';
import { keptOptions } from '../support/spool.js';

interface Where {
  readonly mailboxes: readonly {
    readonly name: string;
    readonly external: string;
    readonly from: Readonly<Record<'data' | 'meta', string>>;
  }[];
}

const DAMAGES: readonly (readonly [what: string, damage: (bytes: Buffer) => Buffer])[] = [
  ['cut off in its header', (bytes) => bytes.subarray(0, 60)],
  [
    'of minor version 21',
    (bytes) => Buffer.concat([bytes.subarray(0, 8), Buffer.from([0, 0, 0, 21]), bytes.subarray(12)]),
  ],
  [
    'with a record that was torn',
    (bytes) => Buffer.concat([bytes.subarray(0, -30), Buffer.alloc(1, 0x5a), bytes.subarray(-29)]),
  ],
];

describe('a mailbox whose index no reader understands', () => {
  liveTest(
    'is copied as it stands, is in mailboxes.db, and reconstruct of the new server brings its mail back',
    async (live) => {
      const spool = await live.unpack('3.2-uhs-meta');
      const server = live.server('new', { hash: 'full', options: keptOptions(spool) });
      const job = live.job(spool, server);
      const { mailboxes } = (await job.run('where')) as unknown as Where;
      const real = (path: string) => join(spool.root, path);
      const messages = (m: Where['mailboxes'][number]) =>
        (existsSync(real(m.from.data)) ? readdirSync(real(m.from.data)) : []).filter((f) => /^\d+\.$/.test(f));
      const victims = mailboxes
        .filter((m) => m.name.startsWith('user.') && messages(m).length > 3)
        .slice(0, DAMAGES.length);
      expect(victims.length).toBe(DAMAGES.length);
      for (const [i, victim] of victims.entries()) {
        const file = join(real(victim.from.meta), 'cyrus.index');
        writeFileSync(file, DAMAGES[i]![1](readFileSync(file)));
      }

      const pass = await job.presync();
      expect(pass.mailboxes.failed).toBe(victims.length);
      for (const { name } of victims)
        expect(pass.problems.filter((p) => p.mailbox === name).map((p) => p.code)).toEqual(['index-damaged']);
      const cutover = await job.cutover({ exit: [3] });
      expect(cutover.final).toBe(true);
      const told = new Set(cutover.problems.map((p) => p.mailbox));
      expect(victims.filter(({ name }) => !told.has(name))).toEqual([]);

      await server.start();
      for (const victim of victims) {
        server.tool('reconstruct', [victim.external], 'any');
        const uids = await server.as('cyrus', async (admin) => {
          await admin.setAcl(victim.external, 'cyrus', 'lrs');
          await admin.examine(victim.external);
          return admin.uidSearch('ALL');
        });
        // what was expunged, not yet removed, is among the files too
        expect(uids.length).toBeGreaterThan(messages(victim).length / 2);
      }
    },
  );
});
