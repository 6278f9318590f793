/** What lies in the target's configdirectory before the cutover writes there: nothing, our own, a test boot's, or another's. */
import { FormatError, RefusedError } from '../base/errors.js';
import { readIndexHeader } from '../cyrus/mailbox/index.js';
import type { InternalName } from '../cyrus/names/mailbox-name.js';
import { isLive, readMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import type { TargetTrees } from '../disk/trees.js';
import { databaseFile, entriesOf } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { MailboxRow } from '../state/mailbox-rows.js';

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
    if (index && readIndexHeader(index, row.name).lastUid > row.lastUid)
      refuse(`${row.name} has messages on the target that the source never had: it was used`);
  }
  return left;
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
