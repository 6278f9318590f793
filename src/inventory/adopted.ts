/**
 * Directories that the job file says are live where mailboxes.db says otherwise (`action = "migrate-as-live"`): the
 * files of a mailbox lie in another place than its record leads to, or it has no record at all.
 */
import { ConfigError, FormatError } from '../base/errors.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { type MailboxPlace, placeBelow } from '../cyrus/layout/mailbox-place.js';
import { type MailboxHeader, readMailboxHeader } from '../cyrus/mailbox/header.js';
import { asInternalName, type InternalName } from '../cyrus/names/mailbox-name.js';
import { ordinaryType } from '../cyrus/records/mailbox-type.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { bytesOfText, errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';

export interface Adopted {
  readonly entry: MailboxEntry;
  readonly place: MailboxPlace;
}

/**
 * By internal name. @param entries Of mailboxes.db: a live one keeps all that it says but the place.
 * @throws ConfigError for a path below no partition, or without a header that can be read
 */
export function adoptedMailboxes(job: Job, trees: SourceTrees, entries: readonly MailboxEntry[]): Map<string, Adopted> {
  const adopted = new Map<string, Adopted>();
  const rules = job.options.leftovers.filter(({ action }) => action === 'migrate-as-live');
  if (rules.length === 0) return adopted;
  const live = new Map(entries.filter(isLive).map((entry) => [entry.name as string, entry]));
  for (const { path, mailbox } of rules) {
    // The job file's schema sees to it that both are there.
    const directory = bytesOfText(path as string).replace(/\/+$/, '');
    const name = asInternalName(bytesOfText(mailbox!));
    const place = placeOfDirectory(job.source.conf, directory);
    const header = place && headerOf(trees, place);
    if (!place || !header) {
      throw new ConfigError(
        `${directory} can not be migrated as ${name}`,
        place ? 'it has no cyrus.header that can be read' : 'it lies below no partition of the old imapd.conf',
        'Correct path in this [[leftovers]] rule of the job file.',
      );
    }
    const own = live.get(name);
    const taken = [...live.values()].some((entry) => entry.uniqueid === header.uniqueid);
    adopted.set(name, {
      place,
      entry: own
        ? { ...own, partition: place.partition, uniqueid: own.uniqueid ?? header.uniqueid }
        : newEntry(name, place, header, taken ? undefined : header.uniqueid),
    });
  }
  return adopted;
}

function newEntry(
  name: InternalName,
  { partition, legacy }: MailboxPlace,
  { acl }: MailboxHeader,
  uniqueid: string | undefined,
): MailboxEntry {
  return {
    name,
    ...ordinaryType(legacy),
    partition,
    acl,
    uniqueid,
    history: [],
    extra: [],
  };
}

/** The place that a directory of any kind of root belongs to; the longest root counts, for one may lie in another. */
function placeOfDirectory(conf: CyrusConf, directory: string): MailboxPlace | undefined {
  const candidates = [...conf.partitions.values()].flatMap((roots) =>
    [roots.data, roots.archive, ...Object.values(roots.meta)].flatMap((root) =>
      root !== undefined && directory.startsWith(`${root}/`) ? [{ roots, root }] : [],
    ),
  );
  const found = candidates.sort((a, b) => b.root.length - a.root.length)[0];
  if (!found) return undefined;
  const { roots, root } = found;
  const relative = directory.slice(root.length + 1);
  return placeBelow(roots, !relative.startsWith('uuid/'), relative);
}

function headerOf(trees: SourceTrees, place: MailboxPlace): MailboxHeader | undefined {
  try {
    const bytes = trees.root(place.roots.meta.header)?.read(`${place.relative}/cyrus.header`);
    return bytes && readMailboxHeader(bytes, `${place.meta.header}/cyrus.header`);
  } catch (error) {
    if (error instanceof FormatError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
