import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { liveTest } from '../support/live-test.js';
import { changedPaths, readConfOptions, type SpoolName, snapshotTree } from '../support/spool.js';

interface Entry {
  readonly file: string | null;
  readonly inMailbox: { readonly name: string; readonly uid: number } | null;
  readonly user: string | null;
  readonly guid: string;
  readonly bytes: number;
  readonly date: string;
  readonly from: readonly string[];
  readonly bringBack: { readonly deliver: string; readonly reconstruct: string } | null;
}
interface Rescued {
  readonly directory: string;
  readonly messages: number;
  readonly written: number;
  readonly mailboxes: readonly { readonly name: string; readonly external: string; readonly messages: number }[];
  readonly entries: readonly Entry[];
}

/** What planted.json has as in no live mailbox, but for what the live mailbox expunged since. */
function uniqueMessages(name: string): string[] {
  const file = join(import.meta.dirname, `../../fixtures/spools/${name}.planted.json`);
  const truth = JSON.parse(readFileSync(file, 'utf8')) as Record<
    'planted' | 'left_by_sigkill_in_rename',
    { kind: string; unique_messages?: { sha1_guid: string }[] }[]
  >;
  return [...truth.planted, ...truth.left_by_sigkill_in_rename]
    .filter(({ kind }) => kind !== 'stale-copy-with-purged-messages')
    .flatMap(({ unique_messages }) => (unique_messages ?? []).map(({ sha1_guid }) => sha1_guid));
}

const KEPT = ['unixhierarchysep', 'altnamespace', 'conversations', 'delete_mode', 'expunge_mode'];

for (const name of ['2.3-skiplist-uhs', '2.4-netnews-meta', '3.6-uuid-archive'] as const satisfies SpoolName[]) {
  liveTest(`messages that only leftovers of ${name} have are served again by a real Cyrus`, async (live) => {
    const spool = await live.unpack(name);
    const old = readConfOptions(join(spool.dir, 'imapd.conf'));
    const options = Object.fromEntries(KEPT.flatMap((key) => (old.has(key) ? [[key, old.get(key)!]] : [])));
    const newServer = live.server('new', { partitions: ['n1', 'n2'], options });
    const job = live.job(spool, newServer);
    const untouched = snapshotTree(spool.dir);
    await job.init();
    await job.presync();

    const cutover = await job.run('cutover', ['--rescue', 'mailbox'], { exit: [0, 3] });
    expect(cutover.final).toBe(true);
    const rescued = cutover.rescued as unknown as Rescued;
    expect(rescued.entries.map(({ guid }) => guid).sort()).toEqual([...new Set(uniqueMessages(name))].sort());
    expect(rescued.mailboxes.length).toBeGreaterThan(1);
    expect(cutover.problems.filter(({ code }) => code === 'rescue-failed')).toEqual([]);
    expect(changedPaths(untouched, snapshotTree(spool.dir))).toEqual([]);
    expect((await job.run('verify')).mismatches).toEqual([]);

    expect(newServer.tool('quota', ['-f'])).not.toMatch(/was \d|now \d/);
    const clean = newServer.tool('reconstruct', ['-n', '-r', ...rescued.mailboxes.map(({ external }) => external)]);
    expect(clean.split('\n').filter((line) => /mismatch|adding|appending|corrupt|expunging|error/i.test(line))).toEqual(
      [],
    );

    await newServer.start();
    const users = [...new Set(rescued.entries.flatMap(({ user }) => user ?? []))];
    const served = await newServer.imapState(users);
    for (const { name: box, messages } of rescued.mailboxes) {
      const own = rescued.entries.filter(({ inMailbox }) => inMailbox?.name === box);
      const user = own[0]!.user;
      const { mailboxes } = user === null ? served.admin : served.users[user]!;
      const found = Object.entries(mailboxes).filter(([shown]) =>
        (user === null ? /^Recovered$/ : /Recovered$/).test(shown),
      );
      expect(found, box).toHaveLength(1);
      const shown = Object.values(found[0]![1].messages ?? {});
      expect(shown).toHaveLength(messages);
      expect(shown.map(({ sha256, size }) => `${sha256} ${size}`).sort()).toEqual(
        own.map(({ from, bytes }) => `${sha256Of(spool.root + from[0]!)} ${bytes}`).sort(),
      );
      expect(shown.map(({ internaldate }) => new Date(internaldate!).getTime()).sort()).toEqual(
        own.map(({ date }) => new Date(date).getTime()).sort(),
      );
    }
    // Nobody but their owner sees them.
    if (users.length > 1) {
      const others = Object.keys(served.users[users[0]!]!.mailboxes).filter((shown) => /Recovered$/.test(shown));
      expect(others).toHaveLength(1);
    }
  });
}

liveTest('copies beside the spool come back by the commands of their manifest', async (live) => {
  const spool = await live.unpack('2.4-netnews-meta');
  const newServer = live.server('new', { partitions: ['n1'] });
  const job = live.job(spool, newServer);
  await job.presync();
  const cutover = await job.run('cutover', [], { exit: [0, 3] });
  const rescued = cutover.rescued as unknown as Rescued;
  expect(rescued).toMatchObject({ directory: `${join(newServer.dir, 'spool/n1')}-rescued`, mailboxes: [] });
  const manifest = JSON.parse(readFileSync(join(rescued.directory, 'MANIFEST.json'), 'utf8')) as { messages: Entry[] };
  expect(manifest.messages).toEqual(rescued.entries);
  for (const { file, guid, bytes, from } of rescued.entries) {
    const content = readFileSync(join(rescued.directory, file!));
    expect([createHash('sha1').update(content).digest('hex'), content.length]).toEqual([guid, bytes]);
    expect(content.equals(readFileSync(spool.root + from[0]!))).toBe(true);
  }
  const inMemory = readFileSync(join(rescued.directory, 'README.txt'), 'latin1');
  for (const { guid } of rescued.entries) expect(inMemory).toContain(guid);

  // One that is a user's, by the second command: the server does not run.
  const entry = rescued.entries.find(({ user }) => user !== null)!;
  const inbox = `user.${entry.user}`;
  const directory = /'?([^' ]+)'?\/NEXTUID\./.exec(entry.bringBack!.reconstruct)![1]!;
  const next = Math.max(0, ...readdirSync(directory).map((file) => Number.parseInt(file, 10) || 0)) + 1;
  const bin = '/usr/lib/cyrus/bin';
  const command = entry
    .bringBack!.reconstruct.replace('NEXTUID', String(next))
    .replace('reconstruct ', `setpriv --reuid=cyrus --regid=mail --init-groups ${bin}/reconstruct `);
  execFileSync('sh', ['-c', command]);

  await newServer.start();
  // Another, by LMTP.
  const other = rescued.entries.find(({ user, guid }) => user !== null && guid !== entry.guid)!;
  await newServer.deliver([other.user!], readFileSync(join(rescued.directory, other.file!), 'latin1'));
  const served = await newServer.imapState([entry.user!, other.user!]);
  const shown = Object.values(served.users[entry.user!]!.mailboxes['INBOX']!.messages ?? {});
  const back = shown.find(({ sha256 }) => sha256 === sha256Of(join(rescued.directory, entry.file!)));
  expect(back && new Date(back.internaldate!).toISOString(), inbox).toBe(entry.date);
});

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
