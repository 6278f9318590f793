/** Whether the target's server can read what the source's wrote, and whether the two sides are two. */

import { realpathSync, statSync } from 'node:fs';
import { RefusedError } from '../base/errors.js';
import { mailboxRoots } from '../cyrus/conf/partitions.js';
import { databaseDirectories } from '../cyrus/layout/config-paths.js';
import { newestIndexOf } from '../cyrus/mailbox/index-release.js';
import { asInternalName, toUserid, userOf } from '../cyrus/names/mailbox-name.js';
import type { CyrusVersion } from '../cyrus/version.js';
import { isAtLeast } from '../cyrus/version.js';
import { isMissing, osPath } from '../disk/os-path.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job, Side } from '../job/job.js';
import type { AnnotationForm, IndexVersions, SyncTask } from '../model/sync-task.js';

/** By the job file's `upgrade_indexes`. @see reference cyrus-mailbox-files.md 10.2 */
export function indexVersions(wish: 'needed' | 'all' | 'never', target: CyrusVersion): IndexVersions {
  return {
    oldest: wish === 'never' ? 0 : 12,
    raiseTo: wish === 'all' ? newestIndexOf(target) : 0,
    countsAnnotations: wish !== 'never' && isAtLeast(target, '3.2'),
  };
}

/** What the target's server wants of every index. */
export function indexForm({ options, target: { conf } }: Job): Pick<SyncTask, 'indexes' | 'archives'> {
  return {
    indexes: indexVersions(options.migrate.upgrade_indexes, conf.version),
    archives: [...conf.partitions.values()].some(({ archive }) => archive !== undefined),
  };
}

export function annotationForm({ source, target }: Job, name: string): AnnotationForm {
  const owner = userOf(asInternalName(name), source.conf);
  return { owner: owner && toUserid(owner), version: target.conf.version };
}

/** @throws RefusedError where the target is too old, or is the source. */
export function requireTargetReads(job: Job, inventory?: Inventory): void {
  const { version } = job.target.conf;
  if (!inventory) {
    requireTwoSides(job.source, job.target);
    if (!isAtLeast(version, '2.4'))
      throw new RefusedError(
        `A target of Cyrus ${version} is not supported`,
        'indexes are written as 2.4 and later read them',
        'Migrate to a newer release.',
        { code: 'target-too-old' },
      );
    return;
  }
  const newest = newestIndexOf(version);
  const newer = inventory.mailboxes.filter((mailbox) => (mailbox.summary?.indexVersion ?? 0) > newest);
  if (newer.length === 0) return;
  throw new RefusedError(
    `The target (Cyrus ${version}) is older than the source's indexes`,
    `${newer.length} mailboxes have indexes of minor version ${Math.max(...newer.map((m) => m.summary!.indexVersion))}, and Cyrus ${version} reads up to ${newest}: it would answer "Mailbox has an invalid format"`,
    "Migrate to a Cyrus of the source's release line or a newer one.",
    { code: 'target-too-old' },
  );
}

/** Told apart by device and inode of every root, and of every directory above it. */
function requireTwoSides(source: Side, target: Side): void {
  const sources = rootChains(source);
  const targets = rootChains(target);
  for (const [ours, theirs] of [
    [sources, targets],
    [targets, sources],
  ] as const) {
    for (const [path, chain] of ours) {
      for (const [other, otherChain] of theirs) {
        if (chain.includes(otherChain[0]!)) {
          throw new RefusedError(
            'Source and target are not two',
            `${path} is ${other}, or lies within it`,
            'Correct --from-root, --to-root or the partitions of the two imapd.conf.',
            { code: 'same-place' },
          );
        }
      }
    }
  }
}

/** For each root that exists its identity, then those of the directories above it. */
function rootChains(side: Side): Map<string, string[]> {
  const { partitions, sieveDir } = side.conf;
  const paths = new Set([...databaseDirectories(side.conf), sieveDir]);
  for (const partition of partitions.values()) for (const path of mailboxRoots(partition)) paths.add(path);
  const chains = new Map<string, string[]>();
  for (const path of paths) {
    let at: string;
    try {
      at = realpathSync(osPath(side.real(path)), { encoding: 'latin1' as BufferEncoding }) as string;
    } catch (error) {
      if (isMissing(error)) continue;
      throw error;
    }
    const chain: string[] = [];
    for (;;) {
      const { dev, ino } = statSync(osPath(at), { bigint: true });
      chain.push(`${dev}:${ino}`);
      if (at === '/') break;
      at = at.slice(0, Math.max(1, at.lastIndexOf('/')));
    }
    chains.set(path, chain);
  }
  return chains;
}
