/**
 * The databases of a target that serves others: what is theirs stays, entry by entry and byte by byte; what is the
 * wave's is put in or replaced. Before the first of them is written, a copy of each is kept beside it until the wave is
 * final.
 */

import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import {
  type ConfigFile,
  parseConfigPath,
  parseSieveDirPath,
  quotaDirectory,
  type SieveDirectory,
} from '../cyrus/layout/config-paths.js';
import { asInternalName, inboxOf, userFromUserid } from '../cyrus/names/mailbox-name.js';
import { isAtLeast } from '../cyrus/version.js';
import type { SourceTrees, TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { databaseFile, entriesOf, neededEntries, orDamaged } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import { ConfigWriters } from './config-writer.js';
import type { Migrated } from './migrated.js';

const BACKUP_SUFFIX = '.before-cyrsync';
const DATABASES = [
  ['mailboxes', 'mailboxes.db'],
  ['annotations', 'annotations.db'],
  ['userdeny', 'user_deny.db'],
  ['quota', 'quotas.db'],
] as const;

/** What the target's database has now; nothing where there is none. */
export function existingEntries(
  job: Job,
  target: TargetTrees,
  kind: (typeof DATABASES)[number][0],
): readonly DbEntry[] {
  const { conf } = job.target;
  const { dir, name } = databaseFile(conf, kind, DATABASES.find(([known]) => known === kind)![1]);
  const bytes = target.root(dir).reader.read(name);
  if (!bytes || bytes.length === 0) return [];
  const path = `${dir}/${name}`;
  return orDamaged(path, () => entriesOf(bytes, path, conf.version));
}

/** Durable before this returns. */
export function keepBackups(job: Job, target: TargetTrees): void {
  const writers = new ConfigWriters(target);
  for (const { dir, name } of databasesOf(job)) {
    const bytes = target.root(dir).reader.read(name);
    if (bytes) writers.at(dir).write(name + BACKUP_SUFFIX, bytes);
    else writers.at(dir).remove(name + BACKUP_SUFFIX);
  }
  writers.barrier();
}

export function removeBackups(job: Job, target: TargetTrees): void {
  const writers = new ConfigWriters(target);
  for (const { dir, name } of databasesOf(job)) writers.at(dir).remove(name + BACKUP_SUFFIX);
}

function databasesOf({ target: { conf } }: Job) {
  return DATABASES.filter(([kind]) => kind !== 'quota' || conf.databases.quota.backend !== 'quotalegacy').map(
    ([kind, name]) => databaseFile(conf, kind, name),
  );
}

/** Mailbox annotations of others, and the new server's own, with the wave's. Those of the old server itself stay there. */
export function mergeAnnotations(
  job: Job,
  existing: readonly DbEntry[],
  own: readonly DbEntry[],
  migrated: Migrated,
): { entries: DbEntry[]; left: number } {
  const byId = isAtLeast(job.target.conf.version, '3.6');
  const targets = new Set(
    migrated.mailboxes.map(({ mailbox }) => (byId ? mailbox.uniqueid : (mailbox.name as string))),
  );
  const added = own.filter((entry) => annotatedBy(entry) !== '');
  return {
    entries: [...existing.filter((entry) => !targets.has(annotatedBy(entry))), ...added],
    left: own.length - added.length,
  };
}

/** Name or uniqueid of the mailbox that an annotation is of, `''` for one of the server. */
function annotatedBy({ key }: DbEntry): string {
  return key.slice(0, Math.max(0, key.indexOf('\0')));
}

/**
 * Who is denied a service on the new server: whoever was, and of the wave who was denied when first seen. A denial that
 * came later keeps the wave's users out of the old server, and stays there.
 */
export function mergeDenials(
  { source: { conf } }: Job,
  existing: readonly DbEntry[],
  own: readonly DbEntry[],
  firstSeen: ReadonlyMap<string, string>,
): { entries: DbEntry[]; carried: string[]; left: string[]; unsure: string[] } {
  const there = new Set(existing.map(({ key }) => key));
  const entries = [...existing];
  const carried: string[] = [];
  const left: string[] = [];
  const unsure: string[] = [];
  for (const entry of own) {
    const before = firstSeen.get(inboxOf(userFromUserid(entry.key, conf)));
    if (before !== undefined && before !== entry.value) {
      left.push(entry.key);
      continue;
    }
    if (before === undefined) unsure.push(entry.key);
    carried.push(entry.key);
    if (!there.has(entry.key)) entries.push(entry);
  }
  return { entries, carried, left, unsure };
}

/** Whether a file or directory of the configdirectory or sievedir is of those who come in this wave, and theirs alone. */
export function isOfWave({ selection, mailboxes }: Inventory, conf: CyrusConf): (path: string) => boolean {
  const ids = new Set(mailboxes.flatMap(({ uniqueid, entry }) => [uniqueid, entry.uniqueid ?? uniqueid]));
  const isTheirs = (found: ConfigFile | SieveDirectory | undefined): boolean => {
    switch (found?.kind) {
      case 'user':
        return selection.takesUser(found.user) && found.user.localpart !== 'anyone';
      case 'user-by-id':
        return ids.has(found.uniqueid);
      case 'quota':
        return !found.root.endsWith('!') && selection.takes(asInternalName(found.root));
      default:
        return false;
    }
  };
  const below = (path: string, base: string) =>
    base !== '' && path.startsWith(`${base}/`) ? path.slice(base.length + 1) : undefined;
  return (path) => {
    const script = below(path, conf.sieveDir);
    if (script !== undefined) {
      const directory = script.slice(0, Math.max(0, script.lastIndexOf('/')));
      return isTheirs(parseSieveDirPath(script, conf)) || isTheirs(parseSieveDirPath(directory, conf));
    }
    return [conf.configDirectory, quotaDirectory(conf)].some((base) => {
      const relative = below(path, base);
      return relative !== undefined && isTheirs(parseConfigPath(relative));
    });
  };
}

/** The source's annotations of the wave's mailboxes, to be compared with a later look. */
export function annotationsOfWave({ source: { conf } }: Job, source: SourceTrees, migrated: Migrated): string {
  const own = neededEntries(source, conf, 'annotations', 'annotations.db').filter((entry) => {
    const target = annotatedBy(entry);
    return migrated.byName.has(target) || migrated.bySourceId.has(target);
  });
  return JSON.stringify(own);
}
