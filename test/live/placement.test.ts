import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readCsv } from '../../src/report/csv.js';
import { type Correction, correctedUsage } from '../support/corrected-usage.js';
import type { CyrusServer } from '../support/cyrus-server.js';
import type { Job } from '../support/job.js';
import { liveTest } from '../support/live-test.js';
import { changedPaths, keptOptions, SPOOLS, snapshotTree, spoolState } from '../support/spool.js';
import { requireSame, rulesFor } from '../support/state-diff.js';
import { UPGRADE_DIFFERENCES } from '../support/upgrade-differences.js';

interface Planned {
  readonly spread: number;
  readonly lowerBound: number;
  readonly moves: number;
  readonly aim: number | null;
  readonly planned: { readonly mailboxes: number; readonly bytes: number };
  readonly after: readonly {
    readonly name: string;
    readonly users: number;
    readonly mailboxes: number;
    readonly files: number;
  }[];
}
interface Explained {
  readonly explain: { readonly partition: string; readonly reason: string; readonly unit: string };
}
interface Where {
  readonly mailboxes: readonly {
    readonly name: string;
    readonly external: string;
    readonly to: { partition: string };
  }[];
}

/** Puts lines into the section of the job file, in place of its policy. */
function place(job: Job, toml: string): void {
  const text = readFileSync(job.file, 'utf8');
  writeFileSync(job.file, text.replace(/^policy = "\w+".*$/m, toml));
}

async function plan(job: Job, ...args: string[]): Promise<Planned> {
  return (await job.run('plan', args, { exit: [0, 3] })) as unknown as Planned;
}

async function partitionOf(job: Job, name: string): Promise<string> {
  return ((await job.run('plan', ['--explain', name], { exit: [0, 3] })) as unknown as Explained).explain.partition;
}

async function csv(job: Job, dir: string, file: string): Promise<Record<string, string>> {
  await plan(job, '--csv', join(dir, file));
  const rows = readCsv(readFileSync(join(dir, file), 'utf8'), file, ['name', 'partition']);
  return Object.fromEntries(rows.map(({ cells }) => [cells.name!, cells.partition!]));
}

/** Mailboxes whose directory mbpath names on another partition than `where` and, for their unit, the CSV. */
async function misplaced(job: Job, server: CyrusServer, units: Readonly<Record<string, string>>): Promise<string[]> {
  const { mailboxes } = (await job.run('where')) as unknown as Where;
  expect(mailboxes.length).toBeGreaterThan(20);
  const ask = (external: string) => server.tool('mbpath', ['-7', '-D', external], 'any').replace(/\/?\n$/, '');
  return mailboxes.flatMap(({ name, external, to }) => {
    const unit = name
      .replace(/^(.*!)?DELETED\.(.*)\.[0-9A-F]+$/, '$1$2')
      .replace(/^((?:.*!)?user\.[^.]+|(?:.*!)?(?!user\.)[^.]+).*$/, '$1');
    const path = ask(external);
    const on = /\/spool\/([^/]+)\//.exec(path)?.[1];
    return on === to.partition && on === (units[unit] ?? on) ? [] : [`${name}: mbpath ${path}, plan ${units[unit]}`];
  });
}

