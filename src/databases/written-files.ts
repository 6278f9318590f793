/**
 * What an earlier cutover of this job wrote to the target's configdirectory and sievedir and this one did not: a quota
 * root that the old server has lost since, a script that was switched off, a user's files. It would live on.
 */
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import {
  databaseDirectories,
  parseConfigPath,
  parseSieveDirPath,
  quotaDirectory,
} from '../cyrus/layout/config-paths.js';
import { asInternalName } from '../cyrus/names/mailbox-name.js';
import type { Selection } from '../inventory/selection.js';
import type { Job } from '../job/job.js';
import type { ConfigWriters } from './config-writer.js';
import type { Migrated } from './migrated.js';

/** Remembers from one cutover to the next the files that were written, by path as the target names them. */
export interface WrittenFiles {
  all(): Iterable<string>;
  /** From now on these are all. */
  keep(paths: ReadonlySet<string>): void;
}

/** @returns what was removed, by path as the target names it. */
export function removeUnwritten(
  job: Job,
  selection: Selection,
  migrated: Migrated,
  writers: ConfigWriters,
  written: WrittenFiles,
): string[] {
  const { conf } = job.target;
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
    if (selection.isWave && !isOfThisWave(relative, root === conf.sieveDir, conf, selection, migrated)) now.add(path);
    else if (writers.at(root).remove(relative)) removed.push(path);
  }
  written.keep(now);
  return removed;
}

/** Whether it belongs to one of those who come along now; of all others the files are in use on the target, or wait. */
function isOfThisWave(
  path: string,
  isSieve: boolean,
  conf: CyrusConf,
  selection: Selection,
  migrated: Migrated,
): boolean {
  const found = isSieve ? parseSieveDirPath(path.replace(/\/[^/]*$/, ''), conf) : parseConfigPath(path);
  switch (found?.kind) {
    case 'user':
      return selection.takesUser(found.user);
    case 'user-by-id':
      return migrated.mailboxes.some(({ mailbox }) => mailbox.uniqueid === found.uniqueid);
    case 'quota':
      return selection.takes(asInternalName(found.root));
    case 'global':
    case undefined:
      return false;
    default:
      return found satisfies never;
  }
}
