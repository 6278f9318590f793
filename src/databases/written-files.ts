/**
 * What an earlier cutover of this job wrote to the target's configdirectory and sievedir and this one did not: a quota
 * root that the old server has lost since, a script that was switched off, a user's files. It would live on.
 */
import { databaseDirectories, quotaDirectory } from '../cyrus/layout/config-paths.js';
import type { Job } from '../job/job.js';
import type { ConfigWriters } from './config-writer.js';

/** Remembers from one cutover to the next the files that were written, by path as the target names them. */
export interface WrittenFiles {
  all(): Iterable<string>;
  /** From now on these are all. */
  keep(paths: ReadonlySet<string>): void;
}

/** @param mayGo Whether a file that was not written again is to go; of one that stays this job forgets nothing. */
export function removeUnwritten(
  { target: { conf } }: Job,
  writers: ConfigWriters,
  written: WrittenFiles,
  mayGo: (path: string) => boolean = () => true,
): string[] {
  const now = new Set(writers.paths());
  const roots = [...new Set([conf.sieveDir, quotaDirectory(conf), ...databaseDirectories(conf)])].filter(
    (root) => root !== '',
  );
  const removed: string[] = [];
  for (const path of written.all()) {
    if (now.has(path)) continue;
    // where imapd.conf was changed in between, the file is no longer this server's
    const root = roots.find((one) => path.startsWith(`${one}/`));
    if (root === undefined) continue;
    if (!mayGo(path)) now.add(path);
    else if (writers.at(root).remove(path.slice(root.length + 1))) removed.push(path);
  }
  written.keep(now);
  return removed;
}