liveTest(
  'each mailbox is served from the partition that the plan says: pins, a spreadsheet, a rebalance',
  async (live) => {
    const name = '3.2-uhs-meta';
    const spool = await live.unpack(name);
    const newServer = live.server('new', {
      hash: 'full',
      partitions: ['n1', 'n2', 'n3'],
      meta: ['n2'],
      options: keptOptions(spool),
    });
    const job = live.job(spool, newServer);
    const untouched = snapshotTree(spool.dir);
    await job.init();
    place(
      job,
      [
        'policy = "balance"',
        'shared = "n3"',
        '[placement.pins]',
        '"user.bob" = "n2"',
        '"user.q*" = ["n1", "n3"]',
        '"user.alice.Archive" = "n3"',
      ].join('\n'),
    );
    const first = await plan(job);
    expect(first.spread).toBeGreaterThanOrEqual(first.lowerBound - 1e-9);
    expect(await partitionOf(job, 'user.bob')).toBe('n2');
    expect(['n1', 'n3']).toContain(await partitionOf(job, 'user.quentin'));
    expect((await job.presync()).mailboxes.created).toBeGreaterThan(50);

    const units = await csv(job, live.dir, 'first.csv');
    expect([units['user.bob'], units.lists, units.news]).toEqual(['n2', 'n3', 'n3']);

    // a person moves one user by hand
    const to = units['user.ulla'] === 'n1' ? 'n3' : 'n1';
    writeFileSync(join(live.dir, 'edited.csv'), `name;partition\r\nuser.ulla;${to}\r\nuser.bob;n2\r\n`);
    expect((await plan(job, '--from-csv', join(live.dir, 'edited.csv'))).moves).toBeGreaterThan(0);
    const moved = await job.presync();
    expect(moved.mailboxes).toMatchObject({ created: 0, removed: 0, failed: 0 });
    expect(moved.mailboxes.moved).toBeGreaterThan(0);
    expect(moved.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });

    // a partition comes along: nothing goes there by itself
    mkdirSync(join(newServer.realDir, 'spool/n4'));
    newServer.setOption('partition-n4', join(newServer.dir, 'spool/n4'));
    newServer.ownAll();
    expect((await plan(job)).moves).toBe(0);
    expect((await job.presync()).mailboxes.moved).toBe(0);
    const dry = await plan(job, '--rebalance', '1.05', '--dry-run');
    expect(dry.moves).toBeGreaterThan(0);
    expect((await plan(job)).moves).toBe(0);
    const rebalanced = await plan(job, '--rebalance', '1.05');
    expect(rebalanced.moves).toBe(dry.moves);
    const seen = await plan(job, '--as-seen'); // without a look at the source
    const counted = ({ after }: Planned) =>
      after.map(({ name: of, users, mailboxes, files }) => ({ of, users, mailboxes, files }));
    expect(counted(seen)).toEqual(counted(rebalanced));
    expect(seen.planned).toEqual(rebalanced.planned);
    expect(seen.spread).toBeCloseTo(rebalanced.spread, 9);
    expect(rebalanced.spread).toBeLessThanOrEqual(rebalanced.aim! + 1e-9);
    const again = await job.presync();
    expect(again.mailboxes).toMatchObject({ created: 0, moved: rebalanced.moves, removed: 0, failed: 0 });
    expect(again.messages).toMatchObject({ copied: 0, linked: 0, removed: 0 });
    expect((await plan(job)).moves).toBe(0);

    const last = await csv(job, live.dir, 'last.csv');
    expect(Object.values(last)).toContain('n4');
    expect([last['user.bob'], last['user.ulla'], last.news]).toEqual(['n2', to, 'n3']);

    const cutover = await job.cutover({ exit: [0, 3] });
    expect(cutover.final).toBe(true);
    expect((await job.run('verify')).mismatches).toEqual([]);
    expect((await job.run('plan', ['--rebalance'], { exit: [4] })).problems.map(({ code }) => code)).toContain('final');
    expect(changedPaths(untouched, snapshotTree(spool.dir))).toEqual([]);

    await newServer.start();
    const { 'user.alice': aliceOn, ...others } = last;
    expect(await misplaced(job, newServer, others)).toEqual([]);
    expect(newServer.tool('mbpath', ['user/alice'])).toContain(`/spool/${aliceOn}/`);
    expect(newServer.tool('mbpath', ['user/alice/Archive'])).toContain('/spool/n3/');
    const recorded = spoolState(name);
    const withSieve = Object.values(recorded.users).some((user) => user.sieve !== undefined);
    const served = await newServer.imapState(Object.keys(recorded.users), { sieve: withSieve });
    const corrected = (cutover.quotaRoots as { corrected: Correction[] }).corrected;
    requireSame(recorded, served, [...rulesFor(name, UPGRADE_DIFFERENCES), ...corrected.map((c) => correctedUsage(c))]);
  },
);

liveTest('domains have partitions of their own, each mailbox by itself where it is told to', async (live) => {
  const name = '3.6-virtdomains';
  const spool = await live.unpack(name);
  const newServer = live.server('new', { hash: 'basic', partitions: ['n1', 'n2', 'n3'], options: keptOptions(spool) });
  const job = live.job(spool, newServer);
  await job.init();
  const { mailboxes } = (await job.run('where')) as unknown as Where;
  const domain = /^([^!]+)!user\./.exec(mailboxes.find((m) => m.name.includes('!user.'))!.name)![1]!;
  place(
    job,
    ['policy = "balance"', 'unit = "mailbox"', 'exclude = ["n3"]', '[placement.domains]', `"${domain}" = "n3"`].join(
      '\n',
    ),
  );
  expect((await job.run('plan')).problems).toEqual([]);
  await job.presync();
  expect((await job.cutover({ exit: [0, 3] })).final).toBe(true);
  const after = (await job.run('where')) as unknown as Where;
  for (const { name: mailbox, to } of after.mailboxes)
    expect(`${mailbox} ${to.partition === 'n3'}`).toBe(`${mailbox} ${mailbox.startsWith(`${domain}!`)}`);
  expect(new Set(after.mailboxes.map(({ to }) => to.partition))).toEqual(new Set(['n1', 'n2', 'n3']));
  await newServer.start();
  expect(await misplaced(job, newServer, {})).toEqual([]);
});

for (const name of SPOOLS) {
  liveTest(
    `${name}: mbpath of the new server finds every mailbox on the partition that the plan gave its user`,
    async (live) => {
      const spool = await live.unpack(name);
      const newServer = live.server('new', {
        hash: 'full',
        partitions: ['n1', 'n2', 'n3'],
        meta: ['n3'],
        options: keptOptions(spool),
      });
      const job = live.job(spool, newServer);
      await job.init();
      place(job, 'policy = "balance"');
      const planned = await plan(job);
      expect(planned.after.filter(({ mailboxes }) => mailboxes > 0).length).toBeGreaterThan(1);
      const units = await csv(job, live.dir, 'units.csv');
      await job.presync();
      expect((await job.cutover({ exit: [0, 3] })).final).toBe(true);
      await newServer.start();
      expect(await misplaced(job, newServer, units)).toEqual([]);
    },
  );
}
