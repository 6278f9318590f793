/** Annotations: of the server and of mailboxes (annotations.db), of messages (cyrus.annotations, 2.5+). */

import { FormatError } from '../../base/errors.js';
import type { DbEntry } from '../db/entry.js';
import type { InternalName } from '../names/mailbox-name.js';
import { type CyrusVersion, isAtLeast } from '../version.js';

export interface Annotation {
  /** '' for the server; internal name (up to 3.4) or uniqueid (3.6+); UID in decimal for messages. */
  target: string;
  /** `/comment`, `/vendor/cmu/cyrus-imapd/expire` … */
  entry: string;
  /** '' for a shared annotation; 3.6+ writes the owner of the mailbox as `OWNER`. */
  userid: string;
  value: string;
  contentType: string;
  /** Unix time; 0 since 2.5. */
  modifiedSinceSec: number;
  /** 3.2+ */
  modseq?: bigint | undefined;
  /** Tombstone (3.2+); the value means nothing. */
  deleted: boolean;
}

/** Stands for the owner of the mailbox in keys of 3.6+. */
export const OWNER = '[.OwNeR.]';

export interface AnnotationProblem {
  code: 'unreadable-annotation';
  key: string;
  message: string;
}

/** Reads all annotations of a database; bad records become problems. */
export function readAnnotations(
  entries: readonly DbEntry[],
  file: string,
): { annotations: Annotation[]; problems: AnnotationProblem[] } {
  const annotations: Annotation[] = [];
  const problems: AnnotationProblem[] = [];
  for (const entry of entries) {
    try {
      annotations.push(readAnnotation(entry, file));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.push({ code: 'unreadable-annotation', key: entry.key, message: error.message });
    }
  }
  return { annotations, problems };
}

/** @throws FormatError */
export function readAnnotation({ key, value }: DbEntry, file: string): Annotation {
  return { ...parseAnnotationKey(key, file), ...parseAnnotationValue(value, file) };
}

/** Entries for a server of `version` on a 64-bit little-endian machine. Tombstones are left out before 3.2. */
export function writeAnnotations(annotations: readonly Annotation[], version: CyrusVersion): DbEntry[] {
  return annotations
    .filter((annotation) => !annotation.deleted || isAtLeast(version, '3.2'))
    .map((annotation) => ({
      key: printAnnotationKey(annotation),
      value: printAnnotationValue(annotation, version),
    }));
}

type AnnotationKey = Pick<Annotation, 'target' | 'entry' | 'userid'>;
type AnnotationValue = Omit<Annotation, keyof AnnotationKey>;

/** @throws FormatError */
export function parseAnnotationKey(key: string, file: string): AnnotationKey {
  const parts = key.split('\0');
  const [target, entry, userid, end] = parts;
  const complete = parts.length === 3 || (parts.length === 4 && end === '');
  if (!complete || target === undefined || entry === undefined || userid === undefined) {
    throw new FormatError(file, 0, 'MAILBOX NUL ENTRY NUL USERID NUL', JSON.stringify(key.slice(0, 80)));
  }
  return { target, entry, userid };
}

export function printAnnotationKey({ target, entry, userid }: AnnotationKey): string {
  return `${target}\0${entry}\0${userid}\0`;
}

/** Where the 4 meaningful bytes (big-endian) of an `unsigned long` lie, by the machine that wrote it. */
const LONGS = [
  { machine: '64-bit little-endian', width: 8, at: 0 },
  { machine: '64-bit big-endian', width: 8, at: 4 },
  { machine: '32-bit', width: 4, at: 0 },
] as const;

/**
 * Reads `SIZE value NUL content-type NUL MODIFIEDSINCE [modseq [flags]]`, where the two longs have the width and
 * place that the writing machine gave them: the one with which all lengths agree is taken.
 * @throws FormatError
 * @see cyrus-imapd 3.6.1 imap/annotate.c split_attribs, make_entry
 */
export function parseAnnotationValue(value: string, file: string): AnnotationValue {
  const bytes = Buffer.from(value, 'latin1');
  for (const long of LONGS) {
    const read = readWith(bytes, long);
    if (read) return read;
  }
  throw new FormatError(file, 0, 'an annotation value', `${bytes.length} bytes whose lengths do not agree`);
}

