/** The value of one record of mailboxes.db, without its name: the text form of 2.2 to 2.4 and the dlist form since. */

import { FormatError } from '../../base/errors.js';
import type { InternalName } from '../names/mailbox-name.js';
import { type CyrusVersion, isAtLeast } from '../version.js';
import { aclFromPairs, aclPairs } from './acl.js';
import { type Dlist, DlistMap, parseDlist, printDlist } from './dlist.js';
import { type MailboxType, parseTypeBits, parseTypeLetters, printTypeBits, printTypeLetters } from './mailbox-type.js';

/** A name that the mailbox had before a RENAME or DELETE (3.6+). */
export interface FormerName {
  name: InternalName;
  /** Type letters as written, e.g. `edl`. */
  type: string;
  partition?: string | undefined;
  uidvalidity?: number | undefined;
  createdModseq?: bigint | undefined;
  folderModseq?: bigint | undefined;
  mtimeSec?: number | undefined;
}

/** Everything that a record says of its mailbox but the name. */
export interface MailboxFields extends MailboxType {
  /** Absent for tombstones, intermediates and mailboxes of other servers. */
  partition?: string | undefined;
  /** Host of a murder backend. */
  server?: string | undefined;
  /** `id TAB rights TAB id TAB rights TAB`, unchanged; empty if there is none. */
  acl: string;
  uniqueid?: string | undefined;
  uidvalidity?: number | undefined;
  createdModseq?: bigint | undefined;
  folderModseq?: bigint | undefined;
  /** Unix time of the last write of the record. */
  mtimeSec?: number | undefined;
  /** Special use flag of a 2.4 calendar build's record. */
  specialUse?: string | undefined;
  /** Newest first; 3.6+ only. */
  history: FormerName[];
  /**
   * Keys that this reader does not know. Those with plain text are written again: every server passes over them. A
   * list below one is not, since servers would take the keys in it for the record's own.
   */
  extra: (readonly [key: string, value: Dlist])[];
}

/** Whether the record is one of the dlist form; else it is text. */
export function isDlistRecord(value: string): boolean {
  return value.startsWith('%');
}

/**
 * Reads `[(uniqueid ID specialuse FLAG) ]TYPE PARTITION ACL` of 2.2 to 2.4.
 * @throws FormatError
 * @see cyrus-imapd 3.6.1 imap/mboxlist.c mboxlist_parse_entry
 */
export function parseTextRecord(value: string, version: CyrusVersion, file: string): MailboxFields {
  const match = /^(?:\(([^)]*)\) )?(\d{1,10}) ([^ ]*)(?: (.*))?$/s.exec(value);
  if (!match) throw new FormatError(file, 0, 'TYPE PARTITION ACL', JSON.stringify(value.slice(0, 40)));
  const [, words, bits, place = '', acl = ''] = match;
  const type = parseTypeBits(Number(bits), version);
  const bang = place.indexOf('!');
  const server = bang >= 0 ? place.slice(0, bang) : type.remote ? place : undefined;
  const partition = bang >= 0 ? place.slice(bang + 1) : type.remote ? undefined : place;
  const named = (key: string) => words?.match(new RegExp(`(?:^| )${key} ([^ ]+)`))?.[1];
  return {
    ...type,
    // dumps of 3.x print a missing partition so
    partition: partition === '' || partition === '(null)' ? undefined : partition,
    server: server === '' ? undefined : server,
    acl,
    uniqueid: named('uniqueid'),
    specialUse: named('specialuse'),
    history: [],
    extra: [],
  };
}

/** A dlist record; `dbName` is its `N` (in `I` records). */
export interface ParsedDlistRecord {
  fields: MailboxFields;
  dbName?: string | undefined;
  /** Keys whose number could not be read; the field is left out. */
  badNumbers: string[];
}

/**
 * Reads `%(A %(…) I … P …)` of 2.5 to 3.4 (`old`) and of the `N` and `I` records since 3.6 (`new`), keys in any order.
 * @throws FormatError
 * @see cyrus-imapd 3.2.6 and 3.6.1 imap/mboxlist.c parseentry_cb
 */
export function parseDlistRecord(
  value: string,
  layout: 'old' | 'new',
  fromDbName: (dbName: string) => InternalName,
  file: string,
): ParsedDlistRecord {
  const record = parseDlist(value, file);
  if (!(record instanceof DlistMap)) throw new FormatError(file, 0, '%(', JSON.stringify(value.slice(0, 20)));
  const badNumbers: string[] = [];
  const type = parseTypeLetters(textOf(record.get('T')) ?? '', layout);
  const numbers = numbersOf(record, badNumbers);
  // HOT: for each mailbox of a server; two spreads here took longer than all else.
  const fields: MailboxFields = {
    kind: type.kind,
    remote: type.remote,
    reserved: type.reserved,
    moving: type.moving,
    deleted: type.deleted,
    intermediate: type.intermediate,
    legacy: type.legacy,
    unknownTypes: type.unknownTypes,
    partition: textOf(record.get('P')),
    server: textOf(record.get('S')),
    acl: aclOf(record.get('A')),
    uniqueid: textOf(record.get('I')),
    uidvalidity: numbers.uidvalidity,
    createdModseq: numbers.createdModseq,
    folderModseq: numbers.folderModseq,
    mtimeSec: numbers.mtimeSec,
    history: [],
    extra: record.pairs.filter(([key]) => !KNOWN_KEYS.has(key)),
  };
  const history = record.get('H');
  if (Array.isArray(history)) {
    for (const item of history) {
      const name = item instanceof DlistMap ? textOf(item.get('N')) : undefined;
      if (!(item instanceof DlistMap) || name === undefined) continue;
      fields.history.push({
        name: fromDbName(name),
        type: textOf(item.get('T')) ?? '',
        partition: textOf(item.get('P')),
        ...numbersOf(item, badNumbers),
      });
    }
  }
  return { fields, dbName: textOf(record.get('N')), badNumbers };
}

