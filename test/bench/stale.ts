/** What years leave on a second partition: copies of moved mailboxes, and directories that hold nothing any more. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { mailboxDir } from '../../src/cyrus/layout/mailbox-place.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import { MAIN } from '../support/cyrsync.js';
import { writeCyrusTree } from '../support/cyrus-conf.js';
import { measure, type Run } from './measure.js';
import { nameOfMailbox, SpoolWriter, setupOf } from './spool.js';
import { table } from './table.js';

export interface StaleSize {
  /** Live, with one message each. */
  readonly live: number;
  /** Of these, so many have a copy on the partition that they were moved from. */
  readonly stale: number;
  readonly empty: number;
}

/** imapd.conf, conf/, spool/default with the live ones, spool/p2 with what was left. Made once for a size. */
function generate(dir: string, { live, stale, empty }: StaleSize, say: (text: string) => void): void {
  const file = writeCyrusTree({ ...setupOf(dir), partitions: ['default', 'p2'] }, 'bench');
  const writer = new SpoolWriter(dir, readFileSync(file, 'utf8'), { uid: process.getuid!(), gid: process.getgid!() });
  writer.databases(live);
  for (let i = 0; i < live; i++) {
    writer.mailbox(i, 1, 2000, i);
    if (i < stale) {
      const name = nameOfMailbox(i);
      const from = writer.directoryOf(name);
      const to = join(dir, 'spool/p2', mailboxDir(name, writer.conf));
      mkdirSync(to, { recursive: true });
      for (const one of readdirSync(from)) if (FILE.test(one)) copyFileSync(join(from, one), join(to, one));
    }
    if (i % 10_000 === 9999) say(`${i + 1} of ${live} mailboxes`);
  }
  for (let i = 0; i < empty; i++) {
    const name = asInternalName(`user.gone${Math.floor(i / 10)}.f${i % 10}`);
    mkdirSync(join(dir, 'spool/p2', mailboxDir(name, writer.conf)), { recursive: true });
  }
}

/** The cache is no part of the question. */
const FILE = /^(\d+\.|cyrus\.(header|index))$/;

/** Two surveys, and a third after one delivery, each a whole process; `find` and `du` over the same for comparison. */
export async function surveyTwice(work: string, size: StaleSize, say: (text: string) => void): Promise<string> {
  const dir = join(work, `stale-${size.live}-${size.stale}-${size.empty}`);
  const done = join(dir, 'done');
  if (!existsSync(done)) {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    generate(dir, size, say);
    writeFileSync(done, '');
  }
  const target = join(dir, 'target');
  rmSync(target, { recursive: true, force: true });
  for (const path of ['conf', 'spool', 'sieve']) mkdirSync(join(target, path), { recursive: true });
  const conf = join(target, 'imapd.conf');
  writeFileSync(
    conf,
    `configdirectory: ${target}/conf\npartition-default: ${target}/spool\nsievedir: ${target}/sieve\n`,
  );
  const job = join(target, 'job.toml');
  writeFileSync(
    job,
    `[source]\nimapd_conf = "${dir}/imapd.conf"\nversion = "3.0"\n[target]\nimapd_conf = "${conf}"\nversion = "3.6"\nowner = "${process.getuid!()}"\ngroup = "${process.getgid!()}"\n`,
  );
  const rows: (readonly [string, Run])[] = [];
  const run = async (what: string, argv: readonly string[]) => {
    const measured = await measure(argv, { expect: [0, 3] });
    say(`${what}: ${measured.wallSec.toFixed(1)} s, ${Math.round(measured.maxRssKiB / 1024)} MiB`);
    rows.push([what, measured]);
    return measured.stdout;
  };
  const cyrsync = (...args: string[]) => [process.execPath, MAIN, ...args, '--json', '--job', job];
  const roots = ['conf', 'sieve', 'spool'].map((one) => join(dir, one));
  const found = await run('find -type f -printf %s', ['find', ...roots, '-type', 'f', '-printf', '%s\n']);
  const lines = found.trim().split('\n');
  const first = JSON.parse(await run('first survey', cyrsync('survey'))) as Survey;
  await run('second survey', cyrsync('survey'));
  const inbox = join(
    dir,
    'spool/default',
    mailboxDir(
      nameOfMailbox(0),
      new SpoolWriter(dir, readFileSync(join(dir, 'imapd.conf'), 'utf8'), { uid: 0, gid: 0 }).conf,
    ),
  );
  appendFileSync(join(inbox, 'cyrus.cache'), 'x');
  utimesSync(join(inbox, 'cyrus.index'), new Date(), new Date());
  await run('third, one mailbox changed', cyrsync('survey'));
  await run('leftovers --no-prove, state known', cyrsync('leftovers', '--no-prove'));
  const { directories, files, bytes, unaccounted } = first.accounted;
  const same = files === lines.length && bytes === lines.reduce((sum, line) => sum + Number(line), 0);
  return [
    `${directories} directories, ${files} files; ${same && unaccounted === 0 ? 'files and bytes as find has them' : `find has ${lines.length} files`}`,
    `leftovers: ${first.leftovers.map((l) => `${l.class} ${l.directories} directories, ${l.files} files`).join('; ')}`,
    table(
      ['', 'wall s', 'user s', 'system s', 'peak RSS MiB'],
      rows.map(([what, r]) =>
        [what, r.wallSec.toFixed(2), r.userSec.toFixed(2), r.systemSec.toFixed(2), Math.round(r.maxRssKiB / 1024)].map(
          String,
        ),
      ),
    ),
  ].join('\n');
}

interface Survey {
  readonly accounted: { directories: number; files: number; bytes: number; unaccounted: number };
  readonly leftovers: readonly { class: string; directories: number; files: number }[];
}
