/**
 * An old server's spool for the bench: Cyrus 3.0, hashed, one partition, mailboxes.db (twoskip, dlist records), ten
 * mailboxes a user, a quota root a user, headers, indexes of version 13 with their CRCs and GUIDs, caches, messages.
 * A real Cyrus 3.6.1 takes it as it is (`npm run bench -- accept`).
 */
import {
  appendFileSync,
  chownSync,
  closeSync,
  futimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from '../../src/base/crc32.js';
import { type CyrusConf, interpretConf } from '../../src/cyrus/conf/cyrus-conf.js';
import { parseImapdConf } from '../../src/cyrus/conf/imapd-conf.js';
import { writeDatabase } from '../../src/cyrus/db/database.js';
import { quotaFile } from '../../src/cyrus/layout/config-paths.js';
import { mailboxDir } from '../../src/cyrus/layout/mailbox-place.js';
import { writeMailboxHeader } from '../../src/cyrus/mailbox/header.js';
import { readIndex } from '../../src/cyrus/mailbox/index.js';
import { IndexOption, SystemFlag } from '../../src/cyrus/mailbox/index-layout.js';
import { addToSums, noSums } from '../../src/cyrus/mailbox/index-sums.js';
import { IndexWriter } from '../../src/cyrus/mailbox/index-writer.js';
import { syncCrc } from '../../src/cyrus/mailbox/sync-crc.js';
import { asInternalName, type InternalName } from '../../src/cyrus/names/mailbox-name.js';
import type { MailboxType } from '../../src/cyrus/records/mailbox-type.js';
import { type MailboxEntry, writeMailboxEntries } from '../../src/cyrus/records/mailboxes-db.js';
import { type CyrusSetup, writeCyrusTree } from '../support/cyrus-conf.js';
import { CACHE_VERSION, type SpoolMessage, spoolMessage } from './spool-message.js';

export interface SpoolSize {
  readonly mailboxes: number;
  /** In each mailbox. */
  readonly messages: number;
  readonly meanBytes: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Below `dir`: imapd.conf, conf/, spool/default/. Paths in imapd.conf are the real ones. */
export function setupOf(dir: string): CyrusSetup {
  return { dir, hash: 'basic', partitions: ['default'] };
}

const FOLDERS = ['', 'Sent', 'Drafts', 'Trash', 'Archive', 'Lists', 'Lists.cyrus', 'Lists.dovecot', 'Work', 'Spam'];
const LETTERS = 'abcdefghijklmnoprstuvwz';
const VERSION = '3.0';
const INDEX_VERSION = 13;
/** All of a spool that is not a message was last written then. */
const WRITTEN_SEC = 1_700_000_000;

export function userOfMailbox(i: number): string {
  const user = Math.floor(i / FOLDERS.length);
  return `${LETTERS[user % LETTERS.length]}user${user}`;
}

export function nameOfMailbox(i: number): InternalName {
  const folder = FOLDERS[i % FOLDERS.length];
  return asInternalName(`user.${userOfMailbox(i)}${folder === '' ? '' : `.${folder}`}`);
}

function uniqueidOf(i: number): string {
  const hex = i.toString(16).padStart(12, '0');
  return `6f0c1b52-4a7e-4d11-9c3a-${hex}`;
}

export function confOf(dir: string, text: string): CyrusConf {
  const file = join(dir, 'imapd.conf');
  return interpretConf(
    parseImapdConf(Buffer.from(text), file, () => Buffer.alloc(0)),
    VERSION,
    file,
  );
}

export class SpoolWriter {
  readonly dir: string;
  readonly conf: CyrusConf;
  readonly #owner: Owner;

  constructor(dir: string, imapdConf: string, owner: Owner) {
    this.dir = dir;
    this.conf = confOf(dir, imapdConf);
    this.#owner = owner;
  }

  directoryOf(name: InternalName): string {
    return join(this.dir, 'spool/default', mailboxDir(name, this.conf));
  }

  put(path: string, bytes: Uint8Array, seconds: number): void {
    const fd = openSync(path, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at);
      futimesSync(fd, seconds, seconds);
    } finally {
      closeSync(fd);
    }
    chownSync(path, this.#owner.uid, this.#owner.gid);
  }

  makeDir(path: string): void {
    const made = mkdirSync(path, { recursive: true, mode: 0o700 });
    for (let at = path; made !== undefined; at = dirname(at)) {
      chownSync(at, this.#owner.uid, this.#owner.gid);
      if (at === made) return;
    }
  }

  /** A whole mailbox; its messages are numbered from `firstNumber`. @returns their bytes */
  mailbox(i: number, messages: number, meanBytes: number, firstNumber: number): number {
    const name = nameOfMailbox(i);
    const dir = this.directoryOf(name);
    this.makeDir(dir);
    const user = userOfMailbox(i);
    const header = writeMailboxHeader(
      {
        form: 'text',
        quotaRoot: `user.${user}`,
        uniqueid: uniqueidOf(i),
        flags: ['$MDNSent', 'NonJunk'],
        acl: `${user}\tlrswipkxtecdan\t`,
      },
      'text',
    );
    const writer = IndexWriter.create(INDEX_VERSION, messages);
    const cache: Buffer[] = [Buffer.alloc(4)];
    let cacheEnd = 4;
    for (let n = 0; n < messages; n++) {
      const message = spoolMessage(firstNumber + n, meanBytes);
      this.put(join(dir, `${n + 1}.`), message.bytes, message.dateSec);
      putRecord(writer, n, n + 1, message, cacheEnd, BigInt(n + 2));
      cache.push(message.cacheRecord);
      cacheEnd += message.cacheRecord.length;
    }
    const bytes = sealIndex(writer, messages, header);
    this.putInParts(join(dir, 'cyrus.cache'), cache);
    this.put(join(dir, 'cyrus.header'), header, WRITTEN_SEC);
    this.put(join(dir, 'cyrus.index'), writer.bytes, WRITTEN_SEC);
    return bytes;
  }

  /** A delivery into mailbox `i`: message, cache record and index record come to what is there, in place, as Cyrus does. */
  append(i: number, number: number, meanBytes: number): void {
    const dir = this.directoryOf(nameOfMailbox(i));
    const old = readIndex(readFileSync(join(dir, 'cyrus.index')), dir);
    const message = spoolMessage(number, meanBytes);
    const uid = old.lastUid + 1;
    this.put(join(dir, `${uid}.`), message.bytes, message.dateSec);
    const cacheEnd = statSync(join(dir, 'cyrus.cache')).size;
    appendFileSync(join(dir, 'cyrus.cache'), message.cacheRecord);
    const writer = IndexWriter.create(INDEX_VERSION, old.count + 1);
    old.bytes.copy(writer.bytes, old.startOffset, old.startOffset, old.recordOffset(old.count));
    putRecord(writer, old.count, uid, message, cacheEnd, old.highestModseq + 1n);
    sealIndex(writer, uid, readFileSync(join(dir, 'cyrus.header')));
    const fd = openSync(join(dir, 'cyrus.index'), 'r+');
    writeSync(fd, writer.bytes);
    closeSync(fd);
  }

  putInParts(path: string, parts: readonly Buffer[]): void {
    const fd = openSync(path, 'wx', 0o600);
    for (let at = 0; at < parts.length; at += 1000) writeSync(fd, Buffer.concat(parts.slice(at, at + 1000)));
    futimesSync(fd, WRITTEN_SEC, WRITTEN_SEC);
    closeSync(fd);
    chownSync(path, this.#owner.uid, this.#owner.gid);
  }

  /** The quota root of the user who has mailbox `i`. */
  quota(i: number, usedBytes: number): void {
    const file = join(this.conf.configDirectory, quotaFile(this.conf, `user.${userOfMailbox(i)}`));
    this.makeDir(dirname(file));
    this.put(file, Buffer.from(`%(S (${usedBytes} 10485760))\n`), WRITTEN_SEC);
  }

  /** mailboxes.db and the annotation database. */
  databases(mailboxes: number): void {
    const entries: MailboxEntry[] = [];
    for (let i = 0; i < mailboxes; i++) {
      const user = userOfMailbox(i);
      entries.push({
        name: nameOfMailbox(i),
        partition: 'default',
        acl: `${user}\tlrswipkxtecdan\t`,
        uniqueid: uniqueidOf(i),
        uidvalidity: WRITTEN_SEC,
        folderModseq: 1n,
        mtimeSec: WRITTEN_SEC,
        history: [],
        extra: [],
        ...PLAIN_TYPE,
      });
    }
    const options = { version: this.conf.version, nowSec: WRITTEN_SEC };
    const config = this.conf.configDirectory;
    this.put(
      join(config, 'mailboxes.db'),
      writeDatabase('twoskip', writeMailboxEntries(entries, this.conf), options),
      WRITTEN_SEC,
    );
    this.put(join(config, 'annotations.db'), writeDatabase('twoskip', [], options), WRITTEN_SEC);
  }
}

const PLAIN_TYPE: MailboxType = {
  kind: 'e',
  remote: false,
  reserved: false,
  moving: false,
  deleted: false,
  intermediate: false,
  legacy: true,
  unknownTypes: '',
};

function putRecord(
  writer: IndexWriter,
  n: number,
  uid: number,
  message: SpoolMessage,
  cacheOffset: number,
  modseq: bigint,
): void {
  writer.record(n, 'uid', uid);
  writer.record(n, 'internalDate', message.dateSec);
  writer.record(n, 'sentDate', message.dateSec - (message.dateSec % 86_400));
  writer.record(n, 'gmtime', message.dateSec);
  writer.record(n, 'size', message.bytes.length);
  writer.record(n, 'headerSize', message.headerSize);
  writer.record(n, 'lastUpdated', WRITTEN_SEC);
  writer.record(n, 'systemFlags', n % 3 === 0 ? 0 : SystemFlag.seen);
  writer.record(n, 'modseq', modseq);
  writer.guid(n, message.guid);
  writer.cache(n, cacheOffset, CACHE_VERSION, crc32(message.cacheRecord));
  writer.sealRecord(n);
}

/** @returns the bytes of its messages. */
function sealIndex(writer: IndexWriter, lastUid: number, headerFile: Buffer): number {
  const sums = noSums();
  writer.header('lastUid', lastUid);
  writer.header('uidvalidity', WRITTEN_SEC);
  writer.header('lastAppend', WRITTEN_SEC);
  writer.header('lastRepack', WRITTEN_SEC);
  writer.header('highestModseq', lastUid + 2);
  writer.header('options', IndexOption.pop3NewUidl);
  writer.header('headerFileCrc', crc32(headerFile));
  writer.header('syncCrcAnnot', 12345678);
  writer.seal();
  const view = readIndex(writer.bytes, 'bench');
  for (let i = 0; i < view.count; i++) addToSums(sums, view, i);
  writer.sums(sums);
  writer.header('syncCrc', syncCrc(view, ['$MDNSent', 'NonJunk']));
  writer.seal();
  return sums.bytes;
}

/** Writes imapd.conf and the whole spool below `dir`, which is empty. */
export function generateSpool(dir: string, size: SpoolSize, owner: Owner, say: (text: string) => void): void {
  const file = writeCyrusTree(setupOf(dir), 'bench');
  const writer = new SpoolWriter(dir, readFileSync(file, 'utf8'), owner);
  writer.databases(size.mailboxes);
  let userBytes = 0;
  for (let i = 0; i < size.mailboxes; i++) {
    userBytes += writer.mailbox(i, size.messages, size.meanBytes, i * size.messages);
    if (i % FOLDERS.length === FOLDERS.length - 1 || i === size.mailboxes - 1) {
      writer.quota(i, userBytes);
      userBytes = 0;
    }
    if (i % 1000 === 999) say(`${i + 1} of ${size.mailboxes} mailboxes`);
  }
}
