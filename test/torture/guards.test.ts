import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isDeletedName } from '../../src/cyrus/names/mailbox-name.js';
import { isLive } from '../../src/cyrus/records/mailboxes-db.js';
import { runCyrsync } from '../support/cyrsync.js';
import { imapdConf } from '../support/cyrus-conf.js';
import { differences, Lab, type TortureJob, targetTree } from './lab.js';

describe('3.2-uhs-meta, damaged: the target keeps what it has', () => {
  let lab: Lab;
  let job: TortureJob;
  let before: Map<string, string>;

  beforeAll(async () => {
    lab = await Lab.open('3.2-uhs-meta', { hash: 'full', partitions: ['n1', 'n2'] });
    job = await lab.job('job');
    await job.presync();
    before = targetTree(job.target);
    job.save('copied');
  });
  afterAll(() => lab.close());

  const unchanged = () => expect(differences(before, targetTree(job.target))).toEqual([]);
  /** Does something to a file of the source, tells what presync says, puts the file back. */
  async function withFile<T>(file: string, damage: () => void, act: () => Promise<T>): Promise<T> {
    const kept = join(lab.dir, 'kept');
    copyFileSync(file, kept);
    try {
      damage();
      return await act();
    } finally {
      rmSync(file, { force: true });
      copyFileSync(kept, file);
    }
  }
  const refused = async (...args: string[]) => {
    const { problems } = await job.must(4, 'presync', ...args);
    unchanged();
    expect(problems.length).toBeGreaterThan(0);
    return problems;
  };

  const half = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);
  const zeroed = (bytes: Buffer) => Buffer.alloc(bytes.length);
  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['emptied', () => Buffer.alloc(0)],
    ['cut off in the middle', half],
    ['cut off in its header', (bytes) => bytes.subarray(0, 30)],
    ['cut off by 8 bytes', (bytes) => bytes.subarray(0, bytes.length - 8)],
    ['all zero', zeroed],
  ])('mailboxes.db %s', async (_, damage) => {
    const file = lab.mailboxesDb;
    await withFile(
      file,
      () => writeFileSync(file, damage(readFileSync(file))),
      () => refused(),
    );
  });

  it('mailboxes.db missing', async () => {
    const problems = await withFile(
      lab.mailboxesDb,
      () => unlinkSync(lab.mailboxesDb),
      () => refused(),
    );
    expect(problems[0]!.code).toBe('mailboxes-db-missing');
  });

  it.each(['spool/default', 'spool/p2', 'meta/default', 'meta/p2'])(
    '%s not mounted: missing, then empty',
    async (root) => {
      const path = join(lab.spoolDir, root);
      renameSync(path, `${path}.away`);
      try {
        await refused();
        await refused('--accept-removals', '100000');
        mkdirSync(path);
        await refused();
        await refused('--accept-removals', '100000');
        const plan = await job.run('cutover');
        expect(plan.code).toBe(4);
        unchanged();
      } finally {
        rmSync(path, { recursive: true, force: true });
        renameSync(`${path}.away`, path);
      }
    },
  );

  it.each(['spool/default', 'spool/p2', 'meta/default', 'meta/p2'])(
    '%s not mounted before the first pass: refused, said once, and no cutover is final without it',
    async (root) => {
      const path = join(lab.spoolDir, root);
      const fresh = await lab.job(`first-without-${root.replace('/', '-')}`);
      const before = [...targetTree(fresh.target).keys()];
      renameSync(path, `${path}.away`);
      mkdirSync(path);
      try {
        for (const command of [['presync'], ['cutover', '--dry-run'], ['cutover']]) {
          const { problems } = await fresh.must(4, command[0]!, ...command.slice(1));
          expect(problems[0]!.code).toBe('guard');
          expect(problems.map(({ code }) => code)).not.toContain('mailbox-files-missing');
        }
        mkdirSync(join(path, 'stage.')); // as a server makes it that was started without the mount
        await fresh.must(4, 'presync');
        rmSync(join(path, 'stage.'), { recursive: true });
        expect([...targetTree(fresh.target).keys()]).toEqual(before);
        for (const command of ['survey', 'leftovers'])
          expect((await fresh.must(3, command)).problems).toContainEqual(
            expect.objectContaining({ code: 'partition-empty', path: expect.stringMatching(`${root}$`) }),
          );
      } finally {
        rmSync(path, { recursive: true, force: true });
        renameSync(`${path}.away`, path);
      }
    },
  );

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['cut off in its header', (bytes) => bytes.subarray(0, 60)],
    ['cut off in its records', (bytes) => bytes.subarray(0, bytes.length - 10)],
    ['with a flipped bit in its header', (bytes) => flipped(bytes, 40)],
    ['with a flipped bit in a record', (bytes) => flipped(bytes, bytes.length - 30)],
    ['all zero', zeroed],
  ])('an index %s: that mailbox fails, nothing of it is taken away', async (_, damage) => {
    const entry = lab.live().find((m) => lab.messageFiles(m).length > 3)!;
    const file = lab.indexFile(entry);
    await withFile(
      file,
      () => writeFileSync(file, damage(readFileSync(file))),
      async () => {
        const pass = await job.must(3, 'presync');
        expect(pass.mailboxes).toMatchObject({ failed: 1, removed: 0, created: 0 });
        expect(pass.messages.removed).toBe(0);
        expect(pass.problems.map((p) => (p as { mailbox?: string }).mailbox)).toEqual([entry.name]);
        unchanged();
      },
    );
    const healed = await job.presync();
    expect(healed.mailboxes.failed).toBe(0);
    unchanged();
  });

  it('an index damaged from the first pass on: copied as it stands, and as any other once it is mended', async () => {
    const entry = lab.live().find((m) => lab.messageFiles(m).length > 3)!;
    const file = lab.indexFile(entry);
    const stray = join(lab.dataDir(entry), '987654.');
    const fresh = await lab.job('damaged-first');
    copyFileSync(lab.messageFiles(entry)[0]!, stray);
    await withFile(
      file,
      () => writeFileSync(file, flipped(readFileSync(file), 40)),
      async () => {
        expect((await fresh.must(3, 'presync')).mailboxes).toMatchObject({ failed: 1 });
        expect([...targetTree(fresh.target).keys()].filter((path) => path.endsWith('/987654.')).length).toBe(1);
      },
    );
    try {
      expect((await fresh.presync()).mailboxes).toMatchObject({ failed: 0 });
      expect([...targetTree(fresh.target).keys()].filter((path) => path.endsWith('/987654.'))).toEqual([]);
      const cutover = await fresh.must([0, 3], 'cutover');
      expect((cutover.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
      expect(cutover.final).toBe(true);
    } finally {
      unlinkSync(stray);
    }
  });

  it('a directory of a mailbox gone', async () => {
    const entry = lab.live().find((m) => lab.messageFiles(m).length > 3)!;
    const dirs = [...new Set(lab.roleDirectories(entry))];
    for (const dir of dirs) renameSync(dir, `${dir}-away`);
    try {
      const pass = await job.must(3, 'presync');
      expect(pass.mailboxes).toMatchObject({ removed: 0, created: 0 });
      unchanged();
    } finally {
      for (const dir of dirs) renameSync(`${dir}-away`, dir);
    }
  });

  it('more than a tenth and more than 20 mailboxes gone: refused until that number is accepted', async () => {
    const list = lab.mailboxes();
    const victims = list
      .filter((m) => isLive(m) && !isDeletedName(m.name, lab.conf) && /^user\.(a|b|c|d)/.test(m.name))
      .slice(0, 40);
    expect(victims.length).toBeGreaterThan(20);
    await withFile(
      lab.mailboxesDb,
      () => lab.writeMailboxes(list.filter((m) => !victims.includes(m))),
      async () => {
        const [problem] = await refused();
        expect(problem!.code).toBe('guard');
        const told = /--accept-removals (\d+)/.exec(`${problem!.message} ${problem!.advice}`)![1]!;
        expect(Number(told)).toBeGreaterThanOrEqual(victims.length);
        await refused('--accept-removals', String(victims.length - 1));
        const cutover = await job.run('cutover');
        expect(cutover.code).toBe(4);
        unchanged();
        const pass = await job.presync('--accept-removals', told);
        expect(pass.mailboxes.removed).toBe(victims.length);
        const other = await lab.job('fresh');
        other.adoptAssigned(job);
        await other.presync();
        expect(
          differences(targetTree(other.target, { links: false }), targetTree(job.target, { links: false })),
        ).toEqual([]);
      },
    );
    job.restore('copied');
  });

  it('20 mailboxes gone: removed without a question', async () => {
    const list = lab.mailboxes();
    const victims = list
      .filter((m) => isLive(m) && !isDeletedName(m.name, lab.conf) && lab.messageFiles(m).length < 4)
      .slice(0, 20);
    await withFile(
      lab.mailboxesDb,
      () => lab.writeMailboxes(list.filter((m) => !victims.includes(m))),
      async () => expect((await job.presync()).mailboxes.removed).toBe(20),
    );
    job.restore('copied');
  });

  it('more than a tenth of the messages gone: removals are held back, exit 3, until accepted', async () => {
    const list = lab.mailboxes();
    // Fewer than 21 mailboxes, the largest: only the messages are many.
    const size = (m: (typeof list)[number]) => lab.messageFiles(m).length;
    const victims = list
      .filter((m) => isLive(m) && !isDeletedName(m.name, lab.conf))
      .sort((a, b) => size(b) - size(a))
      .slice(0, 15);
    await withFile(
      lab.mailboxesDb,
      () => lab.writeMailboxes(list.filter((m) => !victims.includes(m))),
      async () => {
        const pass = await job.must(3, 'presync');
        expect(pass.problems.map((p) => p.code)).toContain('removals-held-back');
        expect(pass.messages.removed).toBe(0);
        expect(pass.mailboxes.removed).toBe(0);
        unchanged();
        const n = /--accept-removals (\d+)/.exec(
          pass.problems.find((p) => p.code === 'removals-held-back')!.advice,
        )![1]!;
        const accepted = await job.presync('--accept-removals', n);
        expect(accepted.mailboxes.removed).toBe(15);
        expect(accepted.messages.removed).toBeGreaterThan(0);
      },
    );
    job.restore('copied');
  });
});