const FLAG_DELETED = 1;

function readWith(bytes: Buffer, { width, at }: (typeof LONGS)[number]): AnnotationValue | undefined {
  const longAt = (start: number): number | undefined => {
    if (start + width > bytes.length) return undefined;
    const padding = bytes.subarray(start + (at === 0 ? 4 : 0), start + (at === 0 ? width : 4));
    return padding.every((byte) => byte === 0) ? bytes.readUInt32BE(start + at) : undefined;
  };
  const size = longAt(0);
  if (size === undefined) return undefined;
  const valueEnd = width + size;
  if (valueEnd >= bytes.length || bytes[valueEnd] !== 0) return undefined;
  const typeEnd = bytes.indexOf(0, valueEnd + 1);
  // 4 zero bytes of a longer number would else pass for an empty value of an empty type
  if (typeEnd < 0 || (width === 4 && typeEnd === valueEnd + 1)) return undefined;
  const modifiedSinceSec = longAt(typeEnd + 1);
  const rest = typeEnd + 1 + width;
  if (modifiedSinceSec === undefined || ![0, 8, 9].includes(bytes.length - rest)) return undefined;
  return {
    value: bytes.toString('latin1', width, valueEnd),
    contentType: bytes.toString('latin1', valueEnd + 1, typeEnd),
    modifiedSinceSec,
    modseq: bytes.length > rest ? bytes.readBigUInt64BE(rest) : undefined,
    deleted: bytes.length === rest + 9 && ((bytes[rest + 8] as number) & FLAG_DELETED) !== 0,
  };
}

/** The value that `version` writes on a 64-bit little-endian machine; modseq and flags since 3.2. */
export function printAnnotationValue(annotation: AnnotationValue, version: CyrusVersion): string {
  const value = Buffer.from(annotation.value, 'latin1');
  const parts = [
    long(value.length),
    value,
    Buffer.from(`\0${annotation.contentType}\0`, 'latin1'),
    long(annotation.modifiedSinceSec),
  ];
  if (isAtLeast(version, '3.2')) {
    const tail = Buffer.alloc(9);
    tail.writeBigUInt64BE(annotation.modseq ?? 0n);
    tail[8] = annotation.deleted ? FLAG_DELETED : 0;
    parts.push(tail);
  }
  return Buffer.concat(parts).toString('latin1');
}

function long(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(number);
  return bytes;
}

/** What a mailbox is called in keys. `owner` is the userid (`carol.smith`, `ben@one.example`), if it has one. */
export interface AnnotatedMailbox {
  name: InternalName;
  uniqueid: string;
  owner?: string | undefined;
}

/**
 * Turns the keys of annotations.db from those of one version into those of another: name or uniqueid, owner by userid
 * or as `OWNER`. `find` takes what the source's keys have. Server annotations stay as they are, those of unknown
 * mailboxes are `dropped`.
 */
export function rekeyAnnotations(
  annotations: readonly Annotation[],
  from: CyrusVersion,
  to: CyrusVersion,
  find: (target: string) => AnnotatedMailbox | undefined,
): { kept: Annotation[]; dropped: Annotation[] } {
  const kept: Annotation[] = [];
  const dropped: Annotation[] = [];
  for (const annotation of annotations) {
    const mailbox = annotation.target === '' ? undefined : find(annotation.target);
    if (annotation.target === '') kept.push(annotation);
    else if (mailbox === undefined) dropped.push(annotation);
    else {
      const target = isAtLeast(to, '3.6') ? mailbox.uniqueid : mailbox.name;
      kept.push({ ...withOwner(annotation, mailbox.owner, from, to), target });
    }
  }
  return { kept, dropped };
}

/** The same annotation of a mailbox or message with its owner written as `to` does. */
export function withOwner(
  annotation: Annotation,
  owner: string | undefined,
  from: CyrusVersion,
  to: CyrusVersion,
): Annotation {
  if (owner === undefined || owner === '') return annotation;
  const known = annotation.userid === owner || (isAtLeast(from, '3.6') && annotation.userid === OWNER);
  if (!known) return annotation;
  return { ...annotation, userid: isAtLeast(to, '3.6') ? OWNER : owner };
}
