/** Mailbox types: the letters and bits of mailboxes.db records, which mean other things in other versions. */

import { type CyrusVersion, isAtLeast } from '../version.js';

/** What a record says a mailbox is. `kind` is a letter of Cyrus 3.6 (`e` ordinary, `c` calendar, `f` Sieve scripts …). */
export interface MailboxType {
  kind: string;
  /** On another server of a murder. */
  remote: boolean;
  /** Create, rename or delete was in progress: not usable, not listed. */
  reserved: boolean;
  moving: boolean;
  /** Tombstone: the name was renamed or deleted. */
  deleted: boolean;
  /** The name exists only because it has children (3.2+): no directory. */
  intermediate: boolean;
  /** Directories are by name; always so up to 3.4, letter `l` from 3.6 on. */
  legacy: boolean;
  /** Letters (or `#` and the decimal bits) that no known version writes; empty for a healthy record. */
  unknownTypes: string;
}

type Flag = 'remote' | 'reserved' | 'moving' | 'deleted' | 'intermediate' | 'legacy';
const FLAG_LETTERS: Readonly<Record<string, Flag>> = {
  d: 'deleted',
  m: 'moving',
  r: 'remote',
  z: 'reserved',
  i: 'intermediate',
  l: 'legacy',
};

interface Kind {
  readonly letter: string;
  readonly since: CyrusVersion;
  /** Bit of the numeric type up to 3.4. */
  readonly bit?: number;
}

/**
 * Kinds other than `e`, in the order in which 3.4 writes them.
 * @see cyrus-imapd 3.4.9 imap/mboxlist.h MBTYPE_*, 3.6.1 imap/mboxlist.c mboxlist_mbtype_to_string
 */
const KINDS: readonly Kind[] = [
  { letter: 'n', since: '2.2', bit: 0x4 },
  { letter: 'c', since: '2.5', bit: 0x20 },
  { letter: 'b', since: '3.0', bit: 0x80 },
  { letter: 'a', since: '2.5', bit: 0x40 },
  { letter: 's', since: '3.2', bit: 0x200 },
  { letter: 'p', since: '3.2', bit: 0x400 },
  { letter: 'f', since: '3.6' },
  { letter: 'j', since: '3.8' },
];

/** Bits of the flags in the numeric types of 2.2 to 3.4. 3.6 has other bits, but prints letters only. */
const FLAG_BITS: readonly (readonly [Flag, number, CyrusVersion])[] = [
  ['remote', 0x1, '2.2'],
  ['reserved', 0x2, '2.2'],
  ['moving', 0x8, '2.2'],
  ['deleted', 0x10, '2.4'],
  ['intermediate', 0x100, '3.2'],
];

/** Of a mailbox as clients have them. */
export function ordinaryType(legacy: boolean): MailboxType {
  return {
    kind: 'e',
    remote: false,
    reserved: false,
    moving: false,
    deleted: false,
    intermediate: false,
    legacy,
    unknownTypes: '',
  };
}

/** Whether a server of `version` knows mailboxes of this kind. An unknown letter makes 3.6+ abort. */
export function isKindKnown(kind: string, version: CyrusVersion): boolean {
  return kind === 'e' || KINDS.some((k) => k.letter === kind && isAtLeast(version, k.since));
}

/**
 * Reads the letters of a `T` value. `layout` is the record's: up to 3.4 (`old`) every mailbox is by name.
 * Letters are told apart leniently: any kind letter at any place.
 * @see cyrus-imapd 3.6.1 imap/mboxlist.c mboxlist_string_to_mbtype
 */
export function parseTypeLetters(letters: string, layout: 'old' | 'new'): MailboxType {
  const type = ordinaryType(layout === 'old');
  for (const letter of letters) {
    const flag = FLAG_LETTERS[letter];
    if (flag !== undefined && (flag !== 'legacy' || layout === 'new')) type[flag] = true;
    else if (letter === 'e' && layout === 'new') continue;
    else if (type.kind === 'e' && KINDS.some((k) => k.letter === letter)) type.kind = letter;
    else type.unknownTypes += letter;
  }
  return type;
}

/**
 * Reads the numeric type of a text record or dump of 2.2 to 3.4. 32 and 64 are taken as 2.5 means them, since the
 * calendar builds of 2.4 wrote such records too.
 */
export function parseTypeBits(bits: number, version: CyrusVersion): MailboxType {
  const type = ordinaryType(true);
  let left = bits;
  for (const [flag, bit, since] of FLAG_BITS) {
    if ((left & bit) === 0 || !isAtLeast(version, since)) continue;
    type[flag] = true;
    left &= ~bit;
  }
  for (const { letter, bit } of KINDS) {
    if (bit === undefined || (left & bit) === 0 || type.kind !== 'e') continue;
    type.kind = letter;
    left &= ~bit;
  }
  if (left !== 0) type.unknownTypes = `#${left}`;
  return type;
}

/**
 * The letters that `version` (2.5+) writes; empty up to 3.4 for an ordinary mailbox. What `version` does not know is
 * left out.
 */
export function printTypeLetters(type: MailboxType, version: CyrusVersion): string {
  const kind = isKindKnown(type.kind, version) ? type.kind : 'e';
  const flags = (letters: string) => [...letters].filter((l) => type[FLAG_LETTERS[l] as Flag]).join('');
  if (isAtLeast(version, '3.6')) return kind + flags('dmrzil');
  const intermediate = isAtLeast(version, '3.2') ? flags('i') : '';
  const early = kind === 'n' ? kind : '';
  const late = kind === 'c' || kind === 'b' || kind === 'a' ? kind : '';
  const last = kind === 's' || kind === 'p' ? kind : '';
  return flags('dm') + early + flags('rz') + late + intermediate + last;
}

/** The numeric type that a text record of `version` (2.2 to 2.4) has. What it does not know is left out. */
export function printTypeBits(type: MailboxType, version: CyrusVersion): number {
  let bits = 0;
  for (const [flag, bit, since] of FLAG_BITS) if (type[flag] && isAtLeast(version, since)) bits |= bit;
  const kind = KINDS.find((k) => k.letter === type.kind && isAtLeast(version, k.since));
  return bits | (kind?.bit ?? 0);
}
