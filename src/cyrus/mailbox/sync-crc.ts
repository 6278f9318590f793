import { crc32, crc32Ascii } from '../../base/crc32.js';
import type { Annotation } from '../records/annotations.js';
import type { IndexView } from './index.js';
import { SystemFlag } from './index-layout.js';

/** Slots of cyrus.header in order; null (or '') where a flag was freed. */
export type UserFlags = readonly (string | null)[];

const NAMED_FLAGS = [
  [SystemFlag.deleted, crc32('\\deleted')],
  [SystemFlag.answered, crc32('\\answered')],
  [SystemFlag.flagged, crc32('\\flagged')],
  [SystemFlag.draft, crc32('\\draft')],
  [SystemFlag.seen, crc32('\\seen')],
] as const;

/** CRC-32 of the lower-case name per slot, 0 for a free one. */
export function flagCrcs(userFlags: UserFlags): Int32Array {
  const crcs = new Int32Array(128);
  for (let slot = 0; slot < Math.min(userFlags.length, crcs.length); slot++) {
    const name = userFlags[slot];
    // ASCII only, as Cyrus's lcase(): an 8-bit name must not be folded as Unicode
    if (name) crcs[slot] = crc32(name.replace(/[A-Z]/g, (c) => c.toLowerCase()));
  }
  return crcs;
}

/**
 * What record `i` adds (by XOR) to the header's sync_crc; 0 if it is expunged. `crcs` is from {@link flagCrcs}.
 * @see cyrus-imapd 3.6.1 imap/mailbox.c crc_basic ("the algorithm from version 2.4, it's locked in")
 */
export function syncCrcTerm(view: IndexView, i: number, crcs: Int32Array): number {
  if (view.isExpunged(i)) return 0;
  const flags = view.systemFlags(i);
  let flagCrc = 0;
  for (const [bit, crc] of NAMED_FLAGS) if (flags & bit) flagCrc ^= crc;
  for (let word = 0; word < 4; word++) {
    for (let bits = view.userFlags(i, word); bits !== 0; bits &= bits - 1) {
      flagCrc ^= crcs[32 * word + 31 - Math.clz32(bits & -bits)]!;
    }
  }
  const updated = view.lastUpdated(i);
  const dated = view.internalDate(i);
  return crc32Ascii(`${view.uid(i)} ${view.modseq(i)} ${updated} (${flagCrc >>> 0}) ${dated} ${view.guidHex(i)}`);
}

/** The sync_crc (basic) that a server computes for this index. */
export function syncCrc(view: IndexView, userFlags: UserFlags): number {
  const crcs = flagCrcs(userFlags);
  let crc = 0;
  for (let i = 0; i < view.count; i++) crc ^= syncCrcTerm(view, i, crcs);
  return crc >>> 0;
}

/** What sync_crc of annotations starts from since 3.2; before that, from 0. */
const ANNOTATIONS_BASE = 12345678;
const CYRUS_ENTRY = '/vendor/cmu/cyrus-imapd/';

/**
 * The sync_crc of annotations that a server of 3.2 or later computes: over what records hold that IMAP shows as
 * annotations (thread, save date, modseq of creation) and over those in cyrus.annotations. Expunged messages don't count.
 * @see cyrus-imapd 3.6.1 imap/mailbox.c mailbox_synccrcs, crc_annot, crc_virtannot
 */
export function syncCrcAnnot(view: IndexView, annotations: readonly Annotation[]): number {
  const { minorVersion: version } = view;
  let crc = ANNOTATIONS_BASE;
  for (let i = 0; i < view.count; i++) {
    if (view.isExpunged(i)) continue;
    const add = (entry: string, value: string) => {
      crc ^= crc32(`${view.uid(i)} ${CYRUS_ENTRY}${entry}  ${value}`);
    };
    if (version >= 13 && view.cid(i) !== 0n) add('thrid', view.cid(i).toString(16));
    if (version >= 15 && view.saveDate(i) !== 0) add('savedate', String(view.saveDate(i)));
    if (version >= 16 && view.createdAtModseq(i) !== 0n) add('createdmodseq', String(view.createdAtModseq(i)));
  }
  const virtual = new Set(
    [version >= 13 && 'thrid', version >= 15 && 'savedate', version >= 16 && 'createdmodseq'].map(
      (entry) => CYRUS_ENTRY + entry,
    ),
  );
  for (const { target, entry, userid, value, deleted } of annotations) {
    const i = deleted || virtual.has(entry) ? -1 : view.find(Number(target));
    if (i >= 0 && !view.isExpunged(i)) crc ^= crc32(`${target} ${entry} ${userid} ${value}`);
  }
  return crc >>> 0;
}