const KNOWN_KEYS: ReadonlySet<string> = new Set('ACFHIMNPSTV');

/** An item that says something; Cyrus takes NIL, an empty string and an absent key alike. */
function textOf(value: Dlist | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function aclOf(value: Dlist | undefined): string {
  if (!(value instanceof DlistMap)) return '';
  return aclFromPairs(value.pairs.map(([id, rights]) => [id, textOf(rights) ?? '']));
}

type Numbers = Pick<MailboxFields, 'uidvalidity' | 'createdModseq' | 'folderModseq' | 'mtimeSec'>;

function numbersOf(record: DlistMap, bad: string[]): Numbers {
  const read = (key: string, max: bigint): bigint | undefined => {
    const text = textOf(record.get(key));
    if (text === undefined) return undefined;
    const value = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
    if (value !== undefined && value <= max) return value;
    bad.push(key);
    return undefined;
  };
  const uidvalidity = read('V', 0xffffffffn);
  const mtime = read('M', 0x7fffffffffffn);
  return {
    uidvalidity: uidvalidity === undefined ? undefined : Number(uidvalidity),
    createdModseq: read('C', 0xffffffffffffffffn),
    folderModseq: read('F', 0xffffffffffffffffn),
    mtimeSec: mtime === undefined ? undefined : Number(mtime),
  };
}

/** Text value for 2.2 to 2.4. */
export function printTextRecord(fields: MailboxFields, version: CyrusVersion): string {
  const place = [fields.server, fields.partition].filter((part) => part !== undefined).join('!');
  return `${printTypeBits(fields, version)} ${place} ${fields.acl}`;
}

/** dlist value for 2.5 to 3.4, keys in the server's order. */
export function printOldDlistRecord(fields: MailboxFields, version: CyrusVersion): string {
  const pairs: [string, Dlist][] = [];
  if (hasAcl(fields)) pairs.push(['A', aclMap(fields.acl)]);
  putText(pairs, 'I', fields.uniqueid);
  putText(pairs, 'P', fields.partition);
  putText(pairs, 'S', fields.server);
  putText(pairs, 'T', printTypeLetters(fields, version));
  putNumber(pairs, 'V', fields.uidvalidity);
  if (isAtLeast(version, '3.2')) putNumber(pairs, 'C', fields.createdModseq);
  if (isAtLeast(version, '3.0')) putNumber(pairs, 'F', fields.folderModseq);
  putNumber(pairs, 'M', fields.mtimeSec);
  pairs.push(...carriedKeys(fields));
  return printDlist(new DlistMap(pairs));
}

/**
 * The values of the `N` and the `I` record for 3.6+. `byId` is meaningless without a uniqueid.
 * @see cyrus-imapd 3.6.1 imap/mboxlist.c mboxlist_entry_dlist
 */
export function printNewDlistRecords(
  dbName: string,
  fields: MailboxFields,
  toDbName: (name: InternalName) => string,
  version: CyrusVersion,
): { byName: string; byId: string } {
  const common: [string, Dlist][] = [];
  putText(common, 'P', fields.deleted ? undefined : fields.partition);
  putText(common, 'S', fields.server);
  putNumber(common, 'V', fields.uidvalidity);
  putNumber(common, 'C', fields.createdModseq);
  putNumber(common, 'F', fields.folderModseq);
  putNumber(common, 'M', fields.mtimeSec);
  if (hasAcl(fields)) common.push(['A', aclMap(fields.acl)]);
  common.push(...carriedKeys(fields));
  const type: [string, Dlist] = ['T', printTypeLetters(fields, version)];
  const id: [string, Dlist][] = fields.uniqueid === undefined ? [] : [['I', fields.uniqueid]];
  const history = fields.history.map((former) => {
    const pairs: [string, Dlist][] = [['N', toDbName(former.name)]];
    putNumber(pairs, 'M', former.mtimeSec);
    putNumber(pairs, 'V', former.uidvalidity);
    putNumber(pairs, 'C', former.createdModseq);
    putNumber(pairs, 'F', former.folderModseq);
    pairs.push(['T', printTypeLetters(parseTypeLetters(former.type, 'new'), version)]);
    putText(pairs, 'P', former.partition);
    return new DlistMap(pairs);
  });
  return {
    byName: printDlist(new DlistMap([type, ...id, ...common])),
    byId: printDlist(new DlistMap([type, ['N', dbName], ...common, ['H', history]])),
  };
}

/** @see cyrus-imapd 3.6.1 imap/mboxlist.c parseentry_cb: it compares keys at any depth, and ignores the others */
export function isCarried(value: Dlist): value is string {
  return typeof value === 'string';
}

function carriedKeys({ extra }: MailboxFields): [string, Dlist][] {
  return extra.filter(([, value]) => isCarried(value)).map(([key, value]) => [key, value]);
}

function hasAcl(fields: MailboxFields): boolean {
  return fields.acl !== '' || !(fields.deleted || fields.intermediate);
}

function aclMap(acl: string): DlistMap {
  return new DlistMap(aclPairs(acl));
}

function putText(pairs: [string, Dlist][], key: string, value: string | undefined): void {
  if (value !== undefined && value !== '') pairs.push([key, value]);
}

/** Zero means unknown to Cyrus, and is not written. */
function putNumber(pairs: [string, Dlist][], key: string, value: number | bigint | undefined): void {
  if (value !== undefined && BigInt(value) !== 0n) pairs.push([key, String(value)]);
}
