/**
 * Partitions that share a directory, or of which one lies within another.
 *
 * Upstream looks at each `…partition-NAME` (data, meta, archive, search, backup; used or not) and refuses to start where
 * two have one path or one lies within another. That came after 3.12: development release 3.13.1. Up to 3.12.3 such
 * servers start, and go wrong only when two mailboxes meet in one directory. Here the target is held to the rule at
 * once, since what is written would have to be moved again; of the source it is said, and no more: that server ran so,
 * mailboxes.db gives each mailbox its own directory, and the survey calls nothing a leftover that is live by any path.
 * @see cyrus-imapd 3.13.1 lib/libconfig.c config_check_partitions, check_no_dups, check_no_subdirs
 */
import { posix } from 'node:path';
import type { ConfEntry } from './imapd-conf.js';

export interface PartitionOverlap {
  readonly kind: 'same' | 'within';
  /** `within`: the outer one. */
  readonly first: ConfEntry;
  readonly second: ConfEntry;
}

/** `metadir-KIND-NAME` is not upstream's to check; one directory for two partitions is as wrong there. */
const METADIR = /^metadir-([a-z]+)-(.+)$/;

/** Paths are compared as written, but for doubled slashes, `.` and `..`; links are not followed. */
export function partitionOverlaps(entries: Iterable<ConfEntry>): PartitionOverlap[] {
  const all = [...entries];
  const roots = all
    .filter(({ key }) => key.includes('partition-'))
    .map((entry) => ({ entry, path: normal(entry.value) }));
  const found: PartitionOverlap[] = [];
  for (const [i, one] of roots.entries()) {
    for (const other of roots.slice(i + 1)) {
      if (one.path === other.path) found.push({ kind: 'same', first: one.entry, second: other.entry });
      else if (isWithin(other.path, one.path)) found.push({ kind: 'within', first: one.entry, second: other.entry });
      else if (isWithin(one.path, other.path)) found.push({ kind: 'within', first: other.entry, second: one.entry });
    }
  }
  const byPlace = new Map<string, ConfEntry>();
  for (const entry of all) {
    const kind = METADIR.exec(entry.key)?.[1];
    if (kind === undefined) continue;
    const place = `${kind} ${normal(entry.value)}`;
    const first = byPlace.get(place);
    if (first) found.push({ kind: 'same', first, second: entry });
    else byPlace.set(place, entry);
  }
  return found;
}

export function describeOverlap({ kind, first, second }: PartitionOverlap): string {
  return kind === 'same'
    ? `${first.key} (line ${first.line}) and ${second.key} (line ${second.line}) are both ${second.value}`
    : `${second.key} (line ${second.line}), ${second.value}, lies within ${first.key} (line ${first.line}), ${first.value}`;
}

function normal(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/+$/, '');
}

function isWithin(path: string, outer: string): boolean {
  return path.startsWith(outer === '/' ? '/' : `${outer}/`);
}
