/**
 * Per-user files of the configdirectory: read state, subscriptions, counters and what is derived. Each goes to where
 * the target looks for it: by its own hashing and spelling of the name, or by the uniqueid of the INBOX.
 *
 * | suffix | action |
 * | --- | --- |
 * | seen | converted: backend, and the uniqueids that were mended |
 * | sub | converted: backend and form of names |
 * | mboxkey | converted: backend |
 * | counters | copied (3.0 and later read all older lengths) |
 * | conversations | copied within a release line, else left to the target to rebuild |
 * | dav | copied where the target brings it up to date by itself, else left to it to rebuild |
 * | xapianactive | dropped: it names search databases that stay behind |
 */
import { FormatError } from '../base/errors.js';
import { writeDatabase } from '../cyrus/db/database.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import { parseConfigPath, userFile } from '../cyrus/layout/config-paths.js';
import { isInbox, type User, userOf } from '../cyrus/names/mailbox-name.js';
import { readSubscriptions, writeSubscriptions } from '../cyrus/records/subscriptions.js';
import { type CyrusVersion, isAtLeast } from '../cyrus/version.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { ConfigReader } from './config-reader.js';
import type { ConfigWriter } from './config-writer.js';
import { sortOf, writableBackend } from './mailboxes-db.js';
import type { Migrated } from './migrated.js';
import type { DatabaseOutcome } from './report.js';

interface UserFile {
  readonly user: User;
  readonly suffix: string;
  readonly path: string;
}

/** Live user files of the source: those that lie exactly where the old server looks for them. */
export function* liveUserFiles(job: Job, reader: ConfigReader, migrated: Migrated): Generator<UserFile> {
  const { conf } = job.source;
  for (const path of walk(reader, 'user', 4)) {
    const file = parseConfigPath(path);
    if (file?.kind === 'user') {
      if (userFile(conf, file.user, file.suffix, migrated.sourceInboxUuid(file.user)) === path) yield { ...file, path };
    } else if (file?.kind === 'user-by-id') {
      const inbox = migrated.bySourceId.get(file.uniqueid)?.find(({ mailbox }) => isInbox(mailbox.name, conf));
      const user = inbox && !inbox.mailbox.place.legacy ? userOf(inbox.mailbox.name, conf) : undefined;
      if (user) yield { user, suffix: file.suffix, path };
    }
  }
  for (const hash of reader.list('domain')) {
    for (const domain of reader.list(`domain/${hash.name}`)) {
      for (const path of walk(reader, `domain/${hash.name}/${domain.name}/user`, 1)) {
        const file = parseConfigPath(path);
        if (
          file?.kind === 'user' &&
          userFile(conf, file.user, file.suffix, migrated.sourceInboxUuid(file.user)) === path
        )
          yield { ...file, path };
      }
    }
  }
}

function* walk(reader: ConfigReader, relative: string, depth: number): Generator<string> {
  for (const { name, kind } of reader.list(relative)) {
    if (kind === 'directory' && depth > 0) yield* walk(reader, `${relative}/${name}`, depth - 1);
    else if (kind === 'file' && !name.endsWith('.NEW')) yield `${relative}/${name}`;
  }
}

export function migrateUserFiles(
  job: Job,
  reader: ConfigReader,
  writer: ConfigWriter,
  migrated: Migrated,
  problems: ProblemList,
  nowSec: number,
): DatabaseOutcome[] {
  const { conf } = job.target;
  const counts = new Map<string, number>();
  const derived = derivedFiles(job.source.conf.version, conf.version);
  for (const { user, suffix, path } of liveUserFiles(job, reader, migrated)) {
    const to = userFile(conf, user, suffix, migrated.targetInboxUuid(user));
    try {
      if (migrateOne(job, reader, writer, migrated, user, suffix, path, to, derived, nowSec))
        counts.set(suffix, (counts.get(suffix) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof RangeError)) throw error;
      problems.add({
        code: 'user-file-damaged',
        message: error.message,
        advice: 'See whether a backup has a sound copy; put it in place on the target.',
        path: `${job.source.conf.configDirectory}/${path}`,
      });
    }
  }
  return [...counts]
    .sort()
    .map(([suffix, entries]) => ({ what: `user/*.${suffix}`, entries, ...actionOf(suffix, derived) }));
}

