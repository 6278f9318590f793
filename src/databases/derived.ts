/**
 * What Cyrus derives from mailboxes and keeps beside them: conversations, DAV, search. Which of them the target can go
 * on with, and where it can't, the command that makes them anew and how long that will take.
 */
import { formatSeconds, plural } from '../base/units.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { inboxOf } from '../cyrus/names/mailbox-name.js';
import { type CyrusVersion, isAtLeast } from '../cyrus/version.js';
import type { Inventory } from '../inventory/inventory.js';
import type { MigratedMailbox } from './migrated.js';
import type { DatabaseOutcome } from './report.js';

/** What becomes of one kind of derived file. */
export type DerivedRule = Pick<DatabaseOutcome, 'action' | 'note'>;

/** How much there is to go through. */
export interface Work {
  readonly messages: number;
  readonly bytes: number;
}

/** Of mailboxes that are not deleted. */
export function workOf(mailboxes: Iterable<MigratedMailbox>): Work {
  let messages = 0;
  let bytes = 0;
  for (const { mailbox, index } of mailboxes) {
    if (mailbox.deleted) continue;
    messages += index.exists;
    bytes += index.quotaUsedBytes;
  }
  return { messages, bytes };
}

/**
 * What the numbers in a conversations database are: how its folders are listed, the versions of what it has of each
 * message and of each conversation.
 * @see cyrus-imapd 3.0.18, 3.2.12, 3.4.9, 3.6.1, 3.8.7, 3.10.3, 3.12.3 imap/conversations.h CONV_GUIDREC_VERSION,
 * CONVERSATIONS_RECORD_VERSION; imap/conversations.c FNKEY, FIKEY
 */
const CONVERSATIONS = [
  { since: '3.10', folders: 'uniqueids', message: 3, conversation: 1 },
  { since: '3.6', folders: 'uniqueids', message: 2, conversation: 1 },
  { since: '3.4', folders: 'names', message: 1, conversation: 1 },
  { since: '3.2', folders: 'names', message: 1, conversation: 0 },
  { since: '3.0', folders: 'names', message: 0, conversation: 0 },
] as const;

function conversationsOf(version: CyrusVersion) {
  return CONVERSATIONS.find(({ since }) => isAtLeast(version, since));
}

function alike(from: CyrusVersion, to: CyrusVersion): string {
  return from === to ? `${to} on both sides` : `${from} and ${to} keep them alike`;
}

export function conversationsRule(from: CyrusConf, to: CyrusConf): DerivedRule {
  const there = conversationsOf(to.version);
  if (!there || !to.conversations)
    return { action: 'dropped', note: 'conversations are off in imapd.conf of the new server' };
  // 3.6.1 makes a database for each user with conversations off as well; in the spool 3.6-uuid-archive they are empty.
  if (!from.conversations) return { action: 'left-to-target', note: 'the old server had conversations off' };
  // rows of one table: the same form is the same row
  if (conversationsOf(from.version) === there) return { action: 'copied', note: alike(from.version, to.version) };
  return { action: 'left-to-target', note: `${to.version} keeps them otherwise than ${from.version}` };
}

/**
 * The version that a release line gives its dav databases (`PRAGMA user_version`).
 * @see cyrus-imapd 3.0.0, 3.2.0, 3.4.0, 3.6.1, 3.8.7, 3.10.3, 3.12.3 imap/dav_db.c DB_VERSION; dav.db of a real 3.12.4
 */
const DAV_VERSIONS = [
  { since: '3.10', version: 16 },
  { since: '3.8', version: 15 },
  { since: '3.6', version: 14 },
  { since: '3.4', version: 10 },
  { since: '3.2', version: 9 },
  { since: '3.0', version: 6 },
] as const;

function davVersionOf(version: CyrusVersion): number | undefined {
  return DAV_VERSIONS.find(({ since }) => isAtLeast(version, since))?.version;
}

/**
 * Scripts of 3.6 and later are messages of #sieve, and ManageSieve finds them by the user's dav database: without it
 * none is shown. From version 14 on (3.6) that names mailboxes by uniqueid, and each newer server alters its tables when
 * it opens it.
 * @see cyrus-imapd 3.6.1, 3.10.3 imap/dav_db.c davdb_upgrade, dav_reconstruct_user
 */
