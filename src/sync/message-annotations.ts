/**
 * cyrus.annotations on its way: the owner's private entries under the key that the target's server looks for. No upgrade
 * of Cyrus's does that (that of 3.6 changes annotations.db alone): the owner's next STORE then adds a second record to
 * the old one, and FETCH shows both.
 * @see cyrus-imapd 3.6.1 imap/annotate.c make_key, find_cb; up to 3.4 make_key takes the userid as it is
 */
import { FormatError } from '../base/errors.js';
import { readDatabase, writeDatabase } from '../cyrus/db/database.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import { type Annotation, OWNER, printAnnotationKey, readAnnotation } from '../cyrus/records/annotations.js';
import { isAtLeast } from '../cyrus/version.js';
import type { AnnotationForm } from '../model/sync-task.js';

export interface CarriedAnnotations {
  /** What goes to the target: the source's own bytes where no key changes. */
  readonly bytes: Buffer;
  /** All of them, the owner's by userid, as both servers count them in sync_crc. */
  readonly listed: readonly Annotation[];
  /** Those that a newer one of the owner's hides; the source's index counts them. */
  readonly hidden: readonly Annotation[];
}

/** @returns undefined where it is damaged: it is copied as it is. */
export function carryAnnotations(
  bytes: Buffer,
  file: string,
  { owner, version }: AnnotationForm,
  nowSec: number,
): CarriedAnnotations | undefined {
  try {
    const { backend, entries } = readDatabase(bytes, file);
    const ownerKey = isAtLeast(version, '3.6') ? OWNER : owner;
    const carried = new Map<string, DbEntry>();
    const listed = new Map<string, Annotation>();
    const hidden: Annotation[] = [];
    let isSame = true;
    for (const entry of entries) {
      const annotation = readAnnotation(entry, file);
      const isOwners = owner !== undefined && (annotation.userid === owner || annotation.userid === OWNER);
      const named: Annotation = isOwners ? { ...annotation, userid: owner } : annotation;
      const key = isOwners ? printAnnotationKey({ ...annotation, userid: ownerKey! }) : entry.key;
      const other = listed.get(key);
      // A server that writes OWNER has written that one after all others.
      const isHidden = other !== undefined && annotation.userid !== OWNER;
      if (isHidden) hidden.push(named);
      else if (other) hidden.push(other);
      isSame &&= key === entry.key;
      if (isHidden) continue;
      carried.set(key, { key, value: entry.value });
      listed.set(key, named);
    }
    if (isSame && hidden.length === 0) return { bytes, listed: [...listed.values()], hidden };
    const written = writeDatabase(backend, [...carried.values()], { version, nowSec });
    return { bytes: written, listed: [...listed.values()], hidden };
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof RangeError)) throw error;
    return undefined;
  }
}
