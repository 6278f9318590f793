import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { CyrusServer } from '../support/cyrus-server.js';
import type { ImapState } from '../support/imap-state.js';
import type { Job } from '../support/job.js';
import { liveTest } from '../support/live-test.js';
import { internalDate, message } from '../support/messages.js';
import { populate } from '../support/populate.js';
import { changedPaths, keptOptions, snapshotTree, spoolState } from '../support/spool.js';
import { requireSame, rulesFor } from '../support/state-diff.js';
import { UPGRADE_DIFFERENCES } from '../support/upgrade-differences.js';

const SPOOL = '3.2-uhs-meta';
const WAVE_1 = ['alice', 'carol.smith', 'zed'];
const RESIDENTS = ['resident', 'res.two'];

const OWN = /^INBOX(\/|$)/;

/** Who was there before: mail, folders, a quota root, a script, rights for one another, annotations, read state. */
async function makeResidents(server: CyrusServer): Promise<void> {
  await server.as('cyrus', async (c) => {
    for (const user of RESIDENTS) await c.create(`user/${user}`);
    await c.setQuota('user/resident', 'STORAGE 5000 MESSAGE 500');
    await c.create('board');
    await c.setAcl('board', 'anyone', 'lrsip');
    await c.setMetadata('', '/shared/comment', 'the new server');
  });
  await server.as('resident', async (c) => {
    await c.create('INBOX/Sent');
    for (let i = 1; i <= 4; i++) await c.append('INBOX/Sent', message(i), { internalDate: internalDate(i) });
    await c.append('board', message(9));
    await c.setAcl('INBOX', 'res.two', 'lrs');
    await c.setMetadata('INBOX', '/private/comment', 'mine');
    await c.subscribe('INBOX/Sent');
  });
  await server.as('res.two', async (c) => {
    await c.select('board');
    await c.store('1', '+FLAGS', ['\\Seen']);
    await c.subscribe('user/resident');
  });
}

/** What these users see, without scripts: recording those would make mailboxes of them. */
async function stateOf(server: CyrusServer, users: readonly string[]): Promise<ImapState['users']> {
  return (await server.imapState([...users], { sieve: false })).users;
}

/** Of each user his own mailboxes, and what he subscribes to: the mailboxes of others may come later. */
function ownOf(users: ImapState['users']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(users).map(([user, { mailboxes, subscriptions }]) => [
      user,
      {
        subscriptions: subscriptions.filter((name) => OWN.test(name)),
        mailboxes: Object.fromEntries(Object.entries(mailboxes).filter(([name]) => OWN.test(name))),
      },
    ]),
  );
}

function pick(users: ImapState['users'], names: readonly string[]): ImapState['users'] {
  return Object.fromEntries(
    names.map((name) => {
      const { sieve: _sieve, server_metadata: _server, ...dump } = users[name]!;
      return [name, dump];
    }),
  );
}

function choose(job: Job, only: readonly string[]): void {
  const text = readFileSync(job.file, 'utf8').replace(/^only = .*\n/m, '');
  writeFileSync(
    job.file,
    text.replace(/^\[select\].*\n/m, (line) => `${line}only = ${JSON.stringify(only)}\n`),
  );
}

/** Everything that Cyrus's own tools find wrong, the server stopped. */
function findings(server: CyrusServer): string[] {
  const lines = (tool: string, ...args: string[]) => server.tool(tool, args, 'any').split('\n');
  const conf = `${server.dir}/conf`;
  return [
    ...lines('cyr_dbtool', `${conf}/mailboxes.db`, 'twoskip', 'consistent').filter((l) => l !== '' && !/^Yes/.test(l)),
    ...lines('cyr_dbtool', `${conf}/annotations.db`, 'twoskip', 'consistent').filter(
      (l) => l !== '' && !/^Yes/.test(l),
    ),
    ...lines('quota', '-f').filter((l) => / usage was |quota root .* --> | removed|^failed/.test(l)),
    // It says of each tombstone and intermediate that it has no directory, and of each mailbox that it made itself.
    ...lines('ctl_mboxlist', '-v').filter(
      (l) => l !== '' && !/has a DB entry but no directory on partition '\(null\)'|^'(board|user\.res\S*)' has/.test(l),
    ),
    ...lines('reconstruct', '-n', '-r', '*').filter((l) =>
      /updating |uid \d+ |Wrong |Missing |FAILED|Failed|CRC mismatch/.test(l),
    ),
  ];
}

/** The cutover while the new server stands, and what has to hold after that of any wave. */
async function cutOver(job: Job, newServer: CyrusServer): Promise<void> {
  await newServer.stop();
  const cutover = await job.cutover({ exit: [0, 3] });
  expect((cutover.checks as { ok: boolean }[]).filter((c) => !c.ok)).toEqual([]);
  expect(cutover.final).toBe(true);
  expect((await job.run('verify')).mismatches).toEqual([]);
  expect(findings(newServer)).toEqual([]);
  await newServer.start();
}

