/**
 * All that is not a message: at cutover the source's databases, which no longer move, are read whole and the target's
 * are written, mailboxes.db last. Every kind of file in the configdirectory ends in one line of the outcome.
 */
import { writeDatabase } from '../cyrus/db/database.js';
import { toUserid, userOf } from '../cyrus/names/mailbox-name.js';
import { readAnnotations, rekeyAnnotations, writeAnnotations } from '../cyrus/records/annotations.js';
import { SourceTrees, type TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { readQuotaRoots } from '../inventory/quota-roots.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import { ConfigReader } from './config-reader.js';
import { ConfigWriter } from './config-writer.js';
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
  [/^deliver\.db$/, 'dropped', 'values in the byte order and word size of the old machine; a vacation reply or a duplicate may be sent once more'],
  [/^(tls_sessions|statuscache|ptscache|sortcache|search_indexed|sync_cache)\.db$|^ptclient$/, 'dropped', 'a cache'],
  [/^zoneinfo(\.db)?$/, 'left-to-target', 'run ctl_zoneinfo -r'],
  [/^caldav_alarm\.sqlite3$/, 'left-to-target', 'run dav_reconstruct -a'],
  [/^(proc|lock|socket|log|sync|stats|backup|rpm|run|deadlock|srvtab|master\.ready|backups\.db)$/, 'dropped', 'the state of running processes'],
  [/\.(NEW|OLD)$/, 'dropped', 'unfinished or set aside by a server'],
];
const HANDLED = /^(msg|mailboxes\.db|annotations\.db|quotas?\.db|quota|user|domain|user_deny\.db|shared\..+|sieve)$/;

export function migrateDatabases(job: Job, inventory: Inventory, migrated: Migrated, target: TargetTrees, problems: ProblemList, below = ''): DatabasesResult {
  const source = new SourceTrees(job.source);
  const nowSec = Math.floor(Date.now() / 1000);
  const [from, to] = [job.source.conf, job.target.conf];
  const reader = new ConfigReader(source.root(from.configDirectory)!);
  const writer = new ConfigWriter(target.root(to.configDirectory), below);
  const outcomes: DatabaseOutcome[] = [];

  outcomes.push(...migrateUserFiles(job, reader, writer, migrated, problems, nowSec));
  outcomes.push(...migrateShared(job, reader, writer));
  outcomes.push(...migrateMessages(reader, writer));

  const sieveRoot = source.root(from.sieveDir);
  if (sieveRoot && !from.sieveUseHomedir) {
    const sieveWriter = new ConfigWriter(target.root(to.sieveDir), below);
    const entries = migrateSieve(job, sieveRoot, sieveWriter, migrated, problems);
    sieveWriter.barrier();
    outcomes.push({ what: 'sieve', action: 'copied', entries, note: 'scripts, bytecode and which one is active' });
  } else outcomes.push({ what: 'sieve', action: 'dropped', entries: 0, note: from.sieveUseHomedir ? 'sieveusehomedir: scripts lie in home directories' : 'the source has no sievedir' });

  outcomes.push(migrateAnnotations(job, reader, writer, migrated, problems, nowSec));
  const deny = reader.entries('user_deny.db');
  if (deny) {
    writer.write('user_deny.db', writeDatabase(writableBackend(to.databases.userdeny.backend), deny, { version: to.version, nowSec }));
    outcomes.push({ what: 'user_deny.db', action: 'converted', entries: deny.length, note: '' });
  }
  const { quotas, corrected } = computeQuotas(job, readQuotaRoots(job, source, problems), migrated);
  writeQuotas(job, quotas, writer, nowSec);
  outcomes.push({ what: 'quota', action: 'written', entries: quotas.size, note: `limits kept, usage summed from the indexes; ${corrected.length} recorded figures were wrong` });

  for (const { name } of reader.list('')) {
    if (HANDLED.test(name)) continue;
    const known = OTHERS.find(([pattern]) => pattern.test(name));
    outcomes.push(known ? { what: name, action: known[1], entries: 0, note: known[2] } : { what: name, action: 'dropped', entries: 0, note: 'not a file that Cyrus is known to need; copy it by hand if you do' });
  }
  const entries = targetEntries(job, inventory, migrated, nowSec);
  const { name } = databaseFile(to, 'mailboxes', 'mailboxes.db');
  writer.write(name, mailboxesDatabase(entries, to, nowSec));
  outcomes.unshift({ what: 'mailboxes.db', action: 'written', entries: entries.length, note: `${migrated.mailboxes.length} mailboxes and ${entries.length - migrated.mailboxes.length} names without one` });
  // What a test boot left of the last try: caches and databases that speak of other mailboxes.
  for (const stale of ['statuscache.db', 'annotations.db.OLD', 'deliver.db', 'mailboxes.db.NEW']) if (below === '') writer.remove(stale);
  writer.barrier();
  return { outcomes, quotaRoots: { total: quotas.size, corrected }, changedSince: () => reader.changed() };
}

/** Counters of shared mailboxes and domains (3.x): read by every later version. */
function migrateShared(job: Job, reader: ConfigReader, writer: ConfigWriter): DatabaseOutcome[] {
  const outcomes: DatabaseOutcome[] = [];
  for (const { name, kind } of reader.list('')) {
    if (kind !== 'file' || !name.startsWith('shared.') || name.endsWith('.NEW')) continue;
    const copies = name === 'shared.counters' || job.source.conf.version === job.target.conf.version;
    const bytes = copies ? reader.bytes(name) : undefined;
    if (bytes) writer.write(name, bytes);
    outcomes.push({ what: name, action: bytes ? 'copied' : 'left-to-target', entries: 1, note: bytes ? '' : 'another release line' });
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
    outcomes.push({ what: `msg/${name}`, action: bytes ? 'copied' : 'dropped', entries: 1, note: bytes ? '' : 'it would close the new server as well' });
  }
  return outcomes;
}

function migrateAnnotations(job: Job, reader: ConfigReader, writer: ConfigWriter, migrated: Migrated, problems: ProblemList, nowSec: number): DatabaseOutcome {
  const [from, to] = [job.source.conf, job.target.conf];
  const { name } = databaseFile(from, 'annotations', 'annotations.db');
  const path = `${from.configDirectory}/${name}`;
  const { annotations, problems: bad } = readAnnotations(reader.entries(name) ?? [], path);
  for (const { message } of bad) problems.add({ code: 'annotation-damaged', message, advice: 'Set this annotation again on the target.', path });
  const byId = (target: string) => migrated.bySourceId.get(target)?.[0] ?? migrated.byName.get(target);
  const { kept, dropped } = rekeyAnnotations(annotations, from.version, to.version, (target) => {
    const found = migrated.byName.get(target) ?? byId(target);
    if (!found) return undefined;
    const user = userOf(found.mailbox.name, from);
    return { name: found.mailbox.name, uniqueid: found.mailbox.uniqueid, owner: user && toUserid(user) };
  });
  const unique = new Map(writeAnnotations(kept, to.version).map((entry) => [entry.key, entry]));
  writer.write(databaseFile(to, 'annotations', 'annotations.db').name, writeDatabase(writableBackend(to.databases.annotations.backend), [...unique.values()], { version: to.version, nowSec }));
  const note = dropped.length === 0 ? '' : `${dropped.length} of mailboxes that are no more were left out`;
  return { what: 'annotations.db', action: 'converted', entries: unique.size, note };
}
