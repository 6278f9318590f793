/**
 * A target that serves others, as its mailboxes.db has it: what of it is this job's, what is not to be touched, and
 * whether there is room for those who come. Read from a server that runs as well as from one that is stopped.
 */
import { FormatError, RefusedError } from '../base/errors.js';
import { firstOf } from '../base/units.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import type { InternalName } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry, readMailboxEntries, writeMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import { DERIVED_OLD, hasNewDialect } from '../cyrus/records/mailboxes-dialect.js';
import { isAtLeast } from '../cyrus/version.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import { unitOf } from './listed-mailbox.js';
import { databaseFile, readSourceDatabase } from './read-mailboxes-db.js';

export interface ServingTarget {
  readonly path: string;
  /** As the file has them. */
  readonly entries: readonly DbEntry[];
  readonly mailboxes: readonly MailboxEntry[];
  /** What was wrong with it before. */
  readonly problems: readonly string[];
  /** Live mailboxes that an earlier cutover of this job, which did not come to its end, has written. */
  readonly ours: ReadonlySet<MailboxEntry>;
}

/** What of a job's mailboxes matters here. */
interface Coming {
  readonly name: InternalName;
  readonly uniqueid: string;
}

/** @param target The target's trees, for reading. @throws RefusedError where it can't be read, or is of another form */
export function readServingTarget(job: Job, state: State, target: SourceTrees): ServingTarget {
  const { conf } = job.target;
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  const path = `${dir}/${name}`;
  const refuse = (why: string, cause?: unknown): never => {
    throw new RefusedError(
      `${path} of the new server can not be added to`,
      why,
      'Start the new server once (it brings its databases up to date), stop it, and run this again.',
      { code: 'target-database', cause },
    );
  };
  let entries: readonly DbEntry[];
  let list: ReturnType<typeof readMailboxEntries>;
  try {
    entries = readSourceDatabase(target.root(dir), name, conf.version) ?? [];
    list = readMailboxEntries(entries, conf, path);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return refuse(error.message, error);
  }
  if (entries.length > 0 && hasNewDialect(entries, conf.version) !== isAtLeast(conf.version, '3.6'))
    refuse(`it is not in the form of Cyrus ${conf.version}`);
  const begun = state.units.begun();
  const finals = state.units.finals();
  const rescued = new Set(state.rescuedMailboxes().map((row) => row.uniqueid));
  const isOurs = (entry: MailboxEntry): boolean => {
    const unit = unitOf(entry.name, conf);
    if (!isLive(entry) || !begun.has(unit) || finals.has(unit)) return false;
    const { uniqueid } = entry;
    return uniqueid === undefined || rescued.has(uniqueid) || state.mailboxes.byUniqueid(uniqueid) !== undefined;
  };
  return {
    path,
    entries,
    mailboxes: list.mailboxes,
    problems: list.problems.map(({ message }) => message),
    ours: begun.size === 0 ? new Set() : new Set(list.mailboxes.filter(isOurs)),
  };
}

/** @throws RefusedError naming the mailboxes that the target has already, of others */
export function requireRoom({ path, mailboxes, ours }: ServingTarget, coming: Iterable<Coming>): void {
  const names = new Set<string>();
  const ids = new Map<string, InternalName>();
  for (const entry of mailboxes) {
    if (!isLive(entry) || ours.has(entry)) continue;
    names.add(entry.name);
    if (entry.uniqueid !== undefined) ids.set(entry.uniqueid, entry.name);
  }
  const taken: string[] = [];
  for (const { name, uniqueid } of coming) {
    const other = ids.get(uniqueid);
    if (names.has(name)) taken.push(name);
    else if (other !== undefined) taken.push(`${name} (its uniqueid is that of ${other} there)`);
  }
  if (taken.length === 0) return;
  throw new RefusedError(
    "The target holds another's mail",
    `${path} has ${firstOf(taken, ', ', 8)} already, and not of this job`,
    'Leave these users out, or rename or delete their mailboxes on one of the two servers.',
    { code: 'target-not-ours' },
  );
}

/**
 * The records that stay as they are: those of others, byte by byte. Ours of an earlier try go, and what stands where a
 * mailbox is to come (a tombstone, an intermediate). What the server derives of all records goes: it makes that anew.
 * @see reference cyrus-names-and-databases.md 4.6: `ctl_cyrusdb -r` rebuilds reverse ACLs where there are none
 */
export function entriesOfOthers(job: Job, serving: ServingTarget, added: readonly DbEntry[]): DbEntry[] {
  const { conf } = job.target;
  const going = new Set(added.map(({ key }) => key));
  for (const { key } of writeMailboxEntries([...serving.ours], conf)) going.add(key);
  // Of what DERIVED_NEW names, others' `J` records stay.
  const derived = isAtLeast(conf.version, '3.6') ? /^A[US]\x1e/ : DERIVED_OLD;
  return serving.entries.filter(({ key }) => !going.has(key) && !derived.test(key));
}
