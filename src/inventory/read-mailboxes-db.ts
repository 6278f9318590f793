/** The source's mailboxes.db: a file that a live server may be writing, a Berkeley file by `db_dump`, or a dump. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CyrsyncError, FormatError, RefusedError } from '../base/errors.js';
import { atOnce, type Sliced } from '../base/slices.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { commitsAfterCheckpoint } from '../cyrus/db/berkeley-log.js';
import { readDatabase } from '../cyrus/db/database.js';
import { parseDbDump } from '../cyrus/db/db-dump.js';
import { detectBackend } from '../cyrus/db/detect.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import { type MailboxList, mailboxEntrySlices, parseMboxlistDump } from '../cyrus/records/mailboxes-db.js';
import { type CyrusVersion, isAtLeast } from '../cyrus/version.js';
import { changedNs, fingerprintOf } from '../disk/file-stat.js';
import { readLiveDatabase } from '../disk/live-database.js';
import { bytesOfText } from '../disk/os-path.js';
import type { SourceRoot } from '../disk/source.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Side } from '../job/job.js';
import type { Problem } from '../model/problem.js';

export interface MailboxesRead extends MailboxList {
  /** Changes with each commit of the server; equal means nothing was created, renamed, deleted. */
  readonly print: string;
  /** What its file may lack though the server committed it. */
  readonly behind?: Problem | undefined;
  /** It was at rest, and old enough that a later commit shows in `print`. */
  readonly quiet: boolean;
}

/** Of file systems whose times count whole seconds. */
const RACY_NS = 2_100_000_000n;

/** Where the database lies: directory (a root of its own) and name in it. */
export function databaseFile(
  conf: CyrusConf,
  kind: keyof CyrusConf['databases'],
  name: string,
): { dir: string; name: string } {
  const path = conf.databases[kind].path ?? `${conf.configDirectory}/${name}`;
  const cut = path.lastIndexOf('/');
  return { dir: path.slice(0, cut), name: path.slice(cut + 1) };
}

/** What of a job decides over it. */
export interface MailboxesSource {
  readonly source: Side;
  readonly options: { readonly source: { readonly mailboxes_dump?: string | undefined } };
}

/**
 * Whether the database is as it was at `print`, by a stat; false where that can't be told, because it changed just now
 * and may change again within the tick that its times show.
 */
export function isStill(job: MailboxesSource, trees: SourceTrees, print: string): boolean {
  if (job.options.source.mailboxes_dump !== undefined) return true;
  const { dir, name } = databaseFile(job.source.conf, 'mailboxes', 'mailboxes.db');
  const stat = trees.root(dir)?.stat(name);
  if (!stat || fingerprintOf(stat) !== print) return false;
  return BigInt(Date.now()) * 1_000_000n - changedNs(stat) > RACY_NS;
}

/** @throws CyrsyncError where it is busy; RefusedError where it is missing, empty or damaged. */
export function readMailboxesDb(job: MailboxesSource, trees: SourceTrees): MailboxesRead {
  return atOnce(mailboxesDbSlices(job, trees));
}

/** The same in slices. */
export function* mailboxesDbSlices(job: MailboxesSource, trees: SourceTrees): Sliced<MailboxesRead> {
  const { conf } = job.source;
  const dump = job.options.source.mailboxes_dump;
  if (dump !== undefined) {
    const text = readFileSync(dump, 'latin1');
    return { ...parseMboxlistDump(text, conf, bytesOfText(dump)), print: `dump.${text.length}`, quiet: false };
  }
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  const path = `${dir}/${name}`;
  const root = trees.root(dir);
  let allInFile = false; // not so of a Berkeley database, whose log may know more
  try {
    const read =
      root &&
      readLiveDatabase(root, name, (bytes) => {
        const { entries, clean } = contentsOf(bytes, path, conf.version);
        allInFile = clean;
        return { value: entries, clean };
      });
    if (!read || read.kind === 'missing') {
      throw new RefusedError(
        `There is no ${path}`,
        'the list of mailboxes is what a migration goes by',
        'Mount the source, correct --from-root, or name a `ctl_mboxlist -d` dump as mailboxes_dump below [source].',
        { code: 'mailboxes-db-missing' },
      );
    }
    if (read.kind === 'busy') {
      throw new CyrsyncError(
        `${path} did not come to rest`,
        'the server wrote to it all the while',
        'Run this again.',
        { code: 'mailboxes-db-busy' },
      );
    }
    return {
      ...(yield* mailboxEntrySlices(read.value, conf, path)),
      behind: behindItsLog(trees, conf, root, name, path),
      print: fingerprintOf(read.stat),
      quiet: read.quiet && allInFile,
    };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new RefusedError(
      `${path} is damaged`,
      error.message,
      'Take a sound copy (db.backup1, db.backup2 beside it are such), or name a `ctl_mboxlist -d` dump as mailboxes_dump below [source].',
      { code: 'mailboxes-db-damaged', cause: error },
    );
  }
}

