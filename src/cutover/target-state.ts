/** What lies in the target's configdirectory before the cutover writes there: nothing, our own, a test boot's, or another's. */
import { FormatError, RefusedError } from '../base/errors.js';
import { readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import type { InternalName } from '../cyrus/names/mailbox-name.js';
import { isLive, readMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import { errnoOf } from '../disk/os-path.js';
import { SourceTrees, type TargetTrees } from '../disk/trees.js';
import { databaseFile, entriesOf } from '../inventory/read-mailboxes-db.js';
import { readServingTarget } from '../inventory/serving-target.js';
import type { Job } from '../job/job.js';
import type { MailboxRow } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import { sourcePlaceOfRow } from '../sync/mailbox-tasks.js';

/**
 * @param rescued Uniqueids of the mailboxes that this job put rescued messages into.
 * @returns what a first start or test boot left, for people; it is replaced.
 * @throws RefusedError where the target holds mailboxes, or new mail, that this job did not bring.
 */
export function inspectTarget(
  job: Job,
  rows: ReadonlyMap<string, MailboxRow>,
  rescued: ReadonlySet<string>,
  target: TargetTrees,
): string[] {
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
  const ours = new Set([...rows.values()].map((row) => row.name));
  const left: string[] = [`${path} with ${list.mailboxes.length} records`];
  for (const entry of list.mailboxes.filter(isLive)) {
    const isSieve = entry.kind === 'f' || entry.name.endsWith(`.${conf.sieveFolder}`);
    if (ours.has(entry.name) && (entry.uniqueid === undefined || rows.has(entry.uniqueid))) continue;
    if (entry.uniqueid !== undefined && rescued.has(entry.uniqueid)) continue;
    if (isSieve) left.push(`${entry.name}, made by the new server of the user's scripts`);
    else if (isEmptyMailbox(job, entry, target)) left.push(`${entry.name}, without messages`);
    else refuse(`${path} has ${entry.name}, which is not of this job and has messages or no readable index`);
  }
  for (const row of rows.values()) {
    if (row.targetPartition === null || row.syncedFiles === 0) continue;
    const roots = conf.partitions.get(row.targetPartition);
    const index = roots && target.root(roots.meta.index).reader.read(`${row.targetRelative}/cyrus.index`);
    if (index && wasUsed(job, row, readIndexHeader(index, row.name).lastUid))
      refuse(`${row.name} has messages on the target that the source never had: it was used`);
  }
  return left;
}

/**
 * Whether the target's server has given UIDs to messages. What was delivered on the source while a pass copied the
 * mailbox is in the copy and not in the row: then the source itself is asked.
 */
function wasUsed(job: Job, row: MailboxRow, lastUid: number): boolean {
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
 * @throws RefusedError where mailboxes of it have been used since
 */
export function inspectServingTarget(job: Job, state: State, target: TargetTrees): string[] {
  const trees = new SourceTrees(job.target);
  try {
    const { path, ours } = readServingTarget(job, state, trees);
    for (const { name, uniqueid } of ours) {
      const row = uniqueid === undefined ? state.mailboxes.byName(name) : state.mailboxes.byUniqueid(uniqueid);
      if (!row || row.targetPartition === null || row.syncedFiles === 0) continue;
      const roots = job.target.conf.partitions.get(row.targetPartition);
      const index = roots && target.root(roots.meta.index).reader.read(`${row.targetRelative}/cyrus.index`);
      if (index && wasUsed(job, row, readIndexHeader(index, name).lastUid))
        throw new RefusedError(
          "The target holds another's mail",
          `${name} has messages on the target that the source never had: it was used since a cutover that was not final`,
          'Save what came there, then take its mailboxes away on the new server, and run cutover again.',
          { code: 'target-not-ours' },
        );
    }
    return ours.size === 0 ? [] : [`${ours.size} mailboxes in ${path} from a cutover that did not come to its end`];
  } finally {
    trees.close();
  }
}

function isEmptyMailbox(
  job: Job,
  entry: { name: InternalName; partition?: string | undefined; uniqueid?: string | undefined; legacy: boolean },
  target: TargetTrees,
): boolean {
  const roots = entry.partition === undefined ? undefined : job.target.conf.partitions.get(entry.partition);
  if (!roots || entry.legacy || entry.uniqueid === undefined) return false;
  const bytes = target
    .root(roots.meta.index)
    .reader.read(`uuid/${entry.uniqueid[0]}/${entry.uniqueid[1]}/${entry.uniqueid}/cyrus.index`);
  return bytes === undefined || readIndexHeader(bytes, entry.name).count === 0;
}
