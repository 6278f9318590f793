import { FormatError } from '../../base/errors.js';
import { aclFromPairs, aclPairs } from '../records/acl.js';
import { type Dlist, DlistMap, parseDlist, printDlist } from '../records/dlist.js';
import type { UserFlags } from './sync-crc.js';

/** How the part after the magic is written: `text` by 2.x to 3.4, `dlist` by 3.6 and later (which read both). */
export type HeaderForm = 'text' | 'dlist';

/**
 * A cyrus.header. quotaRoot, uniqueid and flags are the server's truth; acl, name and types are copies of what
 * mailboxes.db says and may be old. All strings are latin1, one character per byte.
 */
export interface MailboxHeader {
  readonly form: HeaderForm;
  /** Internal name of the quota root; absent = none. */
  readonly quotaRoot?: string | undefined;
  /** Absent only in files of 2.0 and older: such a mailbox needs `reconstruct` first. */
  readonly uniqueid?: string | undefined;
  /** Names by bit number, at most 128; null where a flag was freed. No null at the end. */
  readonly flags: UserFlags;
  /** `identifier TAB rights TAB …` */
  readonly acl: string;
  /** dlist only; absent when the server wrote NIL, because it did not know. */
  readonly name?: string | undefined;
  /** dlist only: type letters, `e`, `el` … Without `l` although stored by name when a 3.6 rewrote a text header. */
  readonly types?: string | undefined;
  /** dlist only: keys of later versions in their order, such as `J` of 3.13. */
  readonly extra?: readonly (readonly [key: string, value: Dlist])[] | undefined;
}

/** @see cyrus-imapd 3.6.1 imap/mailbox.h MAILBOX_HEADER_MAGIC */
const MAGIC = Buffer.from(
  '\xa1\x02\x8b\x0dCyrus mailbox header\n' +
    '"The best thing about this system was that it had lots of goals."\n' +
    '\t--Jim Morris on Andrew\n',
  'latin1',
);
/** @see cyrus-imapd 2.3.16-3.12.3 imap/mailbox.h MAX_USER_FLAGS */
const MAX_USER_FLAGS = 128;

/**
 * Reads a whole cyrus.header of either form.
 * @throws FormatError
 * @see cyrus-imapd 3.4.9 and 3.6.1 imap/mailbox.c mailbox_read_header
 */
export function readMailboxHeader(buf: Buffer, file: string): MailboxHeader {
  if (!buf.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new FormatError(file, 0, 'the magic of a cyrus.header', `${buf.length} other bytes`);
  }
  const body = buf.toString('latin1', MAGIC.length);
  return body.startsWith('%') ? readDlist(body, file) : readText(body, file);
}

/**
 * The bytes of a cyrus.header as a server writes them in `form`, but for one thing: the text form keeps freed slots
 * as empty names, where servers skip them and so give the later flags another meaning.
 * In the dlist form a missing name is NIL and missing types are `e`, as 3.6 has it.
 * @throws RangeError if the text form cannot hold a value, which no server can have stored
 * @see cyrus-imapd 3.4.9 and 3.13.7 imap/mailbox.c mailbox_commit_header, mailbox_header_data_cstring
 */
export function writeMailboxHeader(header: MailboxHeader, form: HeaderForm): Buffer {
  const body = form === 'text' ? printText(header) : printKeys(header);
  return Buffer.concat([MAGIC, Buffer.from(body, 'latin1')]);
}

function readText(body: string, file: string): MailboxHeader {
  const lines = body.split('\n', 4);
  const [first, second, acl] = lines;
  if (lines.length < 4 || first === undefined || second === undefined || acl === undefined) {
    throw new FormatError(file, MAGIC.length + body.length, 'three lines after the magic', 'the end');
  }
  const [quotaRoot, uniqueid] = splitAtTab(first);
  return {
    form: 'text',
    ...(quotaRoot ? { quotaRoot } : {}),
    ...(uniqueid === undefined ? {} : { uniqueid }),
    flags: asSlots(second.split(' ')),
    acl,
  };
}

