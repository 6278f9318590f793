/** user_deny.db: who may not use a service. */
import type { DbEntry } from '../cyrus/db/entry.js';
import { userFromUserid } from '../cyrus/names/mailbox-name.js';
import type { TargetTrees } from '../disk/trees.js';
import { databaseFile, orDamaged } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { ConfigReaders } from './config-reader.js';
import type { ConfigWriters } from './config-writer.js';
import type { Migrated } from './migrated.js';
import type { DatabaseOutcome } from './report.js';
import { targetDatabase } from './target-database.js';
import { existingEntries, mergeDenials } from './wave-databases.js';

/** Of those who come along; undefined where the source has no such database. */
function chosenDenials({ source }: Job, readers: ConfigReaders, migrated: Migrated): readonly DbEntry[] | undefined {
  const { dir, name } = databaseFile(source.conf, 'userdeny', 'user_deny.db');
  return orDamaged(`${dir}/${name}`, () => readers.at(dir)?.entries(name))?.filter(({ key }) =>
    migrated.takesUser(userFromUserid(key, source.conf)),
  );
}

function write({ target: { conf } }: Job, writers: ConfigWriters, entries: readonly DbEntry[], nowSec: number): void {
  const { dir, name } = databaseFile(conf, 'userdeny', 'user_deny.db');
  writers.at(dir).write(name, targetDatabase(conf, 'userdeny', entries, nowSec));
}

export function migrateUserDeny(
  job: Job,
  readers: ConfigReaders,
  writers: ConfigWriters,
  migrated: Migrated,
  nowSec: number,
): DatabaseOutcome | undefined {
  const entries = chosenDenials(job, readers, migrated);
  if (!entries) return undefined;
  write(job, writers, entries, nowSec);
  const note =
    entries.length === 0 ? '' : 'they are denied on the new server as well: cyr_deny -a USER there lets one in';
  return { what: 'user_deny.db', action: 'converted', entries: entries.length, note };
}

/** The same for a target that serves others. */
export function addDenials(
  job: Job,
  readers: ConfigReaders,
  writers: ConfigWriters,
  migrated: Migrated,
  target: TargetTrees,
  { denied }: { readonly denied: ReadonlyMap<string, string> },
  problems: ProblemList,
  nowSec: number,
): DatabaseOutcome | undefined {
  const own = chosenDenials(job, readers, migrated);
  if (!own || own.length === 0) return undefined;
  const existing = existingEntries(job, target, 'userdeny');
  const { entries, carried, left, unsure } = mergeDenials(job, existing, own, denied);
  if (entries.length > existing.length) write(job, writers, entries, nowSec);
  if (unsure.length > 0)
    problems.add({
      code: 'denials-carried',
      message: `denied on the new server as on the old one: ${unsure.slice(0, 5).join(', ')}${unsure.length > 5 ? ' …' : ''}`,
      advice: 'Where that only kept them out of the old server during the wave: cyr_deny -a USER on the new one.',
    });
  const note = left.length === 0 ? '' : `${left.length} that came after the first pass stay on the old server`;
  return { what: 'user_deny.db', action: 'converted', entries: carried.length, note };
}
