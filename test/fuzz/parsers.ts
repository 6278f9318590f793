/** Every parser of src/cyrus, with real files to damage. Each is fed bytes and may throw a FormatError, nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { FormatError } from '../../src/base/errors.js';
import { interpretConf } from '../../src/cyrus/conf/cyrus-conf.js';
import { parseImapdConf } from '../../src/cyrus/conf/imapd-conf.js';
import { readDatabase } from '../../src/cyrus/db/database.js';
import { parseDbDump } from '../../src/cyrus/db/db-dump.js';
import { readFlat } from '../../src/cyrus/db/flat.js';
import { parseConfigPath } from '../../src/cyrus/layout/config-paths.js';
import { mailboxNameOfDir } from '../../src/cyrus/layout/mailbox-place.js';
import { cachePlace, checkCaches } from '../../src/cyrus/mailbox/cache.js';
import { readMailboxHeader } from '../../src/cyrus/mailbox/header.js';
import { type IndexView, readExpunge, readIndex, readIndexHeader } from '../../src/cyrus/mailbox/index.js';
import { checkIndex } from '../../src/cyrus/mailbox/index-check.js';
import {
  asInternalName,
  checkName,
  fromDbName,
  fromExternal,
  splitName,
  toDbName,
} from '../../src/cyrus/names/mailbox-name.js';
import { aclPairs, translateAcl } from '../../src/cyrus/records/acl.js';
import { readAnnotations } from '../../src/cyrus/records/annotations.js';
import { parseCounters } from '../../src/cyrus/records/counters.js';
import { parseDeliverEntry } from '../../src/cyrus/records/deliver.js';
import { parseDlist } from '../../src/cyrus/records/dlist.js';
import { parseDlistRecord, parseTextRecord } from '../../src/cyrus/records/mailbox-record.js';
import { parseMboxlistDump, readMailboxEntries, writeMailboxEntries } from '../../src/cyrus/records/mailboxes-db.js';
import { parseQuota } from '../../src/cyrus/records/quota.js';
import { parseSeen } from '../../src/cyrus/records/seen.js';
import { readSubscriptions } from '../../src/cyrus/records/subscriptions.js';
import { parseUserDeny } from '../../src/cyrus/records/user-deny.js';
import { confOf } from '../cyrus/conf/conf-of.js';
import { MAILBOXES } from '../cyrus/mailbox/fixtures.js';

export interface FuzzedParser {
  readonly name: string;
  readonly inputs: readonly Buffer[];
  /** Puts checksums right again, so that damage gets past them; the bytes may be changed in place. */
  readonly reseal?: (bytes: Buffer) => Buffer;
  readonly parse: (bytes: Buffer) => unknown;
}

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));
const file = (path: string) => readFileSync(`${FIXTURES}${path}`);
const files = (dir: string, pattern: RegExp) =>
  readdirSync(`${FIXTURES}${dir}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => file(`${dir}/${name}`));
/** Of a text file each line (or what stands behind its first TAB) is an input. */
const linesOf = (bytes: Buffer, behindTab = false) =>
  bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(behindTab ? line.slice(line.indexOf('\t') + 1) : line, 'latin1'));
const text = (bytes: Buffer) => bytes.toString('latin1');

const CONF_23 = confOf('2.3', { virtdomains: 'userid', unixhierarchysep: 'yes' });
const CONF_36 = confOf('3.6', { virtdomains: 'userid' });
const shown = (server: string) => file(`records/${server}/mailboxes.show.txt`);

const SMALLEST = 'configdirectory: /c\npartition-default: /p\n';
const INCLUDED: Record<string, Buffer> = {
  '/y': Buffer.from('fulldirhash: yes\n@include: /z\n'),
  '/z': Buffer.from('admins: b\n'),
};

const INDEXES = MAILBOXES.map((name) => file(`mailbox/${name}/cyrus.index`));

/** Every method of a view, and the check of all its invariants. */
function walkIndex(view: IndexView): void {
  const last = Math.min(view.count, 2_000);
  for (let i = 0; i < last; i++) {
    view.uid(i);
    view.size(i);
    view.cacheVersion(i);
  }
  checkIndex(view);
  checkCaches(view, { spool: file('mailbox/v12-trash/cyrus.cache') });
}

/** Header CRC of versions 12 and later, at the end of the header. @see reference cyrus-mailbox-files.md */
function resealIndex(bytes: Buffer): Buffer {
  if (bytes.length < 160 || bytes.readUInt32BE(8) < 12) return bytes;
  for (const length of [128, 160]) {
    if (bytes.readUInt32BE(12) !== length) continue;
    bytes.writeUInt32BE(crc32(bytes.subarray(0, length - 4)), length - 4);
  }
  return bytes;
}

/** CRC of the header and, where they can be found by walking, those of record heads. */
function resealTwoskip(bytes: Buffer): Buffer {
  if (bytes.length < 336) return bytes;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  for (let at = 64, n = 0; at + 24 <= bytes.length && n < 5_000; n++) {
    if (bytes.toString('latin1', at, at + 6) === ' BLANK') {
      at += 8;
      continue;
    }
    const level = bytes[at + 1]!;
    const crcAt = at + 8 + 8 * (level + 1);
    if (level > 31 || bytes.readUInt16BE(at + 2) === 0xffff || crcAt + 8 > bytes.length) break;
    const content = bytes.readUInt16BE(at + 2) + bytes.readUInt32BE(at + 4);
    const end = crcAt + 8 + Math.ceil(content / 8) * 8;
    bytes.writeUInt32BE(crc32(bytes.subarray(at, crcAt)), crcAt);
    if (end <= bytes.length) bytes.writeUInt32BE(crc32(bytes.subarray(crcAt + 8, end)), crcAt + 4);
    at = end;
  }
  return bytes;
}

function resealCounters(bytes: Buffer): Buffer {
  if (bytes.length >= 8) bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

/** One database's entries out of `key TAB value` lines, so that damage meets records and keys alike. */
function entriesOfLines(bytes: Buffer) {
  return readFlat(bytes, 'x', {}).entries;
}

export const PARSERS: readonly FuzzedParser[] = [
  {
    name: 'imapd.conf',
    inputs: [
      ...files('mbpath', /imapd\.conf$/),
      Buffer.from(`${SMALLEST}@include: /y\nadmins: a \\\n b\nvirtdomains: userid\n`),
    ],
    parse: (bytes) => {
      for (const version of ['2.2', '2.4', '3.0', '3.12'] as const)
        interpretConf(
          parseImapdConf(bytes, 'x', (path) => INCLUDED[path] ?? bytes, version),
          version,
          'x',
        );
    },
  },
  { name: 'flat', inputs: files('db', /\.sub$|user_deny\.db$/), parse: (b) => readFlat(b, 'x', { escaped: true }) },
  {
    name: 'skiplist',
    inputs: files('db', /^2.*(?:mailboxes\.db|seen|annotations\.db)$/),
    parse: (b) => readDatabase(b, 'x'),
  },
  {
    name: 'twoskip',
    inputs: files('db', /^3.*(?:mailboxes\.db|seen|annotations\.db)$/),
    reseal: resealTwoskip,
    parse: (b) => readDatabase(b, 'x'),
  },
  { name: 'db-dump', inputs: files('db', /\.dump$/), parse: (b) => parseDbDump(b, 'x') },
  {
    name: 'dlist',
    inputs: [...linesOf(shown('3.2-uhs-meta'), true), ...linesOf(shown('3.10-fullhash-meta'), true)],
    parse: (b) => parseDlist(text(b), 'x'),
  },
  {
    name: 'mailboxes-text',
    inputs: [shown('2.3-skiplist-uhs'), shown('2.4-netnews-meta')],
    parse: (b) => readMailboxEntries(entriesOfLines(b), CONF_23, 'x'),
  },
  {
    name: 'mailboxes-dlist',
    inputs: [shown('3.0-uhs-plain'), shown('3.2-uhs-meta')],
    parse: (b) => readMailboxEntries(entriesOfLines(b), confOf('3.2'), 'x'),
  },
  {
    name: 'mailboxes-ni',
    inputs: [shown('3.6-netnews-mixed'), shown('3.10-fullhash-meta')],
    parse: (b) => {
      const { mailboxes } = readMailboxEntries(entriesOfLines(b), CONF_36, 'x');
      // what was read can be written for an old server again, whatever it was
      writeMailboxEntries(mailboxes, CONF_23);
    },
  },
  {
    name: 'mailbox-record',
    inputs: [...linesOf(shown('2.3-skiplist-uhs'), true), ...linesOf(shown('3.10-fullhash-meta'), true)],
    parse: (b) => {
      for (const parse of [
        () => parseTextRecord(text(b), '2.4', 'x'),
        () => parseDlistRecord(text(b), 'old', asInternalName, 'x'),
        () => parseDlistRecord(text(b), 'new', (name) => fromDbName(name, CONF_36), 'x'),
      ])
        tolerating(parse);
    },
  },
  {
    name: 'mboxlist-dump',
    inputs: files('records', /ctl_mboxlist-d\.txt$/),
    parse: (b) => parseMboxlistDump(text(b), CONF_36, 'x'),
  },
  { name: 'header', inputs: files('mailbox', /cyrus\.header$/), parse: (b) => readMailboxHeader(b, 'x') },
  ...MAILBOXES.map((mailbox, i) => ({
    name: `index-${mailbox}`,
    inputs: [INDEXES[i]!],
    reseal: resealIndex,
    parse: (b: Buffer) => {
      tolerating(() => readIndexHeader(b, 'x'));
      walkIndex(readIndex(b, 'x'));
    },
  })),
  {
    name: 'expunge',
    inputs: [...files('mailbox', /cyrus\.expunge$/), ...INDEXES.filter((bytes) => bytes.readUInt32BE(8) <= 10)],
    reseal: resealIndex,
    parse: (b) => {
      const view = readExpunge(b, 'x');
      if (view) walkIndex(view);
    },
  },
  {
    name: 'cache',
    inputs: files('mailbox', /cyrus\.cache$/),
    parse: (b) => {
      for (let at = 0; at < Math.min(b.length, 4_096); at += 4) cachePlace(b, at);
      cachePlace(b, b.length - 1);
      for (const index of INDEXES) checkCaches(readIndex(index, 'x'), { spool: b, archive: b });
    },
  },
  {
    name: 'seen',
    inputs: [...linesOf(file('db/2.3-bob.seen.show.txt'), true), ...linesOf(file('db/3.0-bob.seen.show.txt'), true)],
    parse: (b) => parseSeen(text(b), 'x').uids.toString(),
  },
  {
    name: 'subscriptions',
    inputs: files('.', /\.sub(?:\.db)?$/),
    parse: (b) => readSubscriptions(readFlat(b, 'x', { escaped: true }).entries, { localpart: 'alice' }, CONF_36),
  },
  {
    name: 'annotations',
    inputs: files('records', /annotations(?:\.db)?$/),
    reseal: resealTwoskip,
    parse: (b) => readAnnotations(readDatabase(b, 'x').entries, 'x'),
  },
  { name: 'quota', inputs: files('records', /\/quota\/[^/]+$/), parse: (b) => parseQuota(text(b), 'x') },
  {
    name: 'counters',
    inputs: files('records', /\.counters(?:\.db)?$/),
    reseal: resealCounters,
    parse: (b) => parseCounters(b, 'x'),
  },
  {
    name: 'deliver',
    inputs: files('records', /^3.*deliver\.db$/),
    reseal: resealTwoskip,
    parse: (b) => readDatabase(b, 'x').entries.map((entry) => parseDeliverEntry(entry)),
  },
  {
    name: 'user-deny',
    inputs: linesOf(Buffer.from('2\t*\tAway\n1\timap,pop3\n')),
    parse: (b) => parseUserDeny(text(b), 'x'),
  },
  {
    name: 'acl',
    inputs: [Buffer.from('anna\tlrswipkxtecdan\tgroup:staff\tlrs\t-bob\tw\tanyone\tp\t')],
    parse: (b) => [aclPairs(text(b)), translateAcl(text(b), '2.2'), translateAcl(text(b), '3.6')],
  },
  {
    name: 'names',
    inputs: [
      'one.example!user.ben.Sent',
      'DELETED.user.bob.Old.6B047DA5',
      'user/ben/Sent@one.example',
      'domain/o/one.example/b/user/ben',
      'user/uuid/k/9/k9y/seen.db',
      'quota/B/user.ben',
    ].map((name) => Buffer.from(name)),
    parse: (b) => {
      for (const conf of [CONF_23, CONF_36]) {
        const name = asInternalName(text(b));
        splitName(name, conf);
        checkName(name, conf);
        fromDbName(toDbName(name, conf), conf);
        fromExternal(text(b), conf);
        mailboxNameOfDir(text(b), conf);
        parseConfigPath(text(b));
      }
    },
  },
];

function tolerating(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}