/** Which of the files that are derived from others the target can go on with. */
interface DerivedFiles {
  readonly conversations: boolean;
  readonly dav: boolean;
}

/**
 * Scripts of 3.6 and later are messages of #sieve, and ManageSieve finds them by the user's dav database: without it
 * none is shown. From version 14 on (3.6) that names mailboxes by uniqueid, and each newer server alters its tables when
 * it opens it.
 * @see cyrus-imapd 3.6.1, 3.10.3 imap/dav_db.c DB_VERSION (14, 16; 3.8: 15), davdb_upgrade
 */
export function derivedFiles(source: CyrusVersion, target: CyrusVersion): DerivedFiles {
  const isSame = source === target;
  return { conversations: isSame, dav: isSame || (isAtLeast(source, '3.6') && isAtLeast(target, source)) };
}

function actionOf(suffix: string, derived: DerivedFiles): Pick<DatabaseOutcome, 'action' | 'note'> {
  switch (suffix) {
    case 'seen':
    case 'sub':
    case 'mboxkey':
      return { action: 'converted', note: "in the target's backend and hashing" };
    case 'conversations':
      return derived.conversations
        ? { action: 'copied', note: 'same release line' }
        : { action: 'left-to-target', note: 'another release line: run ctl_conversationsdb -b -r' };
    case 'dav':
      return derived.dav
        ? { action: 'copied', note: 'the new server alters its tables where it has to' }
        : { action: 'left-to-target', note: 'of a release before 3.6: run dav_reconstruct -a' };
    case 'xapianactive':
      return { action: 'dropped', note: 'names search databases that stay behind: run squatter' };
    default:
      return { action: 'copied', note: '' };
  }
}

/** @returns true where there was something. */
function migrateOne(
  job: Job,
  reader: ConfigReader,
  writer: ConfigWriter,
  migrated: Migrated,
  user: User,
  suffix: string,
  path: string,
  to: string,
  derived: DerivedFiles,
  nowSec: number,
): boolean {
  const { conf } = job.target;
  const database = (kind: 'seen' | 'subscriptions' | 'mboxkey', entries: readonly DbEntry[]) =>
    writer.write(
      to,
      writeDatabase(writableBackend(conf.databases[kind].backend), entries, {
        ...(kind === 'subscriptions' ? sortOf(conf) : {}),
        version: conf.version,
        nowSec,
      }),
    );
  switch (suffix) {
    case 'seen':
      database('seen', withMendedIds(reader.entries(path) ?? [], migrated));
      return true;
    case 'sub': {
      const { names } = readSubscriptions(reader.entries(path) ?? [], user, job.source.conf);
      database('subscriptions', writeSubscriptions(new Set(names), user, conf));
      return true;
    }
    case 'mboxkey':
      database('mboxkey', reader.entries(path) ?? []);
      return true;
    case 'conversations':
    case 'dav':
      if (!derived[suffix]) return true;
      break;
    case 'xapianactive':
      return true;
  }
  const bytes = reader.bytes(path);
  if (bytes) writer.write(to, bytes);
  return bytes !== undefined;
}

/** A mailbox with a new uniqueid keeps what each user had read of it. */
function withMendedIds(entries: readonly DbEntry[], migrated: Migrated): DbEntry[] {
  const out = new Map<string, string>();
  for (const { key, value } of entries) {
    out.set(key, value);
    for (const { mailbox } of migrated.bySourceId.get(key) ?? [])
      if (mailbox.uniqueid !== key) out.set(mailbox.uniqueid, value);
  }
  return [...out].map(([key, value]) => ({ key, value }));
}
