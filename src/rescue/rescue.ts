/**
 * Messages of leftovers that exist nowhere else go to the target's side: as files beside its spool with a manifest, or
 * into a mailbox that it serves. A file counts as rescued when the manifest names it, and the manifest is written only
 * after the barrier; so a run that was killed repeats what it had not made last, and nothing else.
 */
import { createHash } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { RefusedError } from '../base/errors.js';
import { formatBytes } from '../base/units.js';
import { VERSION } from '../base/version.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { inboxOf, toExternal } from '../cyrus/names/mailbox-name.js';
import { barrier } from '../disk/barrier.js';
import { errnoOf, osPath } from '../disk/os-path.js';
import type { TargetRoot } from '../disk/target.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import {
  copiedEntry,
  fileOf,
  type Manifest,
  manifestText,
  mergeEntries,
  type Places,
  readManifest,
} from './manifest.js';
import { openRescueTrees, rescueDirectory } from './rescue-directory.js';
import type { ManifestEntry, RescueItem, RescueResult } from './rescue-item.js';

export const MANIFEST = 'MANIFEST.json';
const TEXT = 'README.txt';

/** @param inboxPlace Where a mailbox of that name lies on the target. @throws RefusedError where it does not fit */
export function rescueAsFiles(
  job: Job,
  source: SourceTrees,
  items: readonly RescueItem[],
  inboxPlace: (name: string) => MailboxPlace | undefined,
  problems: ProblemList,
): RescueResult {
  const none = {
    mode: 'copy' as const,
    directory: null,
    messages: 0,
    bytes: 0,
    written: 0,
    mailboxes: [],
    entries: [],
  };
  if (items.length === 0) return none;
  const directory = rescueDirectory(job);
  const trees = openRescueTrees(job, directory, job.owner);
  try {
    const root = trees.root(directory);
    const before = readManifest(root.reader.read(MANIFEST));
    const safe = new Set(before.map(({ file, bytes }) => `${file} ${bytes}`));
    const isThere = (item: RescueItem) => {
      const file = fileOf(item);
      return safe.has(`${file} ${item.bytes}`) && root.stat(file)?.sizeBytes === item.bytes;
    };
    const missing = items.filter((item) => !isThere(item));
    requireSpace(
      root,
      missing.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    const lost = new Set<RescueItem>();
    for (const item of missing) if (!copyOut(source, root, item, problems)) lost.add(item);
    const places: Places = {
      directory,
      confFile: job.target.conf.file,
      inboxDirectory: ({ user }) => user && inboxPlace(inboxOf(user))?.data,
      external: ({ user }) => user && toExternal(inboxOf(user), job.target.conf),
    };
    const entries = items.filter((item) => !lost.has(item)).map((item) => copiedEntry(item, places));
    writeManifest(root, mergeEntries(before, entries));
    return {
      mode: 'copy',
      directory,
      messages: entries.length,
      bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
      written: missing.length - lost.size,
      mailboxes: [],
      entries,
    };
  } finally {
    trees.close();
  }
}

/** Only what the barrier has made last is named in the manifest. */
export function writeManifest(root: TargetRoot, entries: readonly ManifestEntry[]): void {
  const files = entries.flatMap(({ file }) => (file === null ? [] : [`${root.realPath}/${file}`]));
  const directories = files.map((path) => path.slice(0, path.lastIndexOf('/')));
  const durable = barrier(entries, [root], [...files, ...new Set(directories), root.realPath]);
  const manifest: Manifest = {
    cyrsync: VERSION,
    schema: 'rescued/1',
    writtenAt: new Date().toISOString(),
    messages: durable,
  };
  const dir = root.makeDir('');
  try {
    dir.replace(TEXT, Buffer.from(manifestText(durable), 'latin1'));
    dir.replace(MANIFEST, Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`, 'utf8'));
  } finally {
    dir.close();
  }
  barrier(null, [root], [`${root.realPath}/${TEXT}`, `${root.realPath}/${MANIFEST}`, root.realPath]);
}

function requireSpace(root: TargetRoot, bytes: number): void {
  const { bavail, bsize } = statfsSync(osPath(root.realPath));
  if (bytes < bavail * bsize * 0.98) return;
  throw new RefusedError(
    'The rescued messages do not fit',
    `${formatBytes(bytes)} are needed at ${root.path}, ${formatBytes(bavail * bsize)} are free`,
    'Make room, or name another directory as rescue_directory below [migrate] in the job file.',
    { code: 'no-space' },
  );
}

/** The content of a message that still is what the survey hashed, or undefined with a problem. */
export function readItem(source: SourceTrees, item: RescueItem, problems: ProblemList): Buffer | undefined {
  let why = 'it is gone, or has other content than when it was found';
  for (const { root, relative } of item.from) {
    try {
      const bytes = source.root(root)?.read(relative);
      if (bytes && createHash('sha1').update(bytes).digest('hex') === item.guid) return bytes;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      why = (error as Error).message;
    }
  }
  const { root, relative } = item.from[0]!;
  problems.add({
    code: 'rescue-failed',
    message: why,
    advice: 'Copy this message by hand, or run the command again.',
    mailbox: item.mailbox,
    path: `${root}/${relative}`,
  });
  return undefined;
}

function copyOut(source: SourceTrees, root: TargetRoot, item: RescueItem, problems: ProblemList): boolean {
  const bytes = readItem(source, item, problems);
  if (!bytes) return false;
  const file = fileOf(item);
  const cut = file.lastIndexOf('/');
  const dir = root.makeDir(file.slice(0, cut));
  try {
    dir.replace(file.slice(cut + 1), bytes);
    dir.setTimes(file.slice(cut + 1), item.dateSec);
  } finally {
    dir.close();
  }
  return true;
}
