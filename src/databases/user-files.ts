/**
 * Per-user files of the configdirectory, and those of the same kinds that all share: read state, subscriptions,
 * counters and what is derived. Each goes to where the target looks for it: by its own hashing and spelling of the name,
 * or by the uniqueid of the INBOX. What becomes of which kind stands in `CONFIG_KINDS`, and in `derived.ts`.
 */
import { FormatError } from '../base/errors.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import { CONFIG_KINDS, type ConfigWhat } from '../cyrus/layout/config-files.js';
import { DAV_JOURNAL, sharedFile, userFile } from '../cyrus/layout/config-paths.js';
import { type InternalName, inboxOf } from '../cyrus/names/mailbox-name.js';
import { countersVersionOf, parseCounters, printCounters } from '../cyrus/records/counters.js';
import { readSubscriptions, writeSubscriptions } from '../cyrus/records/subscriptions.js';
import type { Inventory } from '../inventory/inventory.js';
import { entriesOf } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { ConfigCensus, OwnedFile } from './config-census.js';
import type { ConfigReader } from './config-reader.js';
import type { ConfigWriter } from './config-writer.js';
import {
  conversationsCommand,
  conversationsRule,
  type DerivedRule,
  davRule,
  irregularUsers,
  workOf,
} from './derived.js';
import type { Migrated } from './migrated.js';
import type { DatabaseOutcome } from './report.js';
import { targetDatabase } from './target-database.js';

interface UserFilesContext {
  readonly job: Job;
  readonly reader: ConfigReader;
  readonly writer: ConfigWriter;
  readonly migrated: Migrated;
  readonly inventory: Inventory;
  readonly problems: ProblemList;
  readonly nowSec: number;
  /** The target serves others: what all share there is added to, not replaced. */
  readonly isAdded: boolean;
}

export function migrateUserFiles(context: UserFilesContext, census: ConfigCensus): DatabaseOutcome[] {
  const [from, to] = [context.job.source.conf, context.job.target.conf];
  const rules: Readonly<Record<string, DerivedRule>> = {
    'user/*.counters': countersRule(context.job),
    'user/*.dav': davRule(from, to),
  };
  const outcomes: DatabaseOutcome[] = [];
  for (const kind of CONFIG_KINDS) {
    const what: ConfigWhat = kind.what;
    const files = census.owned.get(what);
    if (!files || what === 'user/*.conversations') continue;
    const { action, note } = rules[what] ?? { action: kind.actions[0], note: kind.note };
    const carried = action === 'dropped' || action === 'left-to-target' ? files.length : carry(context, files, what);
    outcomes.push({ what, action, entries: carried, note });
    if (carried < files.length)
      outcomes.push({
        what,
        action: 'dropped',
        entries: files.length - carried,
        note: 'damaged (see problems), or of a deleted user, for whom the new server has no place by name',
      });
  }
  outcomes.push(...migrateConversations(context, census.owned.get('user/*.conversations') ?? []));
  return outcomes;
}

function countersRule({ source, target }: Job): DerivedRule {
  const [has, takes] = [countersVersionOf(source.conf.version), countersVersionOf(target.conf.version)];
  if (takes === undefined) return { action: 'dropped', note: `${target.conf.version} keeps none` };
  if (has === undefined || has <= takes) return { action: 'copied', note: 'every later version reads it' };
  return { action: 'converted', note: `in the shorter form that ${target.conf.version} reads` };
}

/**
 * Conversations speak of all mailboxes of a user: where one is not as it was, the target has to make them anew. Where
 * the target has conversations and the source none, there is nothing to copy and all the same something to do.
 */
function migrateConversations(context: UserFilesContext, files: readonly OwnedFile[]): DatabaseOutcome[] {
  const { job, inventory, migrated } = context;
  const what = 'user/*.conversations';
  const { action, note } = conversationsRule(job.source.conf, job.target.conf);
  if (action === 'dropped') return files.length === 0 ? [] : [{ what, action, entries: files.length, note }];
  const irregular = action === 'copied' ? irregularUsers(inventory, migrated.mailboxes) : new Set<string>();
  const whole = action === 'copied' ? files.filter(({ user }) => !user || !irregular.has(inboxOf(user))) : [];
  const outcomes: DatabaseOutcome[] = [];
  if (whole.length > 0) outcomes.push({ what, action, entries: carry(context, whole, what), note });
  const done = new Set(whole.map(({ user }) => user && inboxOf(user)));
  const rest = migrated.mailboxes.filter(
    ({ mailbox: { user, deleted } }) => user && !deleted && !done.has(inboxOf(user)),
  );
  const work = workOf(rest);
  const left = files.length - whole.length;
  if (left === 0 && work.messages === 0) return outcomes;
  const why = action === 'copied' ? 'of users who have none, or not every mailbox as it was' : note;
  outcomes.push({
    what,
    action: 'left-to-target',
    entries: left,
    note: `${why}: ${conversationsCommand(work, !context.isAdded)}`,
  });
  return outcomes;
}

