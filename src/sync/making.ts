/** What the target's header and a converted index are made from, beside the source's files of the mailbox. */
import { createHash } from 'node:crypto';
import type { User } from '../cyrus/names/mailbox-name.js';
import type { SeenEntries } from '../inventory/seen-entries.js';
import type { HeaderForm, IndexVersions, OwnerSeen } from '../model/sync-task.js';

export interface Making extends SeenStates {
  readonly header: HeaderForm;
  readonly annotationBytes: number;
  /** Digest of it all: as long as it is the same, header and index would be made the same of the same files. */
  readonly form: string;
}

interface SeenStates {
  readonly ownerSeen: OwnerSeen | undefined;
  readonly anyoneSeen: OwnerSeen | undefined;
}

/** Whether an index of that version gets its owner's read state from the seen databases: up to 2.3. */
export function needsSeen(indexVersion: number, { oldest }: IndexVersions): boolean {
  return indexVersion < oldest;
}

/** @param sourceId The uniqueid by which the source knows the mailbox. */
export function seenOf(
  seen: SeenEntries,
  indexVersion: number,
  indexes: IndexVersions,
  user: User | undefined,
  sourceId: string,
): SeenStates {
  if (!needsSeen(indexVersion, indexes)) return { ownerSeen: undefined, anyoneSeen: undefined };
  return { ownerSeen: seen.of(user, sourceId), anyoneSeen: seen.ofAnyone(sourceId) };
}

export function makingOf(
  header: HeaderForm,
  { ownerSeen, anyoneSeen }: SeenStates,
  indexes: IndexVersions,
  annotationBytes: number,
): Making {
  const versions = indexes.raiseTo > 0 || indexes.oldest === 0 ? [indexes, annotationBytes] : [];
  const form = createHash('sha1')
    .update(JSON.stringify([header, ownerSeen, anyoneSeen, ...versions]))
    .digest('base64');
  return { header, ownerSeen, anyoneSeen, annotationBytes, form };
}
