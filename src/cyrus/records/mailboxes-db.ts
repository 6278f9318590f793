/**
 * mailboxes.db: which mailboxes there are, by name, with partition, ACL and uniqueid.
 *
 * Three dialects: text values (2.2 to 2.4), dlist values (2.5 to 3.4, where text ones may remain), and two records per
 * mailbox since 3.6, `N` + name and `I` + uniqueid, of which `N` is the truth about names. The file does not say which
 * it is; Cyrus guesses by the first record that looks like something; here every record votes.
 */

import { FormatError } from '../../base/errors.js';
import { atOnce, type Sliced, type Step } from '../../base/slices.js';
import type { DbEntry } from '../db/entry.js';
import { asInternalName, fromDbName, type InternalName, type NameConf, toDbName } from '../names/mailbox-name.js';
import { isAtLeast } from '../version.js';
import { translateAcl } from './acl.js';
import { type Dlist, DlistMap, printDlist } from './dlist.js';
import {
  isCarried,
  isDlistRecord,
  type MailboxFields,
  type ParsedDlistRecord,
  parseDlistRecord,
  parseTextRecord,
  printNewDlistRecords,
  printOldDlistRecord,
  printTextRecord,
} from './mailbox-record.js';
import { DERIVED_NEW, DERIVED_OLD, hasNewDialect } from './mailboxes-dialect.js';

/** What mailboxes.db says of one name. */
export interface MailboxEntry extends MailboxFields {
  name: InternalName;
}

export type MailboxesDialect = 'text' | 'dlist' | 'ni' | 'mixed';

/** A record that is not as it should be; the others are read all the same. */
export interface MailboxesProblem {
  code:
    | 'unreadable-record'
    | 'foreign-record'
    | 'unknown-type'
    | 'unknown-key'
    | 'bad-number'
    | 'no-uniqueid'
    | 'duplicate-uniqueid'
    | 'id-record-missing'
    | 'id-record-without-name'
    | 'id-record-names-tombstone'
    | 'id-record-names-another';
  /** Key in the database, latin1. */
  key: string;
  message: string;
  name?: InternalName | undefined;
  uniqueid?: string | undefined;
}

export interface MailboxList {
  dialect: MailboxesDialect;
  mailboxes: MailboxEntry[];
  problems: MailboxesProblem[];
}

/** A mailbox that clients can open: neither tombstone nor reserved nor intermediate nor elsewhere. */
export function isLive(entry: MailboxEntry): boolean {
  return !(entry.deleted || entry.reserved || entry.intermediate || entry.remote);
}

/**
 * Reads all of mailboxes.db. Bad records become problems; nothing is thrown for them. Derived records (reverse ACLs,
 * `$RUNQ`, `J`) are passed over. Mailboxes come in the order of their keys.
 */
export function readMailboxEntries(entries: readonly DbEntry[], conf: NameConf, file: string): MailboxList {
  return atOnce(mailboxEntrySlices(entries, conf, file));
}

/** The same in slices: 100,000 records take half a second. */
export function* mailboxEntrySlices(entries: readonly DbEntry[], conf: NameConf, file: string): Sliced<MailboxList> {
  const list = yield* hasNewDialect(entries, conf.version)
    ? readNewDialect(entries, conf, file)
    : readOldDialect(entries, conf, file);
  reportUnknownKeys(list);
  reportSharedIds(list);
  return list;
}

/** Records between two places to stop. */
const SLICE = 200;

function stepAt(done: number, { length: of }: readonly DbEntry[]): Step {
  return { what: 'reading mailboxes.db', done, of };
}

function* readOldDialect(entries: readonly DbEntry[], conf: NameConf, file: string): Sliced<MailboxList> {
  const mailboxes: MailboxEntry[] = [];
  const problems: MailboxesProblem[] = [];
  const kept = new KeptTexts();
  let texts = 0;
  let dlists = 0;
  for (const [at, { key, value }] of entries.entries()) {
    if (at % SLICE === 0) yield stepAt(at, entries);
    if (DERIVED_OLD.test(key)) continue;
    const name = asInternalName(key);
    const fields = readFields(key, problems, () => {
      if (!isDlistRecord(value)) return { fields: parseTextRecord(value, conf.version, file), badNumbers: [] };
      return parseDlistRecord(value, 'old', asInternalName, file);
    })?.fields;
    if (fields === undefined) continue;
    if (isDlistRecord(value)) dlists++;
    else texts++;
    mailboxes.push(kept.entry(name, fields));
  }
  const none = isAtLeast(conf.version, '2.5') ? 'dlist' : 'text';
  const dialect = texts > 0 && dlists > 0 ? 'mixed' : texts > 0 ? 'text' : dlists > 0 ? 'dlist' : none;
  return { dialect, mailboxes, problems };
}