export function davRule(from: Pick<CyrusConf, 'version'>, to: Pick<CyrusConf, 'version'>): DerivedRule {
  const [has, takes] = [davVersionOf(from.version), davVersionOf(to.version)];
  if (takes === undefined) return { action: 'dropped', note: `${to.version} has none` };
  const hasScripts = isAtLeast(from.version, '3.6');
  if (has === takes) return { action: 'copied', note: alike(from.version, to.version) };
  if (has !== undefined && hasScripts && has < takes)
    return { action: 'copied', note: 'the new server alters its tables where it has to' };
  return {
    action: 'left-to-target',
    note: hasScripts
      ? 'run dav_reconstruct -a: until then ManageSieve shows nobody a script (deliveries go by the active one all the same)'
      : 'run dav_reconstruct -a, where there are calendars or addressbooks',
  };
}

/** Messages in a second; 3.6.1 went through 20,000 with 1,900 (`npx vite-node test/bench/derived-rates.ts`, a busy machine). */
const CONVERSATIONS_PER_SECOND = 2_000;

/**
 * The first counts messages that have a conversation in their index, in that; the second gives one to the others. The
 * other way round messages of one thread would come into two; the second alone counts none of the first kind (seen with
 * 3.6.1: XCONVEXISTS 0 in each mailbox that 3.2.6 had made conversations of).
 * @see cyrus-imapd 3.6.1 imap/ctl_conversationsdb.c recalc_counts_cb, build_cid_cb
 */
export function conversationsCommand(work: Work, isForAll: boolean): string {
  const who = isForAll ? '-r' : 'USER';
  const commands = `ctl_conversationsdb -R ${who}, then ctl_conversationsdb -b ${who}${isForAll ? '' : ' for each of them'}`;
  return `run ${commands} (about ${formatSeconds(work.messages / CONVERSATIONS_PER_SECOND)} for ${plural(work.messages, 'message')})`;
}

/** Bytes of mail that `squatter` of 3.6.1 reads and indexes in a second (the same bench: 11.3 MB; Xapian by the batches it reported). */
const SEARCH_BYTES_PER_SECOND = { squat: 11_000_000, xapian: 1_700_000 } as const;

/** Search databases of every kind: cyrus.squat in the mailboxes, Xapian's on partitions of their own. */
export function searchOutcome(from: CyrusConf, to: CyrusConf, work: Work): DatabaseOutcome {
  const what = 'search indexes';
  const engine = searchEngine(to);
  if (engine === undefined) return { what, action: 'dropped', entries: 0, note: 'the new server has no search_engine' };
  const seconds = work.bytes / SEARCH_BYTES_PER_SECOND[engine];
  const why =
    searchEngine(from) === engine
      ? 'made beside the running server, so that no cutover waits for them'
      : `the old server had ${searchEngine(from) ?? 'none'}`;
  return { what, action: 'left-to-target', entries: 0, note: `${why}: run squatter (about ${formatSeconds(seconds)})` };
}

/** `search_engine`; up to 2.5 there is squat alone, and always. */
function searchEngine(conf: CyrusConf): 'squat' | 'xapian' | undefined {
  const engine = conf.option('search_engine') ?? 'squat';
  return engine === 'squat' || engine === 'xapian' ? engine : undefined;
}

/**
 * INBOXes of users of whom the target has not every mailbox as the source has it: what was derived of all of them would
 * not fit.
 */
export function irregularUsers(inventory: Inventory, mailboxes: readonly MigratedMailbox[]): ReadonlySet<string> {
  const irregular = new Set<string>();
  const known = new Set<unknown>(inventory.mailboxes);
  const there = new Set<unknown>();
  for (const { mailbox, asItStands } of mailboxes) {
    there.add(mailbox);
    const isMended = mailbox.entry.uniqueid !== undefined && mailbox.entry.uniqueid !== mailbox.uniqueid;
    if (mailbox.user && (asItStands || isMended || !known.has(mailbox))) irregular.add(inboxOf(mailbox.user));
  }
  for (const mailbox of inventory.mailboxes)
    if (mailbox.user && !mailbox.deleted && !there.has(mailbox)) irregular.add(inboxOf(mailbox.user));
  for (const entry of inventory.entries) {
    if (!inventory.refused.has(entry.name)) continue;
    const owner = /^((?:[^!]*!)?user\.[^.]+)/.exec(entry.name)?.[1];
    if (owner !== undefined) irregular.add(owner);
  }
  return irregular;
}
