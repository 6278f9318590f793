/**
 * What an earlier cutover of this job wrote to the target's configdirectory and sievedir and this one did not: a quota
 * root that the old server has lost since, a script that was switched off, a user's files. It would live on.
 */
import { databaseDirectories, quotaDirectory } from '../cyrus/layout/config-paths.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { ConfigWriters } from './config-writer.js';
import { isOfWave } from './wave-databases.js';

/** Remembers from one cutover to the next the files that were written, by path as the target names them. */
export interface WrittenFiles {
  all(): Iterable<string>;
  /** From now on these are all. */
  keep(paths: ReadonlySet<string>): void;
}

/** @returns what was removed, by path as the target names it. */
export function removeUnwritten(
  job: Job,
  inventory: Inventory,
  writers: ConfigWriters,
  written: WrittenFiles,
): string[] {
  const { conf } = job.target;
  const isWaves = inventory.selection.isWave ? isOfWave(inventory, conf) : undefined;
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
    const relative = path.slice(root.length + 1);
    // Of all others the files are in use on the target, or wait.
    if (isWaves && !isWaves(path)) now.add(path);
    else if (writers.at(root).remove(relative)) removed.push(path);
  }
  written.keep(now);
  return removed;
}
