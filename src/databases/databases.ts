/**
 * All that is not a message: at cutover the source's databases, which no longer move, are read whole and the target's
 * are written, mailboxes.db last. Every kind of file in the configdirectory ends in one line of the outcome.
 */
import { writeDatabase } from '../cyrus/db/database.js';
import { toUserid, userOf } from '../cyrus/names/mailbox-name.js';
import { readAnnotations, rekeyAnnotations, writeAnnotations } from '../cyrus/records/annotations.js';
import { isMissing } from '../disk/os-path.js';
import { SourceTrees, type TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { readQuotaRoots } from '../inventory/quota-roots.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import { type ConfigReader, ConfigReaders } from './config-reader.js';
import { type ConfigWriter, ConfigWriters } from './config-writer.js';
import { mailboxesDatabase, targetEntries, writableBackend } from './mailboxes-db.js';
import type { Migrated } from './migrated.js';
import { computeQuotas, writeQuotas } from './quotas.js';
import type { DatabaseOutcome, QuotaCorrection } from './report.js';
import { migrateSieve } from './sieve.js';
import { migrateUserFiles } from './user-files.js';

export interface DatabasesResult {
  readonly outcomes: readonly DatabaseOutcome[];
  readonly quotaRoots: { readonly total: number; readonly corrected: readonly QuotaCorrection[] };
  /** Files of the source that changed since they were read. */
  changedSince(): string[];
}

/** What is neither read nor written, by name in the configdirectory. */
const OTHERS: readonly (readonly [RegExp, DatabaseOutcome['action'], string])[] = [
  [/^(db|db\.backup\d*)$/, 'dropped', "the old server's own state and its backups of it"],
  [
    /^deliver\.db$/,
    'dropped',
    'values in the byte order and word size of the old machine; a vacation reply or a duplicate may be sent once more',
  ],
  [/^(tls_sessions|statuscache|ptscache|sortcache|search_indexed|sync_cache)\.db$|^ptclient$/, 'dropped', 'a cache'],
  [/^zoneinfo(\.db)?$/, 'left-to-target', 'run ctl_zoneinfo -r'],
  [/^caldav_alarm\.sqlite3$/, 'left-to-target', 'run dav_reconstruct -a'],
  [
    /^(proc|lock|socket|log|sync|stats|backup|rpm|run|deadlock|srvtab|master\.ready|backups\.db)$/,
    'dropped',
    'the state of running processes',
  ],
  [/\.(NEW|OLD)$/, 'dropped', 'unfinished or set aside by a server'],
];
const HANDLED = /^(msg|mailboxes\.db|annotations\.db|quotas?\.db|quota|user|domain|user_deny\.db|shared\..+|sieve)$/;

export function migrateDatabases(
  job: Job,
  inventory: Inventory,
  migrated: Migrated,
  target: TargetTrees,
  problems: ProblemList,
  below = '',
): DatabasesResult {
  const source = new SourceTrees(job.source);
  const nowSec = Math.floor(Date.now() / 1000);
  const [from, to] = [job.source.conf, job.target.conf];
  const readers = new ConfigReaders(source, from.version);
  const writers = new ConfigWriters(target, below);
  const reader = readers.at(from.configDirectory)!;
  const writer = writers.at(to.configDirectory);
  const outcomes: DatabaseOutcome[] = [];

  outcomes.push(...migrateUserFiles(job, reader, writer, migrated, problems, nowSec));
  outcomes.push(...migrateShared(job, reader, writer));
  outcomes.push(...migrateMessages(reader, writer));

  const sieveRoot = source.root(from.sieveDir);
  if (sieveRoot && !from.sieveUseHomedir) {
    const entries = migrateSieve(job, sieveRoot, writers.at(to.sieveDir), migrated, problems);
    outcomes.push({ what: 'sieve', action: 'copied', entries, note: 'scripts, bytecode and which one is active' });
  } else
    outcomes.push({
      what: 'sieve',
      action: 'dropped',
      entries: 0,
      note: from.sieveUseHomedir ? 'sieveusehomedir: scripts lie in home directories' : 'the source has no sievedir',
    });

  outcomes.push(migrateAnnotations(job, readers, writers, migrated, problems, nowSec));
  const denied = databaseFile(from, 'userdeny', 'user_deny.db');
  const deny = readers.at(denied.dir)?.entries(denied.name);
  if (deny) {
    const { dir, name } = databaseFile(to, 'userdeny', 'user_deny.db');
    writers
      .at(dir)
      .write(
        name,
        writeDatabase(writableBackend(to.databases.userdeny.backend), deny, { version: to.version, nowSec }),
      );
    outcomes.push({ what: 'user_deny.db', action: 'converted', entries: deny.length, note: '' });
  }
  const { quotas, corrected } = computeQuotas(job, readQuotaRoots(job, source, problems), migrated);
  writeQuotas(job, quotas, writers, nowSec);
  outcomes.push({
    what: 'quota',
    action: 'written',
    entries: quotas.size,
    note: `limits kept, usage summed from the indexes; ${corrected.length} recorded figures were wrong`,
  });

  const placed = new Set(Object.values(from.databases).map(({ path }) => path));
  for (const { name } of reader.list('')) {
    if (HANDLED.test(name) || placed.has(`${from.configDirectory}/${name}`)) continue;
    const known = OTHERS.find(([pattern]) => pattern.test(name));
    outcomes.push(
      known
        ? { what: name, action: known[1], entries: 0, note: known[2] }
        : {
            what: name,
            action: 'dropped',
            entries: 0,
            note: 'not a file that Cyrus is known to need; copy it by hand if you do',
          },
    );
  }
  const entries = targetEntries(job, inventory, migrated, nowSec);
  const { dir, name } = databaseFile(to, 'mailboxes', 'mailboxes.db');
  writers.at(dir).write(name, mailboxesDatabase(entries, to, nowSec));
  outcomes.unshift({
    what: 'mailboxes.db',
    action: 'written',
    entries: entries.length,
    note: `${migrated.mailboxes.length} mailboxes and ${entries.length - migrated.mailboxes.length} names without one`,
  });
  // What a test boot left of the last try: caches and databases that speak of other mailboxes.
  if (below === '') {
    for (const stale of ['annotations.db.OLD', 'mailboxes.db.NEW']) writer.remove(stale);
    for (const { dir, name } of [
      databaseFile(to, 'statuscache', 'statuscache.db'),
      databaseFile(to, 'duplicate', 'deliver.db'),
    ])
      removeCache(writers, dir, name);
  }
  writers.barrier();
  return { outcomes, quotaRoots: { total: quotas.size, corrected }, changedSince: () => readers.changed() };
}

/** It may lie in a directory that is there only while a server runs. */
function removeCache(writers: ConfigWriters, dir: string, name: string): void {
  try {
    writers.at(dir).remove(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Counters of shared mailboxes and domains (3.x): read by every later version. */
function migrateShared(job: Job, reader: ConfigReader, writer: ConfigWriter): DatabaseOutcome[] {
  const outcomes: DatabaseOutcome[] = [];
  for (const { name, kind } of reader.list('')) {
    if (kind !== 'file' || !name.startsWith('shared.') || name.endsWith('.NEW')) continue;
    const copies = name === 'shared.counters' || job.source.conf.version === job.target.conf.version;
    const bytes = copies ? reader.bytes(name) : undefined;
    if (bytes) writer.write(name, bytes);
    outcomes.push({
      what: name,
      action: bytes ? 'copied' : 'left-to-target',
      entries: 1,
      note: bytes ? '' : 'another release line',
    });
  }
  return outcomes;
}

/** `msg/motd` greets users; `msg/shutdown` would turn them away from the new server as well. */
function migrateMessages(reader: ConfigReader, writer: ConfigWriter): DatabaseOutcome[] {
  const outcomes: DatabaseOutcome[] = [];
  for (const { name, kind } of reader.list('msg')) {
    if (kind !== 'file') continue;
    const bytes = name === 'motd' ? reader.bytes('msg/motd') : undefined;
    if (bytes) writer.write('msg/motd', bytes);
    outcomes.push({
      what: `msg/${name}`,
      action: bytes ? 'copied' : 'dropped',
      entries: 1,
      note: bytes ? '' : 'it would close the new server as well',
    });
  }
  return outcomes;
}

function migrateAnnotations(
  job: Job,
  readers: ConfigReaders,
  writers: ConfigWriters,
  migrated: Migrated,
  problems: ProblemList,
  nowSec: number,
): DatabaseOutcome {
  const [from, to] = [job.source.conf, job.target.conf];
  const { dir, name } = databaseFile(from, 'annotations', 'annotations.db');
  const path = `${dir}/${name}`;
  const { annotations, problems: bad } = readAnnotations(readers.at(dir)?.entries(name) ?? [], path);
  for (const { message } of bad)
    problems.add({ code: 'annotation-damaged', message, advice: 'Set this annotation again on the target.', path });
  const byId = (target: string) => migrated.bySourceId.get(target)?.[0] ?? migrated.byName.get(target);
  const { kept, dropped } = rekeyAnnotations(annotations, from.version, to.version, (target) => {
    const found = migrated.byName.get(target) ?? byId(target);
    if (!found) return undefined;
    const user = userOf(found.mailbox.name, from);
    return { name: found.mailbox.name, uniqueid: found.mailbox.uniqueid, owner: user && toUserid(user) };
  });
  const unique = new Map(writeAnnotations(kept, to.version).map((entry) => [entry.key, entry]));
  const written = databaseFile(to, 'annotations', 'annotations.db');
  writers.at(written.dir).write(
    written.name,
    writeDatabase(writableBackend(to.databases.annotations.backend), [...unique.values()], {
      version: to.version,
      nowSec,
    }),
  );
  const note = dropped.length === 0 ? '' : `${dropped.length} of mailboxes that are no more were left out`;
  return { what: 'annotations.db', action: 'converted', entries: unique.size, note };
}
