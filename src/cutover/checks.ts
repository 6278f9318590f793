/** Checks of our own, reading back from the target only, before anything is called final. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ConfigError, FormatError } from '../base/errors.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import { quotaDirectory, quotaFile } from '../cyrus/layout/config-paths.js';
import { parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { readIndex } from '../cyrus/mailbox/index.js';
import type { InternalName } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry, readMailboxEntries, writeMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import { parseQuota } from '../cyrus/records/quota.js';
import type { Migrated } from '../databases/migrated.js';
import type { TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { quotaRootOf } from '../inventory/quota-roots.js';
import { databaseFile, entriesOf } from '../inventory/read-mailboxes-db.js';
import { entriesOfOthers } from '../inventory/serving-target.js';
import type { Wave } from '../inventory/wave.js';
import type { Job } from '../job/job.js';
import { lookupId } from '../job/passwd.js';

export interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

function checkOf(check: string, bad: readonly string[], good: string): Check {
  return { check, ok: bad.length === 0, detail: bad.length === 0 ? good : some(bad) };
}

const some = (list: readonly string[]) =>
  `${list.slice(0, 5).join('; ')}${list.length > 5 ? ` … ${list.length} in all` : ''}`;

/** @param copied Uniqueids of mailboxes that the last pass copied, whose directories are listed. */
export function checkTarget(
  job: Job,
  inventory: Inventory,
  migrated: Migrated,
  target: TargetTrees,
  copied: ReadonlySet<string>,
  wave?: Wave | undefined,
): Check[] {
  const checks = recordChecks(job, inventory, target, wave);
  const files: string[] = [];
  const counts: string[] = [];
  const charged = new ChargedSums(job.target.conf);
  let listed = 0;
  for (const { mailbox, place, asItStands, index: migratedIndex } of migrated.mailboxes) {
    if (asItStands) continue; // said under problems: nothing of it can be checked
    try {
      const read = (root: string, file: string) =>
        target.root(root).reader.read(`${place.relative}/${file}`) ?? Buffer.alloc(0);
      const header = readMailboxHeader(
        read(place.roots.meta.header, 'cyrus.header'),
        `${place.meta.header}/cyrus.header`,
      );
      if (header.quotaRoot !== undefined) charged.add(mailbox.name, header.quotaRoot, migratedIndex.quotaUsedBytes);
      const index = readIndex(read(place.roots.meta.index, 'cyrus.index'), `${place.meta.index}/cyrus.index`);
      if (header.uniqueid !== mailbox.uniqueid)
        files.push(`${mailbox.name}: uniqueid ${header.uniqueid} in its header, ${mailbox.uniqueid} in mailboxes.db`);
      if (!copied.has(mailbox.uniqueid)) continue;
      listed++;
      let want = 0;
      for (let i = 0; i < index.count; i++) if (!index.isUnlinked(i)) want++;
      let have = 0;
      for (const root of new Set([
        place.roots.data,
        ...(place.roots.archive === undefined ? [] : [place.roots.archive]),
      ])) {
        const directory = target.root(root).reader.dir(place.relative);
        have += directory?.list().filter((entry) => parseMessageFileName(entry.name) !== undefined).length ?? 0;
        directory?.close();
      }
      if (have > want) counts.push(`${mailbox.name}: ${have} message files, ${want} in its index`);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      files.push(`${mailbox.name}: ${error.message}`);
    }
  }
  return [
    ...checks,
    checkOf('every mailbox has its header and index', files, `${migrated.mailboxes.length} mailboxes`),
    checkOf('no message file without a record', counts, `${listed} directories listed`),
    checkOf('quota sums', quotaDifferences(job, charged, target, wave), 'as the indexes say'),
    ...toolChecks(job),
  ];
}

/** What mailboxes.db says, read whole, and let go again before anything else is looked at. */
function recordChecks(job: Job, inventory: Inventory, target: TargetTrees, wave: Wave | undefined): Check[] {
  const { conf } = job.target;
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  const path = `${dir}/${name}`;
  const entries = entriesOf(target.root(dir).reader.read(name) ?? Buffer.alloc(0), path, conf.version);
  const list = readMailboxEntries(entries, conf, path);
  const live = list.mailboxes.filter(isLive);
  const knownProblems = new Set(wave?.serving.problems);
  const names = new Set(live.map((entry) => entry.name as string));
  const ids = new Set(live.map((entry) => entry.uniqueid));
  const isUnique = wave
    ? areUniqueAmong(live, new Set(inventory.mailboxes.map((m) => m.name as string)))
    : names.size === live.length && ids.size === live.length && !ids.has(undefined);
  return [
    checkOf(
      'mailboxes.db can be read back',
      list.problems.map((p) => p.message).filter((message) => !knownProblems.has(message)),
      `${live.length} mailboxes`,
    ),
    ...(wave
      ? [
          checkOf(
            'the records of others are as they were',
            lostRecords(job, wave, entries),
            `${wave.serving.entries.length} records before`,
          ),
        ]
      : []),
    checkOf(
      'no name and no uniqueid twice',
      isUnique ? [] : [`${live.length} records, ${names.size} names, ${ids.size} uniqueids`],
      `${names.size} of each`,
    ),
    checkOf(
      'every mailbox of the source is there',
      inventory.mailboxes.filter((m) => !names.has(m.name)).map((m) => m.name),
      `${inventory.mailboxes.length} mailboxes`,
    ),
  ];
}

