/**
 * Mailboxes that mailboxes.db names and the disk does not have. Where all of a partition are missing and its root is
 * empty or gone, it is the partition that is missing, most likely not mounted: that is said once, and no advice given
 * to delete what will be there again once it is mounted.
 */
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import type { InternalName } from '../cyrus/names/mailbox-name.js';
import { readDirectoryIsEmpty } from '../disk/empty.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Problem, ProblemList } from '../model/problem.js';
import type { ListedMailbox } from './listed-mailbox.js';

export type MissingFile = 'directory' | 'cyrus.index' | 'cyrus.header';

interface Missing {
  readonly name: InternalName;
  readonly path: string;
  readonly what: MissingFile;
}

export class MissingFiles {
  readonly #missing = new Map<string, Missing[]>();
  /** Mailboxes that have a directory, by root; others are not counted. */
  readonly #haveFiles = new Set<string>();

  add(place: MailboxPlace, name: InternalName, what: MissingFile): void {
    const root = place.roots.meta.index;
    if (what !== 'directory') this.#haveFiles.add(root);
    const list = this.#missing.get(root);
    const entry = { name, path: place.meta.index, what };
    if (list) list.push(entry);
    else this.#missing.set(root, [entry]);
  }

  /** Of a mailbox that is there. */
  found(place: MailboxPlace): void {
    this.#haveFiles.add(place.roots.meta.index);
  }

  /**
   * Says what is missing. @returns roots that hold no mailbox at all, and should hold some
   * @param many More than so many are no accident, whatever else is there: another disk is mounted, perhaps.
   */
  report(trees: SourceTrees, problems: ProblemList, many: number): string[] {
    const emptied: string[] = [];
    for (const [root, list] of this.#missing) {
      const opened = trees.root(root);
      if (!this.#haveFiles.has(root) && (!opened || list.length > many || readDirectoryIsEmpty(opened))) {
        emptied.push(root);
        problems.add(partitionEmpty(root, list.length, opened !== undefined));
        continue;
      }
      for (const { name, path, what } of list)
        problems.add({
          code: 'mailbox-files-missing',
          message: `it has no ${what}`,
          advice: 'Run reconstruct for it on the old server, or delete it there; what the target has of it is kept.',
          mailbox: name,
          path,
        });
    }
    return emptied;
  }
}

interface EmptyData {
  readonly data: string;
  readonly isThere: boolean;
  count: number;
}

/**
 * The same of data partitions whose indexes lie elsewhere: these say that there are messages. One with an archive may
 * have all of them there.
 */
export function reportEmptyData(
  { partitions }: CyrusConf,
  mailboxes: Iterable<ListedMailbox>,
  trees: SourceTrees,
  problems: ProblemList,
): string[] {
  const apart = [...partitions.values()].filter(
    ({ data, meta, archive }) => archive === undefined && data !== meta.index,
  );
  const empty = new Map(
    apart.flatMap(({ name, data }) => {
      const root = trees.root(data);
      return !root || readDirectoryIsEmpty(root)
        ? [[name, { data, isThere: root !== undefined, count: 0 }] as [string, EmptyData]]
        : [];
    }),
  );
  if (empty.size === 0) return [];
  for (const { partition, summary } of mailboxes) {
    const at = empty.get(partition);
    if (at && (summary?.messages ?? 0) > 0) at.count++;
  }
  const missed = [...empty.values()].filter(({ count }) => count > 0);
  for (const { data, isThere, count } of missed) problems.add(partitionEmpty(data, count, isThere));
  return missed.map(({ data }) => data);
}

function partitionEmpty(root: string, mailboxes: number, isThere: boolean): Problem {
  return {
    code: 'partition-empty',
    message: `${isThere ? 'a partition has no mailbox' : 'a partition has no directory'}, and by mailboxes.db ${mailboxes} have their files there`,
    advice: 'Mount it. If its mail is lost for good, delete these mailboxes on the old server.',
    path: root,
  };
}
