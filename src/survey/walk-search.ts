/**
 * Search partitions: Xapian databases of users, which the target makes anew with `squatter`. They hold nothing that is
 * not in the mail, so none of them is worth a question; those of users that are no more only take up space.
 * @see cyrus-imapd 3.6.1 imap/search_xapian.c xapian_basedir
 */
import { encodePart, type User } from '../cyrus/names/mailbox-name.js';
import type { SourceRoot } from '../disk/source.js';
import type { Counts } from '../model/account.js';
import { plainFinding } from './finding.js';
import { homeOf, inboxById, misplaced } from './walk-config.js';
import { addFile, entriesOf, join, type WalkContext } from './walk-context.js';

export function walkSearch(context: WalkContext): void {
  for (const { search } of context.job.source.conf.partitions.values()) {
    for (const path of search) {
      const root = context.trees.root(path);
      if (root && context.roots.canonical.get(path) === path && context.roots.claim(path))
        visit(context, root, context.ledger.root('search', path), '');
    }
  }
}

function visit(context: WalkContext, root: SourceRoot, counts: Counts, relative: string): void {
  const entries = entriesOf(context, root, relative);
  if (!entries) return;
  counts.directories++;
  const path = join(root.path, relative);
  const part = { path, files: 0, messages: 0, bytes: 0, directories: 1 };
  const gone = goneOwner(context, relative);
  for (const { name, kind } of entries) {
    const at = join(relative, name);
    const stat = kind === 'directory' || context.account || gone !== undefined ? root.stat(at) : undefined;
    if (kind === 'directory' && !context.roots.isRoot(join(root.path, at), stat)) visit(context, root, counts, at);
    if (kind !== 'file') continue;
    addFile(counts, stat?.sizeBytes ?? 0);
    addFile(part, stat?.sizeBytes ?? 0);
  }
  if (entries.length === 0 && gone !== undefined) context.found(plainFinding({ kind: 'empty' }, [part]));
  else if (part.files > 0 && gone !== undefined)
    context.found(plainFinding(misplaced(root, 'user-file', gone, undefined, 'gone'), [part]));
  else context.ledger.add('search', { files: part.files, bytes: part.bytes });
}

/** The user or uniqueid whose database it is, where the server knows that one no more. */
function goneOwner(context: WalkContext, relative: string): string | undefined {
  const uniqueid = /^uuid\/[^/]+\/[^/]+\/([^/]+)/.exec(relative)?.[1];
  if (uniqueid !== undefined) return inboxById(context, uniqueid) ? undefined : `of uniqueid ${uniqueid}`;
  const found = /^(?:domain\/[A-Za-z]\/([^/]+)\/)?[A-Za-z]\/user\/([^/]+)/.exec(relative);
  if (!found) return undefined;
  const user: User = { localpart: encodePart(found[2]!), domain: found[1] };
  return homeOf(context, user).inbox ? undefined : found[2];
}
