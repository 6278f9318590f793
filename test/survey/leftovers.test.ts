/**
 * Real spools, each with a truth about what was left in it by hand and by the server (planted.json beside them; see
 * fixtures/spools/README.md).
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { SourceTrees } from '../../src/disk/trees.js';
import { takeInventory } from '../../src/inventory/inventory.js';
import { loadJob } from '../../src/job/job.js';
import { ProblemList } from '../../src/model/problem.js';
import { State } from '../../src/state/state.js';
import type { Leftover, LeftoversResult } from '../../src/survey/leftover.js';
import { filesOf } from '../../src/survey/leftover-files.js';
import { findLeftovers } from '../../src/survey/leftovers.js';
import { snapshotTree } from '../support/spool.js';

const SPOOLS = fileURLToPath(new URL('../../fixtures/spools/', import.meta.url));
const NAMES = readdirSync(SPOOLS).flatMap((file) => /^(.+)\.planted\.json$/.exec(file)?.[1] ?? []);

interface Planted {
  readonly root: string;
  readonly planted: readonly PlantedLeftover[];
  readonly left_by_sigkill_in_rename?: readonly PlantedLeftover[];
  readonly empty_directories_left_by_the_server?: readonly string[];
}
interface PlantedLeftover {
  readonly kind: string;
  readonly paths: readonly string[];
  readonly unique_messages?: readonly { path: string; size: number; sha1_guid: string }[];
}

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A spool unpacked, with a job; `find` may be called again after a change. */
function unpack(name: string) {
  const root = mkdtempSync(join(tmpdir(), 'cyrsync-leftovers-'));
  made.push(root);
  const dir = join(root, 'srv/old', name);
  mkdirSync(dir, { recursive: true });
  execFileSync('tar', ['-xpzf', `${SPOOLS}${name}.tar.gz`, '--no-same-owner', '-C', dir]);
  const target = join(root, 'target.conf');
  writeFileSync(target, 'configdirectory: /var/lib/cyrus\npartition-default: /var/spool/cyrus\n');
  const jobFile = join(root, 'job.toml');
  writeFileSync(
    jobFile,
    `[source]\nimapd_conf = "/srv/old/${name}/imapd.conf"\nroot = "${root}"\nversion = "${name.split('-')[0]}"\n` +
      `[target]\nimapd_conf = "${target}"\nversion = "3.6"\nowner = "0"\ngroup = "0"\n`,
  );
  const planted = JSON.parse(readFileSync(`${SPOOLS}${name}.planted.json`, 'utf8')) as Planted;
  const run = <T>(
    use: (found: LeftoversResult, files: (of: readonly Leftover[]) => string[]) => T,
    prove = true,
  ): T => {
    const job = loadJob(jobFile);
    const state = new State(job.stateFile);
    const trees = new SourceTrees(job.source);
    try {
      const found = findLeftovers(job, state, trees, takeInventory(job, state, trees, new ProblemList()), { prove });
      return use(found, (of) => [...filesOf(job, trees, of, found.files)]);
    } finally {
      trees.close();
      state.close();
    }
  };
  return { dir, root, planted, run, find: (prove = true) => run((found) => found, prove) };
}

/** Where the INBOX of alice keeps its messages. */
function strayIn(dir: string): string {
  const inbox = readdirSync(dir, { recursive: true, encoding: 'latin1' }).find((path) =>
    /^spool\/[^/]+\/(?:\w\/)?user\/alice$|^spool\/[^/]+\/uuid\/.\/.\/[^/]+$/.test(path),
  );
  return `${inbox}/4000000.`;
}

function byPath(leftovers: readonly Leftover[]): Map<string, Leftover> {
  return new Map(leftovers.flatMap((leftover) => leftover.paths.map((path) => [path, leftover] as const)));
}

/** Every regular file and directory below the roots that imapd.conf names, by a walk of its own. */
function countTree(paths: readonly string[]): { files: number; bytes: number; directories: number } {
  const total = { files: 0, bytes: 0, directories: 0 };
  const visit = (path: Buffer): void => {
    const stat = lstatSync(path);
    if (stat.isFile()) {
      total.files++;
      total.bytes += stat.size;
    }
    if (!stat.isDirectory()) return;
    total.directories++;
    for (const name of readdirSync(path, 'buffer')) visit(Buffer.concat([path, Buffer.from('/'), name]));
  };
  for (const path of paths) visit(Buffer.from(path));
  return total;
}

