/** The files that leftovers stand for, one by one: what `leftovers --print0` prints. */
import { errnoOf } from '../disk/os-path.js';
import type { SourceDir } from '../disk/source.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { Leftover } from './leftover.js';
import { isOfMailbox } from './place.js';
import { mailboxRootsOf } from './walk-context.js';

/**
 * Paths of files as the server names them, never of directories. Of a directory those that its mailbox left in it, as
 * they are now: not what is a leftover by itself, and nothing that is not Cyrus's. Empty directories have none.
 * @param files Paths of all leftovers that are a file by themselves.
 */
export function* filesOf(
  job: Job,
  trees: SourceTrees,
  chosen: Iterable<Leftover>,
  files: ReadonlySet<string>,
): Generator<string> {
  const roots = sourceRoots(job);
  for (const leftover of chosen) {
    if (leftover.class === 'empty-directory') continue;
    const isMailbox = leftover.class !== 'stale-user-file' && leftover.class !== 'foreign';
    for (const path of leftover.paths) {
      const rootPath = roots.find((root) => path.startsWith(`${root}/`));
      const root = rootPath === undefined ? undefined : trees.root(rootPath);
      if (!root || rootPath === undefined) continue;
      const relative = path.slice(rootPath.length + 1);
      const kind = root.stat(relative)?.kind;
      if (kind === 'file') yield path;
      if (kind !== 'directory') continue;
      let dir: SourceDir | undefined;
      try {
        dir = root.dir(relative);
        for (const entry of dir?.list() ?? []) {
          const file = `${path}/${entry.name}`;
          if (entry.kind === 'file' && !files.has(file) && (!isMailbox || isOfMailbox(entry.name))) yield file;
        }
      } catch (error) {
        if (errnoOf(error) === undefined) throw error; // what can't be read is not handed out
      } finally {
        dir?.close();
      }
    }
  }
}

/** The longest first: a root may lie in another. */
function sourceRoots({ source: { conf } }: Job): string[] {
  const roots = new Set([
    conf.configDirectory,
    conf.sieveDir,
    conf.databases.quota.path?.replace(/\/[^/]*$/, '') ?? '',
  ]);
  for (const partition of conf.partitions.values()) for (const root of mailboxRootsOf(partition)) roots.add(root);
  roots.delete('');
  return [...roots].sort((a, b) => b.length - a.length);
}
