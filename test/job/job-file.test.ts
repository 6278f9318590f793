import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import { initCommand } from '../../src/cli/init.js';
import { parseJobFile } from '../../src/job/job-file.js';

const MINIMAL =
  '[source]\nimapd_conf = "/etc/imapd.conf"\nversion = "2.3"\n[target]\nimapd_conf = "/etc/new.conf"\nversion = "3.6"\n';

function whyOf(text: string): string {
  try {
    parseJobFile(text, 'job.toml');
  } catch (error) {
    if (error instanceof ConfigError) return error.why;
    throw error;
  }
  return 'accepted';
}

/** Of a job file that says nothing about it. */
const PLACEMENT = {
  ...{ unit: 'user', map: {}, pins: {}, domains: {}, exclude: [], reserve: { part: 0.02 } },
  ...{ wanted_spread: 1.02, spread_limit: 1.2, growth_days: 30, links: true },
};

const WATCH = {
  ...{ hints: 'auto', busiest: 500, quiet_time: 3, max_delay: 60, at_most_every: 15 },
  ...{ sweep_percent: 2, sweep_most: 300 },
};

describe('a job file', () => {
  it('needs no more than both configurations and their versions', () => {
    expect(parseJobFile(MINIMAL, 'job.toml')).toEqual({
      source: { imapd_conf: '/etc/imapd.conf', root: '', version: '2.3' },
      target: { imapd_conf: '/etc/new.conf', root: '', version: '3.6' },
      placement: PLACEMENT,
      migrate: { deleted: 'migrate', rescue: 'copy', upgrade_indexes: 'needed' },
      select: { leave_out: [], unused_by: ['append', 'seen', 'login', 'change'] },
      leftovers: [],
      guard: { mailboxes: 20, mailboxes_percent: 10, messages_percent: 10 },
      run: {},
      watch: WATCH,
    });
  });

  it('takes pins and maps by names with dots', () => {
    const { placement } = parseJobFile(
      `${MINIMAL}[placement.pins]\n"user.ceo" = "fast"\n[placement.map]\ndefault = "a"\n`,
      'job.toml',
    );
    expect(placement).toMatchObject({ map: { default: 'a' }, pins: { 'user.ceo': 'fast' } });
  });

  it.each([
    ['a misspelt key', MINIMAL.replace('imapd_conf', 'imapd_config'), 'source.imapd_config'],
    ['a missing key', MINIMAL.replace('version = "3.6"\n', ''), 'target.version'],
    ['a version that no Cyrus has', MINIMAL.replace('"3.6"', '"3.7"'), 'target.version'],
    ['a version as a number', MINIMAL.replace('"3.6"', '3.6'), 'target.version'],
    ['an unknown section', `${MINIMAL}[gaurd]\nmailboxes = 1\n`, 'gaurd'],
    ['an unknown layout', MINIMAL.replace('version = "3.6"', 'version = "3.6"\nlayout = "hashed"'), 'target.layout'],
    ['an unknown policy', `${MINIMAL}[placement]\npolicy = "random"\n`, 'placement.policy'],
    ['a share beyond 100 %', `${MINIMAL}[guard]\nmessages_percent = 101\n`, 'guard.messages_percent'],
    ['a broken count', `${MINIMAL}[guard]\nmailboxes = 1.5\n`, 'guard.mailboxes'],
    ['no worker at all', `${MINIMAL}[run]\nworkers = 0\n`, 'run.workers'],
    ['a pin without quotes around its dots', `${MINIMAL}[placement.pins]\nuser.ceo = "fast"\n`, 'placement.pins.user'],
    ['hints that no source gives', `${MINIMAL}[watch]\nhints = "dreams"\n`, 'watch.hints'],
    ['a sweep of no time', `${MINIMAL}[watch]\nsweep_percent = 0\n`, 'watch.sweep_percent'],
    ['an empty name for the state', `state = ""\n${MINIMAL}`, 'state'],
  ])('with %s is refused by the name of the key', (_case, text, key) =>
    expect(whyOf(text)).toMatch(new RegExp(`(^|; )${key.replaceAll('.', '\\.')}: `)),
  );

  it('names every key that is wrong, not only the first', () => {
    const why = whyOf(`${MINIMAL.replace('"2.3"', '"1.6"')}[run]\nworkers = 65\n`);
    expect(why).toContain('source.version: ');
    expect(why).toContain('run.workers: ');
  });

  it('that is not TOML is refused by its name', () => {
    expect(() => parseJobFile('[source\n', 'job.toml')).toThrow(ConfigError);
    expect(() => parseJobFile('[source\n', 'job.toml')).toThrow('job.toml is not valid TOML');
  });
});