it('walks search partitions: databases of users are live, of those who are gone they are left', () => {
  const spool = unpack('3.2-uhs-meta');
  const at = (path: string) => join(spool.dir, 'search', path);
  for (const path of ['a/user/alice/xapian', 'n/user/nobody/xapian', 'n/user/none'])
    mkdirSync(at(path), { recursive: true });
  writeFileSync(at('a/user/alice/xapian/iamglass'), 'live');
  writeFileSync(at('n/user/nobody/xapian/iamglass'), 'of nobody');
  const root = '/srv/old/3.2-uhs-meta/search';
  appendFileSync(join(spool.dir, 'imapd.conf'), `\nt1searchpartition-default: ${root}\n`);
  const { leftovers, account } = spool.find();
  const found = leftovers.filter(({ paths }) => paths[0]!.startsWith(root));
  expect(found.map((l) => [l.class, l.verdict, l.files, l.paths[0]!.slice(root.length + 1)])).toEqual([
    ['stale-user-file', 'skip', 1, 'n/user/nobody/xapian'],
    ['empty-directory', 'skip', 0, 'n/user/none'],
  ]);
  expect(account.classes.find((c) => c.class === 'search')).toMatchObject({ files: 1, bytes: 4 });
  expect(account.roots.find((r) => r.kind === 'search')).toMatchObject({ path: root, files: 2, directories: 10 });
  expect(account.unaccounted).toBe(0);
});

it('has spools to look at', () => expect(NAMES).toContain('2.4-netnews-meta'));

describe.each(NAMES)('%s', (name) => {
  it('shows every planted leftover, and of live directories none', () => {
    const spool = unpack(name);
    const before = snapshotTree(spool.dir);
    const { leftovers } = spool.find();
    expect(snapshotTree(spool.dir)).toEqual(before); // not even looked at in a way that shows

    const found = byPath(leftovers);
    const known = [...spool.planted.planted, ...(spool.planted.left_by_sigkill_in_rename ?? [])];
    const full = (path: string) => `${spool.planted.root}/${path}`;
    const truth = known.flatMap(({ paths }) => paths.map(full));
    const within = (path: string, parents: Iterable<string>) =>
      [...parents].some((parent) => path.startsWith(`${parent}/`));
    expect(truth.filter((path) => !found.has(path) && !within(path, found.keys()))).toEqual([]);

    const mayBeEmpty = (spool.planted.empty_directories_left_by_the_server ?? []).map(full);
    const others = leftovers
      .filter(({ class: c }) => c !== 'deleted-awaiting-expire' && c !== 'empty-directory')
      .flatMap(({ paths }) => paths);
    expect(others.filter((path) => !truth.includes(path))).toEqual([]);
    const empty = leftovers.filter(({ class: c }) => c === 'empty-directory').flatMap(({ paths }) => paths);
    const isHashDirectory = (path: string) => /\/uuid\/.(\/.)?$/.test(path);
    expect(
      empty.filter(
        (path) =>
          ![...truth, ...mayBeEmpty].some((one) => one === path || one.startsWith(`${path}/`)) &&
          !isHashDirectory(path),
      ),
    ).toEqual([]);
  });

  it('accounts for every file and directory, in one class each, at the first walk and from memory', async () => {
    const spool = unpack(name);
    const tops = ['conf', 'spool', 'meta', 'archive', 'sieve'].map((top) => join(spool.dir, top));
    // What lies between the roots is none of Cyrus's: spool/ itself.
    const roots = tops.flatMap((top) =>
      !existsSync(top) || /conf$|sieve$/.test(top) ? [top] : readdirSync(top).map((one) => join(top, one)),
    );
    const seen = countTree(roots.filter((path) => existsSync(path)));
    expect(seen.files).toBeGreaterThan(100);
    await sleep(2200); // younger directories are not remembered
    for (const round of ['first', 'second', 'third']) {
      if (round === 'third') {
        // A live mailbox gets a stray file: that directory is looked at again.
        const stray = join(spool.dir, strayIn(spool.dir));
        writeFileSync(stray, 'From: a\r\n\r\nstray\r\n');
        seen.files++;
        seen.bytes += statSync(stray).size;
      }
      const { account, totals, leftovers, listed } = spool.find();
      if (round !== 'first') expect(listed).toBeLessThan(account.directories / 3);
      const { files, bytes, directories } = account;
      expect({ files, bytes, directories }).toEqual(seen);
      expect(account.unaccounted).toBe(0);
      const sum = (of: 'files' | 'bytes' | 'directories', list: readonly { [key in typeof of]: number }[]) =>
        list.reduce((total, one) => total + one[of], 0);
      for (const of of ['files', 'bytes', 'directories'] as const) {
        expect(sum(of, account.classes), of).toBe(seen[of]);
        expect(sum(of, account.roots), of).toBe(seen[of]);
      }
      expect(account.classes.every((c) => c.directories >= 0 && c.files >= 0)).toBe(true);
      expect(sum('files', totals)).toBe(leftovers.reduce((total, l) => total + l.files, 0));
      const paths = leftovers.flatMap((l) => l.paths);
      expect(new Set(paths).size).toBe(paths.length);
    }
  });

  it('shows as only here what no live mailbox has, by its real SHA-1', () => {
    const spool = unpack(name);
    const { leftovers } = spool.find();
    const known = [...spool.planted.planted, ...(spool.planted.left_by_sigkill_in_rename ?? [])];
    const unique = known
      .filter(({ kind }) => kind !== 'stale-copy-with-purged-messages') // expunged in the live mailbox since
      .flatMap(({ unique_messages }) => unique_messages ?? [])
      .map(({ path, size, sha1_guid }) => ({ path: `${spool.planted.root}/${path}`, guid: sha1_guid, bytes: size }));
    const order = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
    expect(leftovers.flatMap(({ onlyHere }) => onlyHere).sort(order)).toEqual(unique.sort(order));
    if (spool.planted.planted.length > 10) expect(unique.length).toBeGreaterThan(7);
    for (const { verdict, onlyHere } of leftovers) expect(verdict === 'rescue').toBe(onlyHere.length > 0);
  });
});

