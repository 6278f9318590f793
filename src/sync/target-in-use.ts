/**
 * A target whose server has mailboxes already, before a pass writes there. What the state knows decides over a cutover
 * that was final; where the state was lost, or the new server was started meanwhile, only the target itself can tell.
 *
 * | mailboxes.db of the new server | answer |
 * | --- | --- |
 * | none, empty, or without mailboxes that hold messages | go on |
 * | has mailboxes of others, with messages | refuse: the cutover would, after weeks of passes |
 * | has mailboxes of this job, and the server runs | refuse: a pass would write into mailboxes that are in use |
 * | has mailboxes of this job, from a cutover that the state knows nothing of | refuse: the state was lost |
 */
import { FormatError, RefusedError } from '../base/errors.js';
import { firstOf, plural } from '../base/units.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { type IndexHeader, readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import { isLive, type MailboxEntry, readMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import type { SourceRoot } from '../disk/source.js';
import { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { placeOfEntry } from '../inventory/listed-mailbox.js';
import { databaseFile, readSourceDatabase } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import { runningServer } from '../job/running-server.js';
import type { State } from '../state/state.js';

/** @throws RefusedError */
export function requireTargetUnused(job: Job, state: State, { mailboxes }: Inventory): void {
  const { dir, name } = databaseFile(job.target.conf, 'mailboxes', 'mailboxes.db');
  const path = `${dir}/${name}`;
  const trees = new SourceTrees(job.target);
  try {
    const live = liveMailboxes(job, trees);
    if (live.length === 0) return;
    const ids = new Set(mailboxes.map(({ uniqueid }) => uniqueid));
    for (const { uniqueid } of [...state.mailboxes.known(), ...state.rescuedMailboxes()]) ids.add(uniqueid);
    const ours = live.filter(({ uniqueid }) => uniqueid !== undefined && ids.has(uniqueid));
    const discarded = discardedNames(state);
    const others = live.filter(
      (entry) =>
        !isOfJob(entry, state, ids) &&
        !discarded.has(entry.name) &&
        !isEmptyMailbox(job, entry, (root) => trees.root(root)),
    );
    if (others.length > 0)
      throw new RefusedError(
        "The target holds another's mail",
        `${path} has ${firstOf(others.map((entry) => entry.name))}, with messages and not of this job`,
        'Name an empty target, or take those mailboxes away first; the cutover would refuse them as well.',
        { code: 'target-not-ours' },
      );
    if (ours.length === 0) return;
    const has = `its mailboxes.db has ${plural(ours.length, 'mailbox', 'mailboxes')} of this job`;
    const now = runningServer(job.target);
    if (now.length > 0)
      throw new RefusedError(
        'The new server runs',
        `${has}; ${now[0]}`,
        'Where users are at work there, the migration is over: no pass may run. Else stop it, and run this again.',
        { code: 'new-server-runs' },
      );
    if (!state.knowsPass('cutover'))
      throw new RefusedError(
        "The target has this job's mailboxes from a cutover that the state knows nothing of",
        `${path} has ${plural(ours.length, 'of them', 'of them')}`,
        `Was the state file lost? Put it back (${job.stateFile}). If the new server was never in use, move its mailboxes.db away and run this again; if it was, no pass may run.`,
        { code: 'target-not-ours' },
      );
  } finally {
    trees.close();
  }
}

/** Of the target's server, users' scripts apart. */
export function liveMailboxes({ target: { conf } }: Job, trees: SourceTrees): MailboxEntry[] {
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  try {
    const entries = readSourceDatabase(trees.root(dir), name, conf.version) ?? [];
    return readMailboxEntries(entries, conf, `${dir}/${name}`).mailboxes.filter(
      (entry) => isLive(entry) && !isOfScripts(entry, conf),
    );
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return []; // the cutover refuses it
  }
}

/** Whether it is one that a server of 3.6 and later makes of a user's scripts. */
export function isOfScripts({ kind, name }: MailboxEntry, { sieveFolder }: Pick<CyrusConf, 'sieveFolder'>): boolean {
  return kind === 'f' || name.endsWith(`.${sieveFolder}`);
}

/** Names on the target that a reopen gave up. */
export function discardedNames(state: State): ReadonlySet<string> {
  return new Set(JSON.parse(state.fact('discarded') ?? '[]') as string[]);
}

/** By name only where it has no uniqueid: a mailbox of the same name that the new server made is another. */
function isOfJob({ name, uniqueid }: MailboxEntry, state: State, ids: ReadonlySet<string>): boolean {
  return uniqueid === undefined ? state.mailboxes.byName(name) !== undefined : ids.has(uniqueid);
}

/** Of a mailbox of the new server's own. @returns false where that can't be seen */
export function isEmptyMailbox(
  job: Job,
  entry: MailboxEntry,
  rootOf: (path: string) => SourceRoot | undefined,
): boolean {
  const place = entry.legacy ? undefined : placeOfEntry(job.target.conf, entry);
  if (!place) return false;
  const index = indexHeaderIn(rootOf(place.roots.meta.index), `${place.relative}/cyrus.index`);
  return index === undefined || (index !== 'damaged' && index.count === 0);
}

/** Undefined where there is none. */
export function indexHeaderIn(root: SourceRoot | undefined, relative: string): IndexHeader | 'damaged' | undefined {
  const bytes = root?.readStart(relative, LONGEST_HEADER_BYTES);
  if (!bytes) return undefined;
  try {
    return readIndexHeader(bytes, relative);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return 'damaged';
  }
}