function splitAtTab(line: string): [before: string, after: string | undefined] {
  const tab = line.indexOf('\t');
  return tab < 0 ? [line, undefined] : [line.slice(0, tab), line.slice(tab + 1)];
}

function asSlots(names: readonly (string | null)[]): UserFlags {
  const flags = names.slice(0, MAX_USER_FLAGS).map((name) => name || null);
  return flags.slice(0, flags.findLastIndex((name) => name !== null) + 1);
}

function readDlist(body: string, file: string): MailboxHeader {
  const wrong = (expected: string, found: string) => new FormatError(file, MAGIC.length, expected, found);
  if (!body.endsWith('\n')) throw new FormatError(file, MAGIC.length + body.length, 'a line feed', 'the end');
  const map = parseBody(body.slice(0, -1), file);
  const item = (key: string): string | undefined => {
    const value = map.get(key) ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw wrong(`one item for ${key}`, 'a list');
    return value;
  };
  const aclMap = map.get('A') ?? new DlistMap([]);
  if (!(aclMap instanceof DlistMap)) throw wrong('a key-value list for A', 'another value');
  const acl = aclMap.pairs.map(([id, rights]) => {
    if (typeof rights !== 'string') throw wrong('rights in A', 'another value');
    return [id, rights] as const;
  });
  const list = map.get('U') ?? [];
  if (typeof list === 'string' || list instanceof DlistMap) throw wrong('a list for U', 'another value');
  const flags = list.map((name) => {
    if (name !== null && typeof name !== 'string') throw wrong('names in U', 'a list');
    return name;
  });
  const extra = map.pairs.filter(([key]) => !['T', 'N', 'I', 'Q', 'A', 'U'].includes(key));
  const [quotaRoot, uniqueid, name, types] = [item('Q'), item('I'), item('N'), item('T')];
  return {
    form: 'dlist',
    ...(quotaRoot === undefined ? {} : { quotaRoot }),
    ...(uniqueid === undefined ? {} : { uniqueid }),
    flags: asSlots(flags),
    acl: aclFromPairs(acl),
    ...(name === undefined ? {} : { name }),
    ...(types === undefined ? {} : { types }),
    ...(extra.length === 0 ? {} : { extra }),
  };
}

/** Like parseDlist, with offsets of the file in errors. */
function parseBody(line: string, file: string): DlistMap {
  let value: Dlist;
  try {
    value = parseDlist(line, file);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(file, MAGIC.length + error.offset, error.expected, error.found);
  }
  if (!(value instanceof DlistMap)) throw new FormatError(file, MAGIC.length, 'a key-value list', 'another value');
  return value;
}

function printText(header: MailboxHeader): string {
  const { quotaRoot = '', uniqueid, acl } = header;
  const flags = asSlots(header.flags).map((name) => name ?? '');
  // a body that begins with % is read as the other form
  if (/^%|[\t\n]/.test(quotaRoot) || uniqueid?.includes('\n') || acl.includes('\n')) {
    throw new RangeError('a value that a text cyrus.header cannot hold: a tab, a line feed, or % in front');
  }
  if (flags.some((name) => /[ \n]/.test(name))) throw new RangeError('a blank or line feed in a flag name');
  const first = uniqueid === undefined ? quotaRoot : `${quotaRoot}\t${uniqueid}`;
  return `${first}\n${flags.map((name) => `${name} `).join('')}\n${acl}\n`;
}

function printKeys(header: MailboxHeader): string {
  const flags = asSlots(header.flags);
  const pairs: (readonly [string, Dlist])[] = [
    ['T', header.types ?? 'e'],
    ['N', header.name ?? null],
    ['I', header.uniqueid ?? null],
    ...(header.extra ?? []),
  ];
  if (header.quotaRoot !== undefined) pairs.push(['Q', header.quotaRoot]);
  pairs.push(['A', new DlistMap(aclPairs(header.acl))]);
  if (flags.length > 0) pairs.push(['U', flags]);
  return `${printDlist(new DlistMap(pairs))}\n`;
}
