import { FormatError } from '../base/errors.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { type IndexView, readIndex } from '../cyrus/mailbox/index.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';

/** @returns undefined where there is no index, or none that can be read: a pass says so. */
export function readSourceIndex({ roots, relative }: MailboxPlace, trees: SourceTrees): IndexView | undefined {
  const path = `${relative}/cyrus.index`;
  try {
    const bytes = trees.root(roots.meta.index)?.read(path);
    return bytes && readIndex(bytes, path);
  } catch (error) {
    if (error instanceof FormatError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
