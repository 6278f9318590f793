import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCyrsync } from '../support/cyrsync.js';

const SPOOL = '2.3-skiplist-uhs';
const TAR = fileURLToPath(new URL(`../../fixtures/spools/${SPOOL}.tar.gz`, import.meta.url));
let root: string;
let to: string;
let job: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cyrsync-init-'));
  const dir = join(root, 'srv/old', SPOOL);
  mkdirSync(dir, { recursive: true });
  execFileSync('tar', ['-xzf', TAR, '--no-same-owner', '-C', dir]);
  to = join(root, 'new.conf');
  job = join(root, 'job.toml');
  writeFileSync(to, target());
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function target(more = ''): string {
  const lines = [
    'configdirectory: /N/conf',
    'partition-default: /N/spool',
    'partition-p2: /N/p2',
    'sievedir: /N/sieve',
  ];
  return `${lines.map((line) => line.replace(' /N', ` ${root}/N`)).join('\n')}\ncyrus_user: root\ncyrus_group: root\n${more}`;
}

function init(exit: number, from = `/srv/old/${SPOOL}/imapd.conf`) {
  const args = [
    'init',
    '--from',
    from,
    '--from-root',
    root,
    '--from-version',
    '2.3',
    '--to',
    to,
    '--to-version',
    '3.6',
  ];
  return runCyrsync([...args, '--job', job, '--force'], { exit: [exit] });
}

describe('init', () => {
  it('of a sound spool ends with 0', async () => {
    const { document } = await init(0);
    expect(document.problems).toEqual([]);
    // the server that wrote it had its passwords in sasldb2
    expect(document.unsupported).toMatchObject([{ side: 'source', option: 'sasl_pwcheck_method', value: 'auxprop' }]);
  });

  it('refuses a target whose partitions overlap, naming both, and writes no job file', async () => {
    writeFileSync(to, target(`partition-p3: ${root}/N/p2/p3\n`));
    const { document } = await init(2);
    expect(document.problems).toMatchObject([
      { code: 'partitions-overlap', message: expect.stringMatching(/partition-p3 .*lies within partition-p2 /) },
    ]);
    expect(existsSync(job)).toBe(false);
  });

  it.each(['survey', 'plan', 'presync', 'status', 'where'])('%s refuses it as well', async (command) => {
    await init(0);
    writeFileSync(to, target(`partition-p3: ${root}/N/p2/\n`));
    const args = command === 'where' ? ['where', 'user.alice'] : [command];
    const { document } = await runCyrsync([...args, '--job', job], { exit: [2] });
    expect(document.problems).toMatchObject([{ code: 'partitions-overlap' }]);
  });

  it('only notes overlapping partitions of the source: that server ran so', async () => {
    const conf = join(root, 'srv/old', SPOOL, 'imapd.conf');
    const text = readFileSync(conf, 'latin1');
    writeFileSync(conf, `${text}partition-p9: /srv/old/${SPOOL}/spool/p2/p9\n`, 'latin1');
    const { document } = await init(0);
    expect(document.notes).toContainEqual(expect.stringMatching(/partition-p9 .* lies within partition-p2 /));
  });

  it.each([
    ['the imapd.conf of a server without root, or within it', ['--from-root', '.']],
    ['one that lies outside of the root', ['--from-root', '.', '--to-root', 'N']],
  ])('writes a job file that works from every directory, given relative paths: %s', async (_what, roots) => {
    writeFileSync(to, target().replaceAll(` ${root}/N`, roots.length > 2 ? ' ' : ` ${root}/N`));
    mkdirSync(join(root, 'N/etc'), { recursive: true });
    writeFileSync(join(root, 'N/etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
    writeFileSync(join(root, 'N/etc/group'), 'root:x:0:\n');
    const from = join('srv/old', SPOOL, 'imapd.conf');
    const versions = ['--from-version', '2.3', '--to-version', '3.6'];
    const args = ['init', '--from', from, '--to', 'new.conf', ...roots, ...versions, '--job', 'job.toml'];
    await runCyrsync(args, { cwd: root });
    await runCyrsync(['status', '--job', job], { cwd: '/' }); // as cron starts it
  });

  it('leaves the access times of the old imapd.conf and of a database that is looked at', async () => {
    const conf = join(root, 'srv/old', SPOOL, 'imapd.conf');
    const database = join(root, 'srv/old', SPOOL, 'conf/mailboxes.db');
    const long = new Date('2020-01-01'); // one that a read would renew, on a mount with relatime as well
    for (const file of [conf, database]) utimesSync(file, long, statSync(file).mtime);
    await init(0);
    await runCyrsync(['status', '--job', job]);
    await runCyrsync(['db', 'check', database]);
    await runCyrsync(['db', 'dump', database]);
    for (const file of [conf, database]) expect(statSync(file).atime).toEqual(long);
  });

  it('where takes internal and external names, and says which are no mailboxes', async () => {
    await init(0);
    const names = ['user.alice', 'user/bob', 'alice', 'user.nobody'];
    const { document } = await runCyrsync(['where', ...names, '--job', job], { exit: [3] });
    const found = document.mailboxes as { name: string; external: string }[];
    expect(found.map(({ name }) => name).sort()).toEqual(['user.alice', 'user.bob']);
    expect(document.problems).toMatchObject([
      { code: 'no-such-mailbox', mailbox: 'alice' },
      { code: 'no-such-mailbox', mailbox: 'user.nobody' },
    ]);
  });

  it('says what is set and does not come along', async () => {
    writeFileSync(to, target('search_engine: xapian\nsync_log: yes\n'));
    const { document } = await init(0);
    expect(document.unsupported).toMatchObject([
      { side: 'source', option: 'sasl_pwcheck_method' },
      { side: 'target', option: 'sync_log' },
      { side: 'target', option: 'search_engine' },
    ]);
  });

  it('of a spool whose hash directories are others than imapd.conf says ends with 3, and writes the job file', async () => {
    const conf = join(root, 'srv/old', SPOOL, 'imapd.conf');
    const text = readFileSync(conf, 'latin1');
    expect(text).not.toMatch(/fulldirhash: *(?:yes|1)/);
    writeFileSync(conf, `${text.replace(/^fulldirhash.*\n/m, '')}fulldirhash: yes\n`, 'latin1');
    const { document } = await init(3);
    expect(document.problems.map(({ code }) => code)).toContain('layout-contradicts-conf');
    expect(document.problems[0]?.message).toMatch(
      /of \d+ looked at \(\d+ live\), 0 lie there; \d+ lie only in hash directories of one letter/,
    );
    expect(existsSync(job)).toBe(true);
    const survey = await runCyrsync(['survey', '--no-prove', '--job', job], { exit: [3] });
    expect(survey.document.problems.map(({ code }) => code)).toContain('layout-contradicts-conf');
  });
});
