import { crc32, crc32Ascii } from '../../base/crc32.js';
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