describe('a spool that is not as it was', () => {
  const name = '2.4-netnews-meta';
  const place = `/srv/old/${name}/spool/default/user/alice/Crossed`;
  const live = `spool/p2/user/alice/Crossed`;

  it('does not take a message for live whose file is gone, though an index has its GUID', () => {
    const spool = unpack(name);
    expect(byPath(spool.find().leftovers).get(place)?.verdict).toBe('skip');
    const names = readdirSync(join(spool.dir, live)).filter((file) => /^\d+\.$/.test(file));
    for (const file of names) unlinkSync(join(spool.dir, live, file));
    const found = byPath(spool.find().leftovers).get(place);
    expect(found?.verdict).toBe('rescue');
    expect(found?.onlyHere).toHaveLength(found?.messages ?? 0);
  });

  it('nor one whose file has other content, of the same length', () => {
    const spool = unpack(name);
    const file = readdirSync(join(spool.dir, live)).find((one) => /^\d+\.$/.test(one))!;
    const path = join(spool.dir, live, file);
    const bytes = readFileSync(path);
    unlinkSync(path); // it may be a hard link of the stale one
    writeFileSync(
      path,
      bytes.map((byte, i) => (i === bytes.length - 3 ? byte ^ 1 : byte)),
    );
    expect(
      byPath(spool.find().leftovers)
        .get(place)
        ?.onlyHere.map((one) => basename(one.path)),
    ).toEqual([file]);
  });

  it('takes a full directory without record for an orphan, or for replaced where its name is in use', () => {
    const spool = unpack(name);
    const header = `meta/default/user/alice/Crossed/cyrus.header`;
    const text = readFileSync(join(spool.dir, header), 'latin1');
    expect(text).toContain('1252eca66b047e01');
    writeFileSync(join(spool.dir, header), Buffer.from(text.replace('1252eca66b047e01', '00000000deadbeef'), 'latin1'));
    expect(byPath(spool.find().leftovers).get(place)?.class).toBe('replaced');
    for (const kind of ['spool', 'meta']) {
      const at = join(spool.dir, kind, 'default/user/alice');
      renameSync(join(at, 'Crossed'), join(at, 'Nowhere'));
    }
    const orphan = byPath(spool.find().leftovers).get(place.replace('Crossed', 'Nowhere'));
    expect(orphan).toMatchObject({
      class: 'orphan-mailbox',
      mailbox: 'user.alice.Nowhere',
      uniqueid: '00000000deadbeef',
      verdict: 'skip',
    });
    expect(orphan?.paths).toHaveLength(2);
  });

  it('names what is not Cyrus’s by itself, and never hands it out with a mailbox’s files', () => {
    const spool = unpack(name);
    writeFileSync(join(spool.root, place, 'notes.txt'), 'mine');
    mkdirSync(join(spool.dir, 'spool/default/backup'));
    writeFileSync(join(spool.dir, 'spool/default/backup/old.tar'), 'mine');
    symlinkSync('/etc', join(spool.dir, 'spool/default/user/alice/link'));
    mkdirSync(join(spool.dir, 'spool/default/lost+found'));
    spool.run(({ leftovers }, files) => {
      const found = byPath(leftovers);
      const foreign = leftovers.filter((leftover) => leftover.class === 'foreign').flatMap(({ paths }) => paths);
      expect(foreign).toEqual(
        [
          `/srv/old/${name}/spool/default/backup`,
          `/srv/old/${name}/spool/default/user/alice/link`,
          `${place}/notes.txt`,
        ].sort(),
      );
      const stale = found.get(place)!;
      expect(stale.files).toBe(files([stale]).length);
      expect(
        files([stale]).filter((file) => dirname(file) === place && !/\/(\d+\.|cyrus\.[a-z]+)$/.test(file)),
      ).toEqual([]);
      const skipped = files(leftovers.filter(({ verdict }) => verdict === 'skip'));
      expect(skipped.length).toBeGreaterThan(50);
      expect(skipped.every((file) => statSync(spool.root + file).isFile())).toBe(true);
      expect(skipped.filter((file) => file.endsWith('notes.txt') || file.includes('/backup/'))).toEqual([]);
    });
  });

  it('knows a live directory by whatever path it comes', () => {
    const spool = unpack(name);
    symlinkSync('p2', join(spool.dir, 'spool/alias'));
    appendFileSync(join(spool.dir, 'imapd.conf'), `\npartition-alias: /srv/old/${name}/spool/alias\n`);
    const found = byPath(spool.find().leftovers);
    const alias = [...found.keys()].filter((path) => path.includes('/spool/alias/'));
    expect(alias.filter((path) => !found.has(path.replace('/spool/alias/', '/spool/p2/')))).toEqual([]);
    expect(found.has(`/srv/old/${name}/spool/p2/user/alice/Crossed`)).toBe(false);
  });

  it('passes nothing over where most mailboxes are not where imapd.conf says', () => {
    const spool = unpack(name);
    appendFileSync(join(spool.dir, 'imapd.conf'), '\nhashimapspool: yes\n');
    const conf = readFileSync(join(spool.dir, 'imapd.conf'), 'utf8').replace('hashimapspool: no\n', '');
    writeFileSync(join(spool.dir, 'imapd.conf'), conf);
    const { leftovers } = spool.find();
    const full = leftovers.filter(({ class: c }) => c !== 'empty-directory' && c !== 'deleted-awaiting-expire');
    expect(full.length).toBeGreaterThan(100);
    expect(full.filter(({ verdict }) => verdict === 'skip')).toEqual([]);
  });

  it('says the same again from what it remembers, and without comparing has no proof', () => {
    const spool = unpack(name);
    const first = spool.find();
    const again = spool.find();
    expect([again.leftovers, again.totals, again.account]).toEqual([first.leftovers, first.totals, first.account]);
    const unproven = spool.find(false);
    expect(unproven.totals).toEqual(first.totals);
    expect(unproven.leftovers.filter(({ verdict }) => verdict === 'rescue')).toEqual([]);
    expect(byPath(unproven.leftovers).get(place)?.verdict).toBe('person');
  });
});