/** What of a record by uniqueid is looked at: the record by name has all the rest. */
type IdRecord = Pick<ParsedDlistRecord, 'dbName'> & Pick<MailboxFields, 'history' | 'deleted'>;

function* readNewDialect(entries: readonly DbEntry[], conf: NameConf, file: string): Sliced<MailboxList> {
  const mailboxes: MailboxEntry[] = [];
  const problems: MailboxesProblem[] = [];
  const kept = new KeptTexts();
  const byName = new Map<InternalName, MailboxEntry>();
  const byId = new Map<string, IdRecord>();
  const parse = (key: string, value: string) =>
    readFields(key, problems, () => parseDlistRecord(value, 'new', (n) => fromDbName(n, conf), file));

  for (const [at, { key, value }] of entries.entries()) {
    if (at % SLICE === 0) yield stepAt(at, entries);
    if (DERIVED_NEW.test(key)) continue;
    const rest = key.slice(1);
    if (key.startsWith('N') && rest !== '') {
      const record = parse(key, value);
      if (!record) continue;
      const mailbox = kept.entry(fromDbName(rest, conf), record.fields);
      mailboxes.push(mailbox);
      byName.set(mailbox.name, mailbox);
    } else if (key.startsWith('I') && rest !== '') {
      const record = parse(key, value);
      if (record) {
        const { history, deleted } = record.fields;
        byId.set(rest, { dbName: record.dbName, history, deleted });
      }
    } else {
      problems.push({ code: 'foreign-record', key, message: 'not a record of Cyrus 3.6 or later; passed over' });
    }
  }

  for (const mailbox of mailboxes) {
    const { name, uniqueid } = mailbox;
    const key = `N${toDbName(name, conf)}`;
    if (uniqueid === undefined) {
      if (isLive(mailbox)) problems.push({ code: 'no-uniqueid', key, message: `${name} has no uniqueid`, name });
      continue;
    }
    const record = byId.get(uniqueid);
    if (record?.dbName !== undefined && fromDbName(record.dbName, conf) === name) {
      mailbox.history = record.history;
    } else if (isLive(mailbox) && record === undefined) {
      const message = `${name} has no record by its uniqueid ${uniqueid}`;
      problems.push({ code: 'id-record-missing', key, message, name, uniqueid });
    } else if (isLive(mailbox)) {
      const message = `the record of uniqueid ${uniqueid} does not name ${name}, which has that uniqueid`;
      problems.push({ code: 'id-record-names-another', key, message, name, uniqueid });
    }
  }
  for (const [uniqueid, record] of byId) {
    // what is left of a mailbox that was deleted for good
    if (record.deleted) continue;
    const name = record.dbName === undefined ? undefined : fromDbName(record.dbName, conf);
    const named = name === undefined ? undefined : byName.get(name);
    const key = `I${uniqueid}`;
    if (named === undefined) {
      const message = `uniqueid ${uniqueid} names ${name ?? 'nothing'}, of which there is no record`;
      problems.push({ code: 'id-record-without-name', key, message, name, uniqueid });
    } else if (named.deleted) {
      const message = `uniqueid ${uniqueid} names ${name}, which was renamed or deleted`;
      problems.push({ code: 'id-record-names-tombstone', key, message, name, uniqueid });
    }
  }
  return { dialect: 'ni', mailboxes, problems };
}

/** With no field left out by mistake. */
type AllOf<T> = { [K in keyof Required<T>]: T[K] };

/**
 * Entries are kept by the hundred thousand. A part of a record's text would keep the whole of it in memory; the ACL of
 * one mailbox of a user is mostly that of his others.
 */
class KeptTexts {
  readonly #shared = new Map<string, string>();