describe('the job file that init writes', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cyrsync-job-'));
  });
  afterEach(() => {
    process.exitCode = undefined;
    rmSync(dir, { recursive: true });
  });

  async function init(name: string, partitions: string[]): Promise<string> {
    const conf = join(dir, name);
    writeFileSync(
      conf,
      `configdirectory: ${dir}/conf\n${partitions.map((p) => `partition-${p}: ${dir}/${p}\n`).join('')}`,
    );
    const job = join(dir, 'job.toml');
    await initCommand().parseAsync(
      ['--quiet', '--job', job, '--from', conf, '--from-version', '2.4.17', '--to', conf, '--to-version', '3.6.1'],
      { from: 'user' },
    );
    return job;
  }

  it.each([
    ['imapd.conf', ['default', 'archive2']],
    ['imapd "quoted" \\ back.conf', ['default']],
    ['Entwürfe.conf', ['default']],
  ])('from %s reads back as what was found', async (name, partitions) => {
    const job = await init(name, partitions);
    expect(process.exitCode).toBe(0);
    expect(parseJobFile(readFileSync(job, 'utf8'), job)).toEqual({
      source: { imapd_conf: join(dir, name), root: '', version: '2.4' },
      target: { imapd_conf: join(dir, name), root: '', version: '3.6', layout: 'name' },
      placement: { policy: 'keep', ...PLACEMENT },
      migrate: { deleted: 'migrate', rescue: 'copy', upgrade_indexes: 'needed' },
      select: { leave_out: [], unused_by: ['append', 'seen', 'login', 'change'] },
      leftovers: [],
      guard: { mailboxes: 20, mailboxes_percent: 10, messages_percent: 10 },
      run: {},
      watch: WATCH,
    });
  });

  it('reads back with what it shows as comments switched on, too', async () => {
    const job = await init('imapd.conf', ['default']);
    const text = readFileSync(job, 'utf8').replace(
      /^# (?=mailboxes_dump|owner|group|\[placement\.|default =|"user\.ceo")/gm,
      '',
    );
    expect(parseJobFile(text, job)).toMatchObject({
      source: { mailboxes_dump: 'mailboxes.txt' },
      target: { owner: 'cyrus', group: 'mail' },
      placement: { map: { default: 'default' }, pins: { 'user.ceo': 'fast' } },
    });
  });

  it.each([
    ['2%', { part: 0.02 }],
    ['0.5 %', { part: 0.005 }],
    ['50 GiB', { bytes: 50 * 2 ** 30 }],
    ['1000', { bytes: 1000 }],
  ])('takes a reserve of %s', async (reserve, expected) => {
    const job = await init('imapd.conf', ['default']);
    const text = readFileSync(job, 'utf8').replace('[placement]', `[placement]\nreserve = ${JSON.stringify(reserve)}`);
    expect(parseJobFile(text, job).placement.reserve).toEqual(expected);
  });

  it.each([
    ['reserve = "100%"', 'placement.reserve: "100%" is neither'],
    ['reserve = "much"', 'placement.reserve: "much" is neither'],
    ['wanted_spread = 0.9', 'placement.wanted_spread'],
    ['unit = "folder"', 'placement.unit'],
    ['exlude = ["p1"]', 'placement.exlude'],
  ])('refuses %s by its name', async (line, message) => {
    const job = await init('imapd.conf', ['default']);
    const text = readFileSync(job, 'utf8').replace('[placement]', `[placement]\n${line}`);
    try {
      parseJobFile(text, job);
      expect.unreachable();
    } catch (error) {
      expect((error as { why: string }).why).toContain(message);
    }
  });

  it('is for its owner only, and is not overwritten', async () => {
    const job = await init('imapd.conf', ['default']);
    expect(statSync(job).mode & 0o777).toBe(0o600);
    writeFileSync(job, 'choices that people made');
    await init('imapd.conf', ['default']);
    expect(process.exitCode).toBe(2);
    expect(readFileSync(job, 'utf8')).toBe('choices that people made');
  });
});
