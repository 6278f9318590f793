import { copyFileSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { readDatabase } from '../../src/cyrus/db/database.js';
import { OWNER, readAnnotations } from '../../src/cyrus/records/annotations.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import { Job } from '../support/job.js';
import { liveTest } from '../support/live-test.js';
import { keptOptions, type SpoolName } from '../support/spool.js';

/** A mailbox with a private note of its owner: as he names it, and where its old server kept the notes. */
const CASES: readonly (readonly [SpoolName, user: string, folder: string, file: string, note: string])[] = [
  ['2.5-conv-meta', 'alice', 'INBOX', 'meta/default/L/user/alice/cyrus.annotations', 'a private note'],
  [
    '3.0-uhs-plain',
    'carol.smith',
    'INBOX/deep',
    'spool/default/c/user/carol^smith/deep/cyrus.annotations',
    'priv carol.smith',
  ],
  ['3.2-uhs-meta', 'alice', 'INBOX', 'meta/default/a/user/alice/cyrus.annotations', 'note of alice'],
];

/** UID, and the private notes that the owner is shown. */
async function fetchNotes(server: CyrusServer, user: string, folder: string): Promise<[uid: number, text: string][]> {
  return server.as(user, async (c) => {
    await c.examine(folder);
    const { untagged } = await c.ok('UID FETCH 1:* (ANNOTATION ("/comment" "value.priv"))');
    return untagged
      .filter(({ text }) => /value\.priv "/.test(text))
      .map(({ text }) => [
        Number(/UID (\d+)/.exec(text)![1]),
        [...text.matchAll(/value\.priv "([^"]*)"/g)].map((m) => m[1]).join(' and '),
      ]);
  });
}

async function storeNote(server: CyrusServer, user: string, folder: string, uid: number, note: string): Promise<void> {
  await server.as(user, async (c) => {
    await c.select(folder);
    await c.ok(`UID STORE ${uid} ANNOTATION ("/comment" ("value.priv" "${note}"))`);
  });
}

/** Userids and values of the private notes of one message, as the server's file has them. */
function records(file: string, uid: number): [userid: string, value: string][] {
  return readAnnotations(readDatabase(readFileSync(file), file).entries, file)
    .annotations.filter(({ target, userid, entry }) => target === String(uid) && userid !== '' && entry === '/comment')
    .map(({ userid, value }) => [userid, value]);
}

/** Where its imapd.conf puts a mailbox's cyrus.annotations. */
async function annotationsFile(job: Job, user: string, folder: string): Promise<string> {
  const name = `user.${user.replaceAll('.', '^')}${folder.slice('INBOX'.length).replaceAll('/', '.')}`;
  const { mailboxes } = (await job.run('where', [name])) as unknown as { mailboxes: { to: { meta: string } }[] };
  return `${mailboxes[0]!.to.meta}/cyrus.annotations`;
}

const external = (user: string, folder: string) => `user/${user}${folder.slice('INBOX'.length)}`;

describe('private annotations of messages', () => {
  for (const [name, user, folder, file, note] of CASES) {
    liveTest(`of ${name} are their owner's own, whom a STORE changes and does not add to`, async (live) => {
      const spool = await live.unpack(name);
      const server = live.server('new', { hash: 'full', meta: true, options: keptOptions(spool) });
      const job = live.job(spool, server);
      await job.presync();
      await job.cutover({ exit: [0, 3] });
      const at = await annotationsFile(job, user, folder);
      await server.start();

      expect(server.tool('cyr_dbtool', [at, 'twoskip', 'consistent'])).toMatch(/^Yes/);
      const [[uid, shown]] = (await fetchNotes(server, user, folder)) as [[number, string]];
      expect(shown).toBe(note);
      expect(records(at, uid)).toEqual([[OWNER, note]]);
      const findings = () => server.tool('reconstruct', ['-n', external(user, folder)], 'any');
      const before = findings();
      expect(before).not.toMatch(/annot/i);
      await storeNote(server, user, folder, uid, 'another');
      expect((await fetchNotes(server, user, folder)).find(([one]) => one === uid)).toEqual([uid, 'another']);
      expect(records(at, uid)).toEqual([[OWNER, 'another']]);
      expect(findings()).toBe(before);

      // What Cyrus's own upgrade leaves: the file as it was, to which the next STORE adds.
      await storeNote(server, user, folder, uid, note);
      await server.stop();
      copyFileSync(`${spool.root}${spool.confFile.replace(/[^/]*$/, '')}${file}`, at);
      server.ownAll();
      await server.start();
      await storeNote(server, user, folder, uid, 'a third');
      expect(records(at, uid)).toEqual([
        [OWNER, 'a third'],
        [user, note],
      ]);
      await server.stop();

      const next = live.server('next', { hash: 'full', meta: true, options: keptOptions(spool) });
      const again = new Job({ dir: next.dir, from: server.confFile, to: next.confFile });
      await again.presync();
      await again.cutover({ exit: [0, 3] });
      const nextAt = await annotationsFile(again, user, folder);
      await next.start();
      expect(next.tool('cyr_dbtool', [nextAt, 'twoskip', 'consistent'])).toMatch(/^Yes/);
      expect((await fetchNotes(next, user, folder)).find(([one]) => one === uid)).toEqual([uid, 'a third']);
      expect(records(nextAt, uid)).toEqual([[OWNER, 'a third']]);
      expect(next.tool('reconstruct', ['-n', external(user, folder)], 'any')).not.toMatch(/annot/i);
    });
  }
});