  entry(name: InternalName, fields: MailboxFields): MailboxEntry {
    // Named one by one they lie in the object itself; spread, in a list beside it that is half as large again.
    const entry: AllOf<MailboxEntry> = {
      name,
      kind: fields.kind,
      remote: fields.remote,
      reserved: fields.reserved,
      moving: fields.moving,
      deleted: fields.deleted,
      intermediate: fields.intermediate,
      legacy: fields.legacy,
      unknownTypes: fields.unknownTypes,
      partition: fields.partition === undefined ? undefined : this.#share(fields.partition),
      server: fields.server,
      acl: this.#share(fields.acl),
      uniqueid: fields.uniqueid === undefined ? undefined : ownText(fields.uniqueid),
      uidvalidity: fields.uidvalidity,
      createdModseq: fields.createdModseq,
      folderModseq: fields.folderModseq,
      mtimeSec: fields.mtimeSec,
      specialUse: fields.specialUse,
      history: fields.history.length === 0 ? NO_HISTORY : fields.history,
      extra: fields.extra.length === 0 ? NO_EXTRA : fields.extra,
    };
    return entry;
  }

  #share(text: string): string {
    const known = this.#shared.get(text);
    if (known !== undefined) return known;
    const own = ownText(text);
    this.#shared.set(own, own);
    return own;
  }
}

const NO_HISTORY: MailboxEntry['history'] = [];
const NO_EXTRA: MailboxEntry['extra'] = [];
Object.freeze(NO_HISTORY);
Object.freeze(NO_EXTRA);

function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Runs `parse`; what is wrong with the record goes to `problems`. */
function readFields(
  key: string,
  problems: MailboxesProblem[],
  parse: () => ParsedDlistRecord,
): ParsedDlistRecord | undefined {
  let record: ParsedDlistRecord;
  try {
    record = parse();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    problems.push({ code: 'unreadable-record', key, message: error.message });
    return undefined;
  }
  const { unknownTypes } = record.fields;
  if (unknownTypes !== '') {
    problems.push({ code: 'unknown-type', key, message: `unknown type ${unknownTypes}, which is left out` });
  }
  if (record.badNumbers.length > 0) {
    problems.push({ code: 'bad-number', key, message: `not a number: ${record.badNumbers.join(', ')}` });
  }
  return record;
}

/** A later version may have put a key into every record: one problem for each key. */
function reportUnknownKeys(list: MailboxList): void {
  const found = new Map<string, { names: InternalName[]; lost: number }>();
  for (const { name, extra } of list.mailboxes) {
    for (const [key, value] of extra) {
      const seen = found.get(key) ?? { names: [], lost: 0 };
      seen.names.push(name);
      if (!isCarried(value)) seen.lost++;
      found.set(key, seen);
    }
  }
  for (const [key, { names, lost }] of found) {
    const carried = lost === 0 ? 'it is carried along' : `in ${lost} it holds a list, which is left out`;
    const message = `${names.length} records have the key ${key}, which is not known here, first ${names[0]}; ${carried}`;
    list.problems.push({ code: 'unknown-key', key, message });
  }
}

/** Tombstones share the uniqueid of what became of them; two live mailboxes must not. */
function reportSharedIds(list: MailboxList): void {
  const first = new Map<string, InternalName>();
  for (const mailbox of list.mailboxes) {
    const { name, uniqueid } = mailbox;
    if (uniqueid === undefined || !isLive(mailbox)) continue;
    const other = first.get(uniqueid);
    if (other === undefined) first.set(uniqueid, name);
    else {
      const message = `${name} has the uniqueid ${uniqueid} of ${other}`;
      list.problems.push({ code: 'duplicate-uniqueid', key: name, message, name, uniqueid });
    }
  }
}

/**
 * The records that a server of `conf.version` would have written for these mailboxes, in no particular order.
 * What the version cannot hold is left out: tombstones up to 2.4, intermediates before 3.2, `C` and `F`, unknown types.
 * A tombstone gets an `N` record only.
 * @throws RangeError for 3.6+ if a live mailbox has no uniqueid, or two names have the same (the caller's mistake).
 */
export function writeMailboxEntries(list: Iterable<MailboxEntry>, conf: NameConf): DbEntry[] {
  const { version } = conf;
  if (isAtLeast(version, '3.6')) return writeNewDialect(list, conf);
  const asDlist = isAtLeast(version, '2.5');
  const entries: DbEntry[] = [];
  for (const entry of list) {
    if ((entry.deleted && !asDlist) || (entry.intermediate && !isAtLeast(version, '3.2'))) continue;
    const fields = { ...entry, acl: translateAcl(entry.acl, version) };
    const value = asDlist ? printOldDlistRecord(fields, version) : printTextRecord(fields, version);
    entries.push({ key: entry.name, value });
  }
  return entries;
}