/** Of a wave's mailboxes, by their names; what was wrong with the records of others before is not the wave's. */
function areUniqueAmong(live: readonly MailboxEntry[], names: ReadonlySet<string>): boolean {
  const own = live.filter((entry) => names.has(entry.name));
  const ids = new Set(own.map((entry) => entry.uniqueid));
  const isTaken = live.some((entry) => !names.has(entry.name) && ids.has(entry.uniqueid));
  return !isTaken && ids.size === own.length && !ids.has(undefined);
}

/** Records that were there before, of others, and are not as they were. */
function lostRecords(job: Job, { serving }: Wave, entries: readonly DbEntry[]): string[] {
  const now = new Map(entries.map(({ key, value }) => [key, value]));
  // What stood where a mailbox of the wave is now: no mailbox, only its name.
  const names = serving.mailboxes.filter((entry) => !isLive(entry));
  const replaceable = new Set(writeMailboxEntries(names, job.target.conf).map(({ key }) => key));
  return entriesOfOthers(job, serving, [])
    .filter(({ key, value }) => now.get(key) !== value && !replaceable.has(key))
    .map(({ key }) => key);
}

/** What the target has of a quota root: a file of its own, or an entry of a database. */
function quotaTexts(conf: CyrusConf, target: TargetTrees): (root: string) => string | undefined {
  if (conf.databases.quota.backend === 'quotalegacy') {
    const { reader } = target.root(quotaDirectory(conf));
    return (root) => reader.read(quotaFile(conf, root))?.toString('latin1');
  }
  const { dir, name } = databaseFile(conf, 'quota', 'quotas.db');
  const bytes = target.root(dir).reader.read(name);
  const entries = bytes ? entriesOf(bytes, `${dir}/${name}`, conf.version) : [];
  const byRoot = new Map(entries.map(({ key, value }) => [key, value]));
  return (root) => byRoot.get(root);
}

/** What mailboxes use of the quota roots that their headers name. */
class ChargedSums {
  readonly #conf: CyrusConf;
  readonly sums = new Map<string, bigint>();
  /** A root that is not above its mailbox, in words. */
  wrong: string | undefined;

  constructor(conf: CyrusConf) {
    this.#conf = conf;
  }

  add(name: InternalName, root: string, bytes: number): void {
    this.sums.set(root, (this.sums.get(root) ?? 0n) + BigInt(bytes));
    if (quotaRootOf(name, new Set([root]), this.#conf) !== root)
      this.wrong ??= `${name}: its header names ${root}, which is not above it`;
  }
}

function quotaDifferences(
  job: Job,
  { sums, wrong }: ChargedSums,
  target: TargetTrees,
  wave: Wave | undefined,
): string[] {
  if (wrong !== undefined) return [wrong];
  const bad: string[] = [];
  const textOf = quotaTexts(job.target.conf, target);
  for (const [root, sum] of sums) {
    const text = textOf(root);
    const used = text === undefined ? undefined : parseQuota(text, root)?.resources.STORAGE?.used;
    const all = sum + (wave && !wave.isOwnRoot(root) ? wave.usageOfOthers(root).bytes : 0n);
    if (used !== all) bad.push(`${root}: ${used ?? 'no record'}, the indexes say ${all}`);
  }
  return bad;
}

/** What the target's own tools say, where they are installed. Only such as do not write. */
function toolChecks(job: Job): Check[] {
  const tool = '/usr/lib/cyrus/bin/cyr_dbtool';
  const { conf, prefix } = job.target;
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  if (prefix !== '' || !existsSync(tool) || process.geteuid?.() !== 0 || !isOwnedByServer(job)) return [];
  try {
    const out = execFileSync(
      tool,
      ['-C', conf.file, `${dir}/${name}`, conf.databases.mailboxes.backend, 'consistent'],
      {
        encoding: 'latin1',
        uid: job.owner.uid,
        gid: job.owner.gid,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 600_000,
      },
    );
    return [{ check: 'cyr_dbtool consistent', ok: /^Yes/.test(out), detail: out.trim() }];
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return [{ check: 'cyr_dbtool consistent', ok: false, detail: text.trim() }];
  }
}

/** Cyrus's tools become the server's user; with another owner of the files (a demo) they could read nothing. */
function isOwnedByServer(job: Job): boolean {
  try {
    return lookupId(job.target.conf.cyrusUser, job.target.prefix, 'passwd') === job.owner.uid;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}
