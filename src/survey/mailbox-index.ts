import { FormatError } from '../base/errors.js';
import { type IndexView, readExpunge, readIndex } from '../cyrus/mailbox/index.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';

/** What a mailbox says it holds: its index, and in 2.3 the expunged records beside it. */
export interface IndexPair {
  readonly index: IndexView;
  readonly expunge: IndexView | undefined;
}

/** @returns undefined where there is no index, or none that can be read. */
export function readIndexPair(
  trees: SourceTrees,
  index: { root: string; relative: string },
  expunge: { root: string; relative: string },
): IndexPair | undefined {
  const read = ({ root, relative }: { root: string; relative: string }, name: string) =>
    trees.root(root)?.read(relative === '' ? name : `${relative}/${name}`);
  try {
    const bytes = read(index, 'cyrus.index');
    if (!bytes) return undefined;
    const view = readIndex(bytes, `${index.root}/${index.relative}/cyrus.index`);
    const more = view.minorVersion > 10 ? undefined : read(expunge, 'cyrus.expunge');
    return { index: view, expunge: more && readExpunge(more, `${expunge.root}/${expunge.relative}/cyrus.expunge`) };
  } catch (error) {
    // Of live mailboxes the inventory tells; of a leftover it only means that nothing is known from its index.
    if (error instanceof FormatError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** The same of a live mailbox. */
export function readLiveIndex(
  trees: SourceTrees,
  { relative, roots }: { relative: string; roots: { meta: { index: string; expunge: string } } },
): IndexPair | undefined {
  return readIndexPair(trees, { root: roots.meta.index, relative }, { root: roots.meta.expunge, relative });
}

/** UIDs of all records, expunged and unlinked ones too. */
export function hasRecord({ index, expunge }: IndexPair, uid: number): boolean {
  return index.find(uid) >= 0 || (expunge !== undefined && expunge.find(uid) >= 0);
}