function writeNewDialect(list: Iterable<MailboxEntry>, conf: NameConf): DbEntry[] {
  const entries: DbEntry[] = [];
  const names = new Map<string, InternalName>();
  for (const entry of list) {
    const { name, uniqueid } = entry;
    const dbName = toDbName(name, conf);
    const { byName, byId } = printNewDlistRecords(dbName, entry, (n) => toDbName(n, conf), conf.version);
    entries.push({ key: `N${dbName}`, value: byName });
    if (entry.deleted) continue;
    if (uniqueid === undefined) {
      if (entry.intermediate) continue;
      throw new RangeError(`${name} has no uniqueid`);
    }
    const other = names.get(uniqueid);
    if (other !== undefined) throw new RangeError(`${name} and ${other} have the same uniqueid ${uniqueid}`);
    names.set(uniqueid, name);
    entries.push({ key: `I${uniqueid}`, value: byId });
  }
  return entries;
}

/**
 * Reads what `ctl_mboxlist -d` printed (latin1 text): `NAME TAB TYPE PARTITION ACL` lines up to 3.4, where tombstones have the
 * partition `(null)`; one JSON object since 3.6. Names are internal in both. Text dumps have no uniqueids, and neither
 * has name histories.
 * @throws FormatError if it is neither, or broken JSON
 * @see cyrus-imapd 3.2.6 and 3.6.1 imap/ctl_mboxlist.c dump_cb
 */
export function parseMboxlistDump(text: string, conf: NameConf, file: string): MailboxList {
  const list = text.trimStart().startsWith('{') ? readJsonDump(text, file) : readTextDump(text, conf, file);
  reportSharedIds(list);
  return list;
}

function readTextDump(text: string, conf: NameConf, file: string): MailboxList {
  const entries: DbEntry[] = [];
  let offset = 0;
  for (const line of text.split('\n')) {
    const tab = line.indexOf('\t');
    if (tab > 0) entries.push({ key: line.slice(0, tab), value: line.slice(tab + 1) });
    else if (line !== '') throw new FormatError(file, offset, 'NAME TAB TYPE PARTITION ACL', line.slice(0, 40));
    offset += line.length + 1;
  }
  return atOnce(readOldDialect(entries, conf, file));
}

function readJsonDump(text: string, file: string): MailboxList {
  let dump: unknown;
  try {
    dump = JSON.parse(text);
  } catch (error) {
    throw new FormatError(file, 0, 'JSON of ctl_mboxlist -d', error instanceof Error ? error.message : String(error));
  }
  const mailboxes: MailboxEntry[] = [];
  const problems: MailboxesProblem[] = [];
  for (const [key, value] of Object.entries(dump as Record<string, unknown>)) {
    const fields = readFields(key, problems, () => {
      // the same facts as in the record, so that there is one reader of them
      return parseDlistRecord(recordOfJson(value, file), 'new', asInternalName, file);
    })?.fields;
    if (fields) mailboxes.push({ name: asInternalName(key), ...fields });
  }
  return { dialect: 'ni', mailboxes, problems };
}

const JSON_KEYS = [
  ['mbtype', 'T'],
  ['uniqueid', 'I'],
  ['partition', 'P'],
  ['server', 'S'],
  ['uidvalidity', 'V'],
  ['createdmodseq', 'C'],
  ['foldermodseq', 'F'],
  ['mtime', 'M'],
] as const;

function recordOfJson(value: unknown, file: string): string {
  if (typeof value !== 'object' || value === null) throw new FormatError(file, 0, 'an object', typeof value);
  const members = new Map<string, unknown>(Object.entries(value));
  const pairs: [string, Dlist][] = [];
  for (const [long, short] of JSON_KEYS) {
    const member = members.get(long);
    if (typeof member === 'string') pairs.push([short, member]);
  }
  const acl = members.get('acl');
  if (typeof acl === 'object' && acl !== null) {
    const rights = Object.entries(acl).map(([id, r]) => [id, typeof r === 'string' ? r : ''] as const);
    pairs.push(['A', new DlistMap(rights)]);
  }
  return printDlist(new DlistMap(pairs));
}