describe('source and target that are not two', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open('3.6-virtdomains', { partitions: ['default', 'p2'] });
  });
  afterAll(() => lab.close());

  const old = () => lab.spoolDir;
  it.each<[string, () => Record<string, string>]>([
    [
      'the very same',
      () => ({
        configdirectory: `${old()}/conf`,
        'partition-default': `${old()}/spool/default`,
        'partition-p2': `${old()}/spool/p2`,
      }),
    ],
    ['one partition the same', () => ({ 'partition-p2': `${old()}/spool/p2` })],
    ['a target within the source', () => ({ 'partition-default': `${old()}/spool/default/new` })],
    ['a source within the target', () => ({ 'partition-default': `${old()}/spool` })],
    ['the same configdirectory', () => ({ configdirectory: `${old()}/conf` })],
    ['the same by a link', () => ({ 'partition-default': `${lab.dir}/link` })],
  ])('%s: exit 4', async (name, options) => {
    const dir = join(lab.dir, name.replaceAll(' ', '-'));
    for (const d of ['conf', 'sieve', 'spool/default', 'spool/p2']) mkdirSync(join(dir, d), { recursive: true });
    if (name.includes('link')) symlinkSync(`${old()}/spool/default`, `${lab.dir}/link`);
    const within = join(old(), 'spool/default/new');
    if (name.includes('within the source')) mkdirSync(within);
    const conf = join(dir, 'imapd.conf');
    writeFileSync(
      conf,
      imapdConf(
        { dir, partitions: ['default', 'p2'], options: { cyrus_user: '1234', cyrus_group: '1235', ...options() } },
        'torture',
      ),
    );
    const before = targetTree(old());
    const job = ['--job', join(dir, 'job.toml')];
    const from = [
      '--from',
      '/srv/old/3.6-virtdomains/imapd.conf',
      '--from-root',
      join(lab.dir, 'old-root'),
      '--from-version',
      '3.6',
    ];
    await runCyrsync(['init', ...from, '--to', conf, '--to-version', '3.6', ...job]);
    for (const command of ['presync', 'cutover']) {
      const { document } = await runCyrsync([command, ...job], { exit: [4] });
      expect(document.problems[0]!.code).toBe('same-place');
    }
    expect(differences(before, targetTree(old()))).toEqual([]);
    rmSync(within, { recursive: true, force: true });
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 4;
  return copy;
}