/** @returns how many files got to the target. */
function carry(context: UserFilesContext, files: readonly OwnedFile[], what: ConfigWhat): number {
  const { job, problems } = context;
  let carried = 0;
  for (const file of files) {
    const to = targetPath(context, file);
    if (to === undefined) continue;
    try {
      if (context.isAdded && isShared(file) && what !== 'user/*.seen' && context.writer.root.stat(to)) continue;
      const bytes = bytesFor(context, file, what);
      if (!bytes) continue; // gone meanwhile
      context.writer.write(to, bytes);
      if (what === 'user/*.dav') dropJournal(context, file);
      carried++;
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof RangeError)) throw error;
      problems.add({
        code: 'user-file-damaged',
        message: error.message,
        advice: 'See whether a backup has a sound copy; put it in place on the target.',
        path: `${job.source.conf.configDirectory}/${file.path}`,
      });
    }
  }
  return carried;
}

/** That of another database, which a test boot left: the new server would roll it back into this one. */
function dropJournal(context: UserFilesContext, file: OwnedFile): void {
  if (file.suffix === DAV_JOURNAL) return;
  const to = targetPath(context, { ...file, suffix: DAV_JOURNAL });
  const isOurs = context.reader.bytes(`${file.path}-journal`) !== undefined;
  if (to !== undefined && !isOurs && context.writer.root.stat(to)) context.writer.remove(to);
}

/** Undefined where the target has no place for it. */
function targetPath({ job, migrated }: UserFilesContext, file: OwnedFile): string | undefined {
  const { conf } = job.target;
  const { user, suffix, domain, byId } = file;
  if (!user) return sharedFile(conf, suffix, domain);
  if (!byId) return userFile(conf, user, suffix, migrated.targetInboxUuid(user));
  return byId.isDeleted && byId.targetUuid === undefined ? undefined : userFile(conf, user, suffix, byId.targetUuid);
}

/** What the target gets, or undefined where the file is no longer there. */
function bytesFor(context: UserFilesContext, file: OwnedFile, what: ConfigWhat): Buffer | undefined {
  const { job, reader, migrated, nowSec, isAdded } = context;
  const { path, user } = file;
  const { conf } = job.target;
  const database = (kind: 'seen' | 'subscriptions' | 'mboxkey', entries: readonly DbEntry[] | undefined) =>
    entries && targetDatabase(conf, kind, entries, nowSec);
  switch (what) {
    case 'user/*.seen': {
      const entries = reader.entries(path);
      const mended = entries && withMendedIds(entries, migrated);
      return database('seen', mended && isAdded ? withOthers(context, file, mended) : mended);
    }
    case 'user/*.sub': {
      const entries = reader.entries(path);
      if (!entries) return undefined;
      const { names } = readSubscriptions(entries, user ?? { localpart: '' }, job.source.conf);
      const there = isAdded ? subscribedThere(context, file) : [];
      return database(
        'subscriptions',
        writeSubscriptions(new Set([...there, ...names]), user ?? { localpart: '' }, conf),
      );
    }
    case 'user/*.mboxkey':
      return database('mboxkey', reader.entries(path));
    case 'user/*.counters': {
      const bytes = reader.bytes(path);
      const form = countersVersionOf(conf.version);
      if (!bytes || countersRule(job).action === 'copied') return bytes;
      const counters = parseCounters(bytes, `${job.source.conf.configDirectory}/${path}`);
      return printCounters(counters, Math.min(counters.fileVersion, form ?? counters.fileVersion));
    }
    default:
      return reader.bytes(path);
  }
}

/** Nobody's, or the read state of mailboxes where all share it. */
function isShared({ user }: OwnedFile): boolean {
  return user === undefined || (user.localpart === 'anyone' && user.domain === undefined);
}

/** What a server that serves others has of this file: its user may have read there, without a mailbox of his own. */
function existingOf(context: UserFilesContext, file: OwnedFile): readonly DbEntry[] {
  const to = targetPath(context, file)!;
  const bytes = context.writer.root.reader.read(to);
  return bytes && bytes.length > 0 ? entriesOf(bytes, to, context.job.target.conf.version) : [];
}

function subscribedThere(context: UserFilesContext, file: OwnedFile): readonly InternalName[] {
  const existing = existingOf(context, file);
  return existing.length === 0
    ? []
    : readSubscriptions(existing, file.user ?? { localpart: '' }, context.job.target.conf).names;
}

/** Read state of other mailboxes is kept; of what all share, only that of mailboxes that come now is put in. */
function withOthers(context: UserFilesContext, file: OwnedFile, entries: readonly DbEntry[]): DbEntry[] {
  const own = isShared(file) ? ofMigrated(entries, context.migrated) : entries;
  const keys = new Set(own.map(({ key }) => key));
  return [...existingOf(context, file).filter(({ key }) => !keys.has(key)), ...own];
}

function ofMigrated(entries: readonly DbEntry[], { mailboxes }: Migrated): DbEntry[] {
  const ids = new Set(mailboxes.map(({ mailbox }) => mailbox.uniqueid));
  return entries.filter(({ key }) => ids.has(key));
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