/** A Berkeley file has what was committed up to the last checkpoint; the rest is in the server's log alone. */
function behindItsLog(
  trees: SourceTrees,
  conf: CyrusConf,
  root: SourceRoot,
  name: string,
  path: string,
): Problem | undefined {
  if (!detectBackend(root.read(name) ?? Buffer.alloc(0)).startsWith('berkeley')) return undefined;
  const environment = trees.root(`${conf.configDirectory}/db`);
  const dir = environment?.dir('');
  try {
    const last = dir
      ?.list()
      .map((entry) => entry.name)
      .filter((n) => /^log\.\d{10}$/.test(n))
      .sort()
      .at(-1);
    const log = last === undefined ? undefined : environment?.read(last);
    if (!log || commitsAfterCheckpoint(log) === false) return undefined;
    return {
      code: 'berkeley-not-checkpointed',
      message: `${path} is a Berkeley database, and the server's log has commits that may not be in it`,
      advice:
        'Run "ctl_cyrusdb -c" on the old server (after stopping it for the last time as well), or name a `ctl_mboxlist -d` dump as mailboxes_dump below [source].',
      path,
    };
  } finally {
    dir?.close();
  }
}

/**
 * All entries of any database, whatever its backend.
 * @param version Of the server whose it is: 2.5 and later escape in flat files.
 * @throws FormatError, CyrsyncError
 */
export function entriesOf(bytes: Buffer, path: string, version: CyrusVersion): readonly DbEntry[] {
  return contentsOf(bytes, path, version).entries;
}

function contentsOf(
  bytes: Buffer,
  path: string,
  version: CyrusVersion,
): { entries: readonly DbEntry[]; clean: boolean } {
  const backend = detectBackend(bytes);
  if (backend !== 'berkeley-btree' && backend !== 'berkeley-hash')
    return readDatabase(bytes, path, { escaped: isAtLeast(version, '2.5') });
  return { entries: berkeleyEntries(bytes, path), clean: false };
}

function berkeleyEntries(bytes: Buffer, path: string): readonly DbEntry[] {
  const dir = mkdtempSync(join(tmpdir(), 'cyrsync-'));
  try {
    const copy = join(dir, 'copy.db');
    writeFileSync(copy, bytes, { mode: 0o600 });
    const text = execFileSync('db_dump', [copy], { maxBuffer: 2 ** 31 - 1 });
    return parseDbDump(text, path);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new CyrsyncError(
      `${path} is a Berkeley database`,
      'db_dump is not installed here, or could not read it',
      `Install db-util, or on the old server run "cvt_cyrusdb ${path} berkeley /tmp/mailboxes.flat flat" and "cvt_cyrusdb /tmp/mailboxes.flat flat /tmp/mailboxes.db skiplist".`,
      { code: 'berkeley', cause: error },
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * For databases that the target must not be without.
 * @throws RefusedError in place of a FormatError, which is no defect of ours and has a way on
 */
export function orDamaged<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new RefusedError(
      `${path} is damaged`,
      error.message,
      'Put a sound copy in its place (ctl_cyrusdb keeps some in db.backup1 and db.backup2). To go on without what is in it, move it away.',
      { code: 'database-damaged', cause: error },
    );
  }
}

/** A whole database of the source as entries; undefined where there is none. @throws CyrsyncError where it is busy */
export function readSourceDatabase(
  root: SourceRoot | undefined,
  name: string,
  version: CyrusVersion,
): readonly DbEntry[] | undefined {
  if (!root) return undefined;
  const path = `${root.path}/${name}`;
  const read = readLiveDatabase(root, name, (bytes) => {
    const { entries, clean } = contentsOf(bytes, path, version);
    return { value: entries, clean };
  });
  if (read.kind === 'missing') return undefined;
  if (read.kind === 'busy')
    throw new CyrsyncError(`${path} did not come to rest`, 'the server wrote to it all the while', 'Run this again.', {
      code: 'database-busy',
    });
  return read.value;
}

/**
 * The entries of a database that the target must not be without; none where there is no such file.
 * @param file Its name where imapd.conf has no path for it.
 * @throws RefusedError where it is damaged; CyrsyncError where it is busy
 */
export function neededEntries(
  trees: SourceTrees,
  conf: CyrusConf,
  kind: keyof CyrusConf['databases'],
  file: string,
): readonly DbEntry[] {
  const { dir, name } = databaseFile(conf, kind, file);
  return orDamaged(`${dir}/${name}`, () => readSourceDatabase(trees.root(dir), name, conf.version) ?? []);
}
