/** deliver.db: whom a vacation script has answered, what was delivered already. Carried over where the target can use it. */
import { plural } from '../base/units.js';
import { detectBackend } from '../cyrus/db/detect.js';
import { countPendingVacations, haveSameDeliverKeys, isNative64 } from '../cyrus/records/deliver.js';
import { databaseFile, entriesOf } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ConfigReaders } from './config-reader.js';
import type { ConfigWriters } from './config-writer.js';
import type { DatabaseOutcome } from './report.js';
import { targetDatabase, writableBackend } from './target-database.js';

/** @returns undefined where the source has none. */
export function migrateDeliverDb(
  job: Job,
  readers: ConfigReaders,
  writers: ConfigWriters,
  nowSec: number,
): DatabaseOutcome | undefined {
  const [from, to] = [job.source.conf, job.target.conf];
  const { dir, name } = databaseFile(from, 'duplicate', 'deliver.db');
  const bytes = readers.at(dir)?.bytes(name);
  if (!bytes) return undefined;
  const dropped = (entries: number, why: string): DatabaseOutcome => ({
    what: 'deliver.db',
    action: 'dropped',
    entries,
    note: why,
  });
  let entries: ReturnType<typeof entriesOf>;
  try {
    entries = entriesOf(bytes, `${dir}/${name}`, from.version);
  } catch (error) {
    // Nothing but answers sent twice hangs on it, so that no one needs to mend it.
    const why = error instanceof Error ? error.message : String(error);
    return dropped(0, `it can not be read (${why}): anyone whom a vacation script has answered may be answered again`);
  }
  const pending = countPendingVacations(entries, nowSec);
  const again =
    pending === 0
      ? 'no vacation answer is held back by it'
      : `${plural(pending, 'sender')} whom a vacation script has answered may be answered again`;
  if (!haveSameDeliverKeys(from.version, to.version))
    return dropped(entries.length, `${to.version} makes other keys than ${from.version}; ${again}`);
  const usable = entries.filter(({ value }) => isNative64(value));
  if (usable.length === 0 && entries.length > 0)
    return dropped(entries.length, `in the byte order or word size of another machine; ${again}`);
  const written = databaseFile(to, 'duplicate', 'deliver.db');
  writers.at(written.dir).write(written.name, targetDatabase(to, 'duplicate', usable, nowSec));
  const kept = pending === 0 ? '' : `${plural(pending, 'sender')} will not be answered again before time`;
  const odd = entries.length - usable.length;
  const unread = odd === 0 ? '' : `${odd} that can not be read were left out`;
  return {
    what: 'deliver.db',
    action: detectBackend(bytes) === writableBackend(to.databases.duplicate.backend) ? 'copied' : 'converted',
    entries: usable.length,
    note: [kept, unread].filter((text) => text !== '').join('; '),
  };
}
