/**
 * Leftovers on real spools: what cyrsync finds, what the old server's own `ctl_mboxlist -v` said, and what a plain
 * rsync copies for nothing. `npx vite-node test/bench/leftovers-compare.ts [--spools DIR] [--readme]`: prints a table,
 * with --readme puts it into README.md between its markers. DIR has NAME.tar.gz, NAME.planted.json and, where that
 * version's tool was run, NAME.tools/ctl_mboxlist-v.txt. Needs rsync; owners are not kept, so no root.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatBytes } from '../../src/base/units.js';
import { SourceTrees } from '../../src/disk/trees.js';
import { takeInventory } from '../../src/inventory/inventory.js';
import { loadJob } from '../../src/job/job.js';
import { ProblemList } from '../../src/model/problem.js';
import { State } from '../../src/state/state.js';
import { filesOf } from '../../src/survey/leftover-files.js';
import { findLeftovers } from '../../src/survey/leftovers.js';

interface Planted {
  readonly root: string;
  readonly planted: readonly { kind: string; paths: readonly string[] }[];
  readonly left_by_sigkill_in_rename?: readonly { kind: string; paths: readonly string[] }[];
  readonly empty_directories_left_by_the_server?: readonly string[];
}

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const { values } = parseArgs({
  options: { spools: { type: 'string', default: join(REPOSITORY, '../shared/spools') }, readme: { type: 'boolean' } },
});

function compare(dir: string, name: string): string[] {
  const root = mkdtempSync(join(tmpdir(), 'cyrsync-compare-'));
  try {
    const spool = join(root, 'srv/old', name);
    mkdirSync(spool, { recursive: true });
    execFileSync('tar', ['-xpzf', join(dir, `${name}.tar.gz`), '--no-same-owner', '-C', spool]);
    const truth = JSON.parse(readFileSync(join(dir, `${name}.planted.json`), 'utf8')) as Planted;
    const all = [...truth.planted, ...(truth.left_by_sigkill_in_rename ?? [])];
    const paths = all.flatMap((one) => one.paths).map((path) => `${truth.root}/${path}`);
    const isFull = (path: string) =>
      isDirectory(root + path) && readdirSync(root + path).some((f) => !isDirectory(`${root}${path}/${f}`));
    const stale = paths.filter(isFull);
    const empty = [
      ...(truth.empty_directories_left_by_the_server ?? []).map((path) => `${truth.root}/${path}`),
      ...paths,
    ];

    writeFileSync(join(root, 'new.conf'), 'configdirectory: /new\npartition-default: /new/spool\n');
    writeFileSync(
      join(root, 'job.toml'),
      `[source]\nimapd_conf = "/srv/old/${name}/imapd.conf"\nroot = "${root}"\nversion = "${name.split('-')[0]}"\n[target]\nimapd_conf = "${root}/new.conf"\nversion = "3.12"\nowner = "0"\ngroup = "0"\n`,
    );
    const job = loadJob(join(root, 'job.toml'));
    const state = new State(job.stateFile);
    const trees = new SourceTrees(job.source);
    const found = findLeftovers(job, state, trees, takeInventory(job, state, trees, new ProblemList()), {
      prove: true,
    });
    const own = found.leftovers.filter((l) => l.class !== 'deleted-awaiting-expire');
    const named = new Set(own.flatMap((l) => l.paths));
    const hit = (path: string) =>
      named.has(path) ||
      named.has(path.slice(0, path.lastIndexOf('/'))) ||
      [...named].some((one) => path.startsWith(`${one}/`));
    const wrong = own
      .filter((l) => l.class !== 'empty-directory')
      .flatMap((l) => l.paths)
      .filter((path) => !paths.includes(path));
    const garbage = new Set([...filesOf(job, trees, own, found.files)].map((path) => root + path));
    trees.close();
    state.close();

    // rsync as everybody runs it: the directories as they are.
    const copy = join(root, 'copy');
    mkdirSync(copy);
    const tops = ['spool', 'meta', 'archive', 'conf/user', 'conf/quota'].filter((top) => existsSync(join(spool, top)));
    execFileSync('rsync', ['-aHR', ...tops, copy], { cwd: spool });
    let files = 0;
    let bytes = 0;
    for (const path of garbage) {
      const copied = join(copy, path.slice(spool.length));
      if (!existsSync(Buffer.from(copied, 'latin1'))) continue;
      files++;
      bytes += statSync(Buffer.from(copied, 'latin1')).size;
    }

    const log = join(dir, `${name}.tools/ctl_mboxlist-v.txt`);
    const said = existsSync(log)
      ? [...readFileSync(log, 'latin1').matchAll(/has a directory '([^']+)' but no DB entry/g)].map(
          (match) => match[1]!,
        )
      : undefined;
    const isLive = (path: string) => !paths.includes(path) && !empty.includes(path);
    const dataOnly = stale.filter((path) => path.startsWith(`${truth.root}/spool/`));
    return [
      name,
      `${paths.length - paths.filter((path) => !hit(path)).length} of ${paths.length}`,
      String(wrong.length),
      said === undefined ? '–' : String(said.length),
      said === undefined ? '–' : String(said.filter(isLive).length),
      said === undefined ? '–' : `${dataOnly.filter((path) => !said.includes(path)).length} of ${dataOnly.length}`,
      `${files} files, ${formatBytes(bytes)}`,
    ];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function isDirectory(path: string): boolean {
  return statSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

const places = new Map<string, string>();
for (const dir of [join(REPOSITORY, 'fixtures/spools'), values.spools])
  for (const file of existsSync(dir) ? readdirSync(dir) : [])
    if (file.endsWith('.planted.json')) places.set(file.replace('.planted.json', ''), dir);
const rows = [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, dir]) => compare(dir, name));
const table = [
  '| spool | leftovers found | live ones called stale | `ctl_mboxlist -v` names | of these live | full stale directories it misses | rsync copies for nothing |',
  '| --- | --- | --- | --- | --- | --- | --- |',
  ...rows.map((row) => `| ${row.join(' | ')} |`),
].join('\n');
process.stdout.write(`${table}\n`);
if (values.readme) {
  const file = join(REPOSITORY, 'README.md');
  const text = readFileSync(file, 'utf8');
  const between = /(<!-- leftovers -->\n)[\s\S]*?(<!-- \/leftovers -->)/;
  if (!between.test(text)) throw new Error('README.md has no <!-- leftovers --> markers');
  writeFileSync(
    file,
    text.replace(between, (_, begin: string, end: string) => `${begin}${table}\n${end}`),
  );
}
