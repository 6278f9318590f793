/** annotations.db: of the server and of mailboxes, by what the target's keys call them. */
import type { DbEntry } from '../cyrus/db/entry.js';
import { toUserid, userOf } from '../cyrus/names/mailbox-name.js';
import { readAnnotations, rekeyAnnotations, writeAnnotations } from '../cyrus/records/annotations.js';
import { databaseFile, orDamaged } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { ConfigReaders } from './config-reader.js';
import type { ConfigWriters } from './config-writer.js';
import type { Migrated } from './migrated.js';
import type { DatabaseOutcome } from './report.js';
import { targetDatabase } from './target-database.js';
import { mergeAnnotations } from './wave-databases.js';

/** @param existing Of a target that serves others: these stay. */
export function migrateAnnotations(
  job: Job,
  readers: ConfigReaders,
  writers: ConfigWriters,
  migrated: Migrated,
  problems: ProblemList,
  nowSec: number,
  existing?: readonly DbEntry[] | undefined,
): DatabaseOutcome {
  const [from, to] = [job.source.conf, job.target.conf];
  const { dir, name } = databaseFile(from, 'annotations', 'annotations.db');
  const path = `${dir}/${name}`;
  const { annotations, problems: bad } = readAnnotations(
    orDamaged(path, () => readers.at(dir)?.entries(name) ?? []),
    path,
  );
  for (const { message } of bad)
    problems.add({ code: 'annotation-damaged', message, advice: 'Set this annotation again on the target.', path });
  const { kept, dropped } = rekeyAnnotations(annotations, from.version, to.version, (target) => {
    const found = migrated.byName.get(target) ?? migrated.bySourceId.get(target)?.[0];
    if (!found) return undefined;
    const user = userOf(found.mailbox.name, from);
    return { name: found.mailbox.name, uniqueid: found.mailbox.uniqueid, owner: user && toUserid(user) };
  });
  const unique = [...new Map(writeAnnotations(kept, to.version).map((entry) => [entry.key, entry])).values()];
  const merged = existing && mergeAnnotations(job, existing, unique, migrated);
  const written = databaseFile(to, 'annotations', 'annotations.db');
  writers.at(written.dir).write(written.name, targetDatabase(to, 'annotations', merged?.entries ?? unique, nowSec));
  const note =
    dropped.length === 0 ? '' : `${dropped.length} of mailboxes that are no more, or do not come along, were left out`;
  if (merged)
    return {
      what: 'annotations.db',
      action: 'converted',
      entries: unique.length - merged.left,
      note: `added to ${existing.length} of the new server, whose own it keeps${merged.left === 0 ? '' : `; ${merged.left} of the old server itself stay there`}`,
    };
  return { what: 'annotations.db', action: 'converted', entries: unique.length, note };
}
