/** What lies in the target's configdirectory before the cutover writes there: nothing, our own, a test boot's, or another's. */
import { FormatError, RefusedError } from '../base/errors.js';
import { firstOf } from '../base/units.js';
import { type IndexHeader, readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import { isLive, readMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import { errnoOf } from '../disk/os-path.js';
import { SourceTrees, type TargetTrees } from '../disk/trees.js';
import { databaseFile, entriesOf } from '../inventory/read-mailboxes-db.js';
import { readServingTarget } from '../inventory/serving-target.js';
import type { Job } from '../job/job.js';
import type { KnownMailbox } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import { sourcePlaceOfRow } from '../sync/mailbox-tasks.js';
import { discardedNames, indexHeaderIn, isEmptyMailbox, isOfScripts } from '../sync/target-in-use.js';

/**
 * @returns what a first start or test boot left, for people; it is replaced.
 * @throws RefusedError where the target holds mailboxes, or new mail, that this job did not bring, or may do so.
 */
export function inspectTarget(job: Job, state: State, target: TargetTrees): string[] {
  const { conf } = job.target;
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  const path = `${dir}/${name}`;
  const bytes = target.root(dir).reader.read(name);
  if (!bytes || bytes.length === 0) return [];
  const refuse = (why: string): never => {
    throw new RefusedError(
      "The target holds another's mail",
      why,
      'Name an empty target, or take those mailboxes away first (cyrsync does not mix two servers yet).',
      { code: 'target-not-ours' },
    );
  };
  let list: ReturnType<typeof readMailboxEntries>;
  try {
    list = readMailboxEntries(entriesOf(bytes, path, conf.version), conf, path);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return refuse(`${path} is there and can not be read: ${error.message}`);
  }
  const rescued = new Set(state.rescuedMailboxes().map(({ uniqueid }) => uniqueid));
  const names = new Set<string>();
  const ids = new Set<string>();
  for (const { name, uniqueid } of state.mailboxes.known()) {
    names.add(name);
    ids.add(uniqueid);
  }
  const discarded = discardedNames(state);
  const left: string[] = [`${path} with ${list.mailboxes.length} records`];
  for (const entry of list.mailboxes.filter(isLive)) {
    if (names.has(entry.name) && (entry.uniqueid === undefined || ids.has(entry.uniqueid))) continue;
    if (entry.uniqueid !== undefined && rescued.has(entry.uniqueid)) continue;
    if (discarded.has(entry.name)) left.push(`${entry.name}, given up by reopen`);
    else if (isOfScripts(entry, conf)) left.push(`${entry.name}, made by the new server of the user's scripts`);
    else if (isEmptyMailbox(job, entry, (root) => target.root(root).reader))
      left.push(`${entry.name}, without messages`);
    else refuse(`${path} has ${entry.name}, which is not of this job and has messages or no readable index`);
  }
  const damaged: string[] = [];
  for (const row of state.mailboxes.known()) {
    if (row.syncedFiles === 0) continue;
    const index = targetIndexHeader(job, row, target);
    if (index === 'damaged') damaged.push(row.name);
    else if (index && state.fact('reopened') === undefined && wasUsed(job, row, index.lastUid))
      refuse(`${row.name} has messages on the target that the source never had: it was used`);
  }
  requireSound(damaged);
  return left;
}

/** @throws RefusedError where the index of a mailbox that was copied can't be read: new mail in it would not be seen */
function requireSound(damaged: readonly string[]): void {
  if (damaged.length === 0) return;
  throw new RefusedError(
    'The target has damaged indexes',
    `of ${firstOf(damaged)}; whether mail has come there can not be seen`,
    'Where the new server has not been used, run cyrsync presync --checksum, which writes them anew. Else run reconstruct there and save what is new.',
    { code: 'target-index-damaged' },
  );
}

/** Of the copy on the target; undefined where there is none. */
export function targetIndexHeader(
  job: Job,
  row: KnownMailbox,
  target: TargetTrees,
): IndexHeader | 'damaged' | undefined {
  const roots = row.targetPartition === null ? undefined : job.target.conf.partitions.get(row.targetPartition);
  return roots && indexHeaderIn(target.root(roots.meta.index).reader, `${row.targetRelative}/cyrus.index`);
}

/**
 * Whether the target's server has given UIDs to messages. What was delivered on the source while a pass copied the
 * mailbox is in the copy and not in the row: then the source itself is asked.
 */
function wasUsed(job: Job, row: KnownMailbox, lastUid: number): boolean {
  if (lastUid <= row.lastUid) return false;
  const place = sourcePlaceOfRow(job, row);
  const trees = new SourceTrees(job.source);
  try {
    const root = place && trees.root(place.roots.meta.index);
    const bytes = place && root?.readStart(`${place.relative}/cyrus.index`, LONGEST_HEADER_BYTES);
    return !place || !bytes || readIndexHeader(bytes, place.meta.index).lastUid < lastUid;
  } catch (error) {
    if (error instanceof FormatError || errnoOf(error) !== undefined) return true;
    throw error;
  } finally {
    trees.close();
  }
}

/**
 * The same of a target that serves others, before a wave's last pass: only what an earlier try of this wave left is this
 * job's business. Whether names and uniqueids are free is seen when it is known who comes.
 * @returns what that try left, for people; it is replaced.
 * @throws RefusedError where mailboxes of it have been used since, or may have been
 */
export function inspectServingTarget(job: Job, state: State, target: TargetTrees): string[] {
  const trees = new SourceTrees(job.target);
  try {
    const { path, ours } = readServingTarget(job, state, trees);
    const damaged: string[] = [];
    for (const { name, uniqueid } of ours) {
      const row = uniqueid === undefined ? state.mailboxes.byName(name) : state.mailboxes.byUniqueid(uniqueid);
      if (!row || row.syncedFiles === 0) continue;
      const index = targetIndexHeader(job, row, target);
      if (index === 'damaged') damaged.push(name);
      else if (index && wasUsed(job, row, index.lastUid))
        throw new RefusedError(
          "The target holds another's mail",
          `${name} has messages on the target that the source never had: it was used since a cutover that was not final`,
          'Save what came there, then take its mailboxes away on the new server, and run cutover again.',
          { code: 'target-not-ours' },
        );
    }
    requireSound(damaged);
    return ours.size === 0 ? [] : [`${ours.size} mailboxes in ${path} from a cutover that did not come to its end`];
  } finally {
    trees.close();
  }
}
