import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect } from 'vitest';
import { findTargets } from '../matrix/targets.js';
import type { CyrsyncDocument } from '../support/cyrsync.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import type { ImapClient } from '../support/imap-client.js';
import { Job } from '../support/job.js';
import { type Live, liveTest } from '../support/live-test.js';

const ON = { conversations: 'yes' };
const USERS = ['alice', 'bob.smith'];

/** A letter of a thread: the second to the fourth answer the one before. */
function letter(thread: string, n: number): string {
  const id = (i: number) => `<${thread}.${i}@test.example.org>`;
  return [
    'From: Writer <writer@test.example.org>',
    `Subject: ${n > 1 ? 'Re: ' : ''}about ${thread}`,
    `Message-ID: ${id(n)}`,
    ...(n > 1 ? [`In-Reply-To: ${id(n - 1)}`, `References: ${id(1)} ${id(n - 1)}`] : []),
    `Date: Mon, 0${n} Jan 2024 10:00:00 +0000`,
    '',
    `letter ${n} of ${thread}`,
    '',
  ].join('\r\n');
}

/** Threads over several folders, some of it read, expunged, renamed, deleted. */
async function correspond(server: CyrusServer): Promise<void> {
  await server.as('cyrus', async (c) => {
    for (const user of USERS) await c.create(`user/${user}`);
  });
  for (const user of USERS) {
    await server.as(user, async (c) => {
      for (const folder of ['Sent', 'Old', 'Gone']) await c.create(`INBOX/${folder}`);
      await c.append('INBOX', letter('apples', 1), { flags: ['\\Seen'] });
      await c.append('INBOX/Sent', letter('apples', 2), { flags: ['\\Seen'] });
      await c.append('INBOX/Old', letter('apples', 4));
      await c.append('INBOX', letter('pears', 1));
      await c.append('INBOX/Gone', letter('pears', 2));
      await c.append('INBOX', letter('plums', 1), { flags: ['\\Deleted'] });
      await c.append('INBOX', letter('alone', 1), { flags: ['\\Flagged'] });
      await c.select('INBOX');
      await c.expunge();
      await c.rename('INBOX/Old', 'INBOX/Older');
      await c.delete('INBOX/Gone');
    });
    await server.deliver([user], letter('apples', 3));
  }
}

/** What a client sees of a user's conversations: which message is of which, and what each folder counts. */
type Seen = Record<string, [messages: string[], status: string | undefined]>;
async function seen(server: CyrusServer, user: string): Promise<Seen> {
  return server.as(user, async (c) => {
    const folders: Seen = {};
    for (const { name } of await c.list()) {
      await c.examine(name);
      folders[name] = [await fetched(c, 'UID FETCH 1:* (CID)'), await counts(c, name)];
    }
    return folders;
  });
}

async function fetched(c: ImapClient, command: string): Promise<string[]> {
  return (await c.ok(command)).untagged.filter(({ name }) => name === 'FETCH').map(({ text }) => text);
}

async function counts(c: ImapClient, name: string): Promise<string | undefined> {
  const { untagged } = await c.ok(`STATUS "${name}" (XCONVEXISTS XCONVUNSEEN XCONVMODSEQ)`);
  return untagged.find((u) => u.name === 'STATUS')?.text;
}

/** Each folder counts the conversations that its messages are of: an audit does not see where it counts none. */
async function requireCounted(server: CyrusServer, user: string): Promise<void> {
  for (const [folder, [messages, status]] of Object.entries(await seen(server, user))) {
    const cids = messages.map((text) => /CID ([0-9a-f]{16})/.exec(text)?.[1]);
    expect(cids).not.toContain(undefined);
    expect([folder, status]).toEqual([folder, expect.stringContaining(`XCONVEXISTS ${new Set(cids).size} `)]);
  }
}

/** Cyrus's own comparison of the database with the mailboxes. */
function audit(server: CyrusServer): string[] {
  return USERS.map((user) => server.tool('ctl_conversationsdb', ['-v', '-A', user], 'any').trim().split('\n').at(-1)!);
}
const SOUND = USERS.map((user) => `${user} is OK`);

function row(document: CyrsyncDocument): { action: string; note: string } | undefined {
  const rows = document.databases as { what: string; action: string; note: string }[];
  return rows.find(({ what }) => what === 'user/*.conversations');
}

async function migrate(job: Job): Promise<CyrsyncDocument> {
  await job.presync();
  const document = await job.cutover();
  expect(document.final).toBe(true);
  return document;
}

/** An answer that comes later belongs to the old conversation, and both servers' counts go on. */
async function answerOnTarget(server: CyrusServer): Promise<void> {
  for (const user of USERS) await server.deliver([user], letter('pears', 2));
  for (const user of USERS)
    await server.as(user, async (c) => {
      await c.select('INBOX');
      const uids = await c.uidSearch('SUBJECT pears');
      const cids = (await fetched(c, `UID FETCH ${uids.join(',')} (CID)`)).map((text) => /CID (\w+)/.exec(text)?.[1]);
      expect(cids).toHaveLength(2);
      expect(new Set(cids).size).toBe(1);
    });
  expect(audit(server)).toEqual(SOUND);
}