liveTest('users come in two waves into a server that serves others meanwhile', async (live) => {
  const spool = await live.unpack(SPOOL);
  const untouched = snapshotTree(spool.dir);
  const newServer = live.server('new', {
    hash: 'full',
    partitions: ['n1', 'n2'],
    meta: ['n2'],
    options: keptOptions(spool),
  });
  const recorded = spoolState(SPOOL).users;
  const rules = rulesFor(SPOOL, UPGRADE_DIFFERENCES);
  const others = Object.keys(recorded).filter((user) => !WAVE_1.includes(user));
  const job = live.job(spool, newServer);
  await newServer.start();
  await makeResidents(newServer);
  await job.init();
  choose(job, WAVE_1);

  // The first wave: passes beside the running server, cutover while it stands.
  const first = await job.presync();
  expect(first.mailboxes.created).toBeGreaterThan(15);
  await newServer.deliver(['resident'], message(77));
  expect((await job.run('cutover', [], { exit: [4] })).problems[0]!.code).toBe('new-server-runs');
  const residents = await stateOf(newServer, RESIDENTS);
  await cutOver(job, newServer);
  requireSame(residents, await stateOf(newServer, RESIDENTS));
  requireSame(ownOf(pick(recorded, WAVE_1)), ownOf(await stateOf(newServer, WAVE_1)), rules);

  // They live on the new server now; and the old one is still delivered to by mistake, and loses a folder of theirs.
  await newServer.deliver(['zed', 'alice'], message(5000));
  await newServer.as('zed', async (c) => {
    await c.create('INBOX/since the move');
    await c.append('INBOX/since the move', message(5001));
  });
  expect((await job.run('presync', [], { exit: [4] })).problems[0]!.code).toBe('final');

  // The second wave: all the rest.
  choose(job, ['*', 'shared:*']);
  const second = await job.presync();
  expect(second.mailboxes.removed).toBe(0);
  await newServer.deliver(['resident', 'zed'], message(5002));
  const before = await stateOf(newServer, [...RESIDENTS, ...WAVE_1]);
  await cutOver(job, newServer);
  const after = await stateOf(newServer, [...RESIDENTS, ...WAVE_1]);
  requireSame(ownOf(before), ownOf(after));
  // What they had subscribed to of others came later than they.
  for (const user of WAVE_1) expect(after[user]!.subscriptions).toEqual(recorded[user]!.subscriptions);
  requireSame(pick(before, RESIDENTS), pick(after, RESIDENTS), [
    { path: /mailboxes > (news|lists)/, from: 'absent', why: 'shared mailboxes that came with the second wave' },
  ]);
  requireSame(pick(recorded, others), pick(await stateOf(newServer, others), others), [
    ...rules,
    { path: /mailboxes > board/, from: 'absent', why: "the new server's own" },
    { path: /mailboxes > user\/(alice|zed)( |$)/, why: 'they got mail since they moved' },
  ]);
  const status = (await job.run('status')) as unknown as { waves: { units: number }[] };
  expect(status.waves.map(({ units }) => units)).toEqual([3, 16]);
  expect(changedPaths(untouched, snapshotTree(spool.dir))).toEqual([]);
});

liveTest(
  'a wave goes while the old server serves the others, and not while anyone writes to its users',
  async (live) => {
    const old = live.server('old', { partitions: ['default', 'p2'] });
    await populate(old);
    const newServer = live.server('new', { hash: 'full', partitions: ['n1', 'n2'] });
    const job = live.job(old, newServer);
    await job.init();
    choose(job, ['alice', 'carol.smith']);
    await job.presync();
    expect((await job.run('cutover', [], { exit: [4] })).problems[0]!.code).toBe('old-server-runs');

    /** Appends to one user's INBOX as long as the cutover takes. */
    const cutoverWhile = async (busy: string) => {
      let done = false;
      const traffic = old.as(busy, async (c) => {
        for (let n = 0; !done; n++) await c.append('INBOX', message(7000 + n));
      });
      const document = await job.run('cutover', ['--force'], { exit: [0, 1, 3, 4] });
      done = true;
      await traffic;
      return document;
    };
    expect((await cutoverWhile('alice')).final ?? false).toBe(false);

    const before = await stateOf(old, ['alice', 'carol.smith']);
    for (const user of ['alice', 'carol.smith']) old.tool('cyr_deny', ['-m', 'you are being moved', user]);
    const cutover = await cutoverWhile('bob');
    expect(cutover.problems.map(({ code }) => code)).toEqual([]);
    expect(cutover.final).toBe(true);
    const denials = `${newServer.dir}/conf/user_deny.db`;
    expect(existsSync(denials) ? readFileSync(denials, 'latin1') : '').not.toMatch(/alice/);
    await newServer.start();
    requireSame(ownOf(before), ownOf(await stateOf(newServer, ['alice', 'carol.smith'])));
    await old.stop();
  },
);