describe('conversations', () => {
  for (const [layout, hash] of [
    ['uuid', 'basic'],
    ['name', 'full'],
  ] as const)
    liveTest(`of a server that keeps them alike are copied (${layout})`, async (live) => {
      const source = live.server('old', { hash: 'basic', options: ON });
      await source.start();
      await correspond(source);
      const before = await Promise.all(USERS.map((user) => seen(source, user)));
      expect(JSON.stringify(before)).toMatch(/CID [0-9a-f]{16}/);
      expect(audit(source)).toEqual(SOUND);
      await source.stop();
      const target = live.server('new', { hash, options: ON });
      const document = await migrate(new Job({ dir: live.dir, from: source.confFile, to: target.confFile, layout }));
      expect(row(document)).toMatchObject({ action: 'copied', entries: 2 });

      await target.start();
      expect(audit(target)).toEqual(SOUND);
      expect(await Promise.all(USERS.map((user) => seen(target, user)))).toEqual(before);
      await answerOnTarget(target);
    });

  liveTest('of users whose database is missing are made anew, each message in its old one', async (live) => {
    const source = live.server('old', { hash: 'basic', options: ON });
    await source.start();
    await correspond(source);
    const before = await Promise.all(USERS.map((user) => seen(source, user)));
    await source.stop();
    const files = execFileSync('find', [`${source.dir}/conf/user`, '-name', 'conversations.db'], { encoding: 'utf8' });
    expect(files.trim().split('\n')).toHaveLength(2);
    for (const file of files.trim().split('\n')) rmSync(file);
    const target = live.server('new', { hash: 'full', options: ON });
    await makeAnew(live, source, target, 'of users who have none', before);
  });

  liveTest('of a server that had them off are made by the command that the cutover names', async (live) => {
    const source = live.server('old', { hash: 'basic' });
    await source.start();
    await correspond(source);
    await source.stop();
    const target = live.server('new', { hash: 'full', options: ON });
    await makeAnew(live, source, target, 'had conversations off', undefined);
  });

  // Made by test/matrix/make-chroots.sh; no machine has to have them.
  const chroots = process.env.CI || !existsSync('/tmp/chroots') ? [] : findTargets('/tmp/chroots');
  for (const [from, to, isCopied] of [
    ['3.2', '3.6', false],
    ['3.6', '3.10', false],
    ['3.10', '3.12', true],
  ] as const) {
    const [old, next] = [from, to].map((version) => chroots.find((one) => one.version === version));
    if (!old || !next) continue;
    liveTest(`of ${from} are ${isCopied ? 'copied' : 'made anew by those commands'} for ${to}`, async (live) => {
      const source = live.server('old', { hash: 'basic', options: ON, root: old.root });
      const target = live.server('new', { hash: 'full', options: ON, root: next.root });
      try {
        await source.start();
        await correspond(source);
        const before = await Promise.all(USERS.map((user) => seen(source, user)));
        await source.stop();
        if (!isCopied) return await makeAnew(live, source, target, 'keeps them otherwise', before);
        expect(row(await migrate(jobOf(live, source, target)))).toMatchObject({ action: 'copied', entries: 2 });
        await target.start();
        expect(await Promise.all(USERS.map((user) => seen(target, user)))).toEqual(before);
        await answerOnTarget(target);
      } finally {
        for (const server of [source, target]) {
          await server.stop();
          rmSync(dirname(server.realDir), { recursive: true, force: true });
        }
      }
    });
  }
});

function jobOf(live: Live, source: CyrusServer, target: CyrusServer): Job {
  const [fromRoot, toRoot] = [source.setup.root, target.setup.root];
  return new Job({ dir: live.dir, from: source.confFile, fromRoot, to: target.confFile, toRoot });
}

async function makeAnew(
  live: Live,
  source: CyrusServer,
  target: CyrusServer,
  why: string,
  before: readonly Seen[] | undefined,
): Promise<void> {
  const document = await migrate(jobOf(live, source, target));
  const { action, note } = row(document)!;
  expect([action, note]).toEqual(['left-to-target', expect.stringContaining(why)]);
  const commands = [...note.matchAll(/(ctl_conversationsdb) (-\w) (-r)/g)];
  expect(commands).toHaveLength(2);

  await target.start();
  expect(audit(target)).not.toEqual(SOUND);
  for (const [, tool, ...options] of commands) target.tool(tool!, options);
  expect(audit(target)).toEqual(SOUND);
  for (const user of USERS) await requireCounted(target, user);
  const after = await Promise.all(USERS.map((user) => seen(target, user)));
  // of a thread's MODSEQ a recount knows only what each folder has of it
  const comparable = (all: readonly Seen[]) => JSON.stringify(all).replaceAll(/ XCONVMODSEQ \d+/g, '');
  if (before) expect(comparable(after)).toBe(comparable(before));
  await answerOnTarget(target);
}
