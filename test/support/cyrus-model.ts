/**
 * A Cyrus of each version line in a few lines: what CREATE, RENAME, DELETE, a partition move, delivery and EXPUNGE do to
 * files and mailboxes.db, step by step in that line's own order, so that it can be killed after any of them.
 * @see reference cyrus-mailbox-files.md 6.1-6.4, taken from the sources of each line
 */
import { mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CyrusConf, interpretConf } from '../../src/cyrus/conf/cyrus-conf.js';
import { parseImapdConf } from '../../src/cyrus/conf/imapd-conf.js';
import { writeDatabase } from '../../src/cyrus/db/database.js';
import { type MailboxPlace, placeOf } from '../../src/cyrus/layout/mailbox-place.js';
import { writeMailboxHeader } from '../../src/cyrus/mailbox/header.js';
import { IndexWriter } from '../../src/cyrus/mailbox/index-writer.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import { type MailboxEntry, writeMailboxEntries } from '../../src/cyrus/records/mailboxes-db.js';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import { isAtLeast } from '../../src/cyrus/version.js';
import { INDEX_VERSION } from './index-version.js';

interface IndexNode {
  readonly kind: 'index';
  readonly records: Map<number, string>;
  /** UIDs of those whose file is on the archive partition. */
  readonly archived: Set<number>;
  lastUid: number;
  deleted: boolean;
}
interface HeaderNode {
  readonly kind: 'header';
  readonly uniqueid: string;
  readonly name: string;
}
interface MessageNode {
  readonly kind: 'message';
  readonly content: string;
}
export type Node = IndexNode | HeaderNode | MessageNode;

interface Row {
  readonly partition: string;
  readonly uniqueid: string;
  readonly type: 'live' | 'reserved' | 'tombstone';
  /** By name, on a server that keeps new ones by uniqueid. */
  readonly legacy: boolean;
}

type Step = () => void;

export interface ModelSetup {
  readonly version: CyrusVersion;
  readonly hash: 'none' | 'basic' | 'full';
  readonly meta: boolean;
  /**
   * `first`: partition p1 alone has an archive; `stuck`: both have one, and the cache of p1's lies on its metapartition,
   * so that the server never empties the directory of the messages (issue 2657).
   */
  readonly archive?: 'none' | 'both' | 'first' | 'stuck' | undefined;
  /** Lines that keep mailboxes by uniqueid: those that are created lie by name, as before an upgrade. */
  readonly legacy?: boolean | undefined;
  /** More lines of imapd.conf. */
  readonly conf?: string | undefined;
}

/** An INDEX record of version 13 and later says that its file is on the archive partition. */
const ARCHIVED = 0x2000_0000;

export class CyrusModel {
  readonly conf: CyrusConf;
  readonly confText: string;
  /** Directory → name → node; a node under two names is a hard link. */
  readonly directories = new Map<string, Map<string, Node>>();
  readonly rows = new Map<string, Row>();
  /** `uniqueid uid` of what a user expunged. */
  readonly expunged = new Set<string>();
  readonly #setup: ModelSetup;
  readonly #tops: readonly string[];
  readonly #written = new Map<string, Map<string, Buffer>>();
  #made = 0;
  #time = 0x6b000000;

  constructor(setup: ModelSetup) {
    this.#setup = setup;
    const hash = { none: '', basic: 'hashimapspool: yes\n', full: 'hashimapspool: yes\nfulldirhash: yes\n' }[
      setup.hash
    ];
    const archive = isAtLeast(setup.version, '3.0') ? (setup.archive ?? 'none') : 'none';
    // 2.2 knows no metapartition
    const hasMeta = isAtLeast(setup.version, '2.3') && (setup.meta || archive === 'stuck');
    const files = `header index cache${archive === 'stuck' ? ' archivecache' : ''}`;
    const meta = hasMeta ? `metapartition-p1: /m/p1\nmetapartition_files: ${files}\n` : '';
    const archives = archive === 'none' ? [] : archive === 'first' ? ['p1'] : ['p1', 'p2'];
    const archiveText =
      archives.length === 0
        ? ''
        : `archive_enabled: yes\n${archives.map((one) => `archivepartition-${one}: /a/${one}\n`).join('')}`;
    this.#tops = [
      '/conf',
      '/s/p1',
      '/s/p2',
      '/sieve',
      ...(hasMeta ? ['/m/p1'] : []),
      ...archives.map((one) => `/a/${one}`),
    ];
    this.confText = `configdirectory: /conf\npartition-p1: /s/p1\npartition-p2: /s/p2\ndefaultpartition: p1\nsievedir: /sieve\nadmins: cyrus\ndelete_mode: delayed\n${hash}${meta}${archiveText}${setup.conf ?? ''}`;
    this.conf = interpretConf(
      parseImapdConf(Buffer.from(this.confText), '/imapd.conf', () => Buffer.alloc(0)),
      setup.version,
      '/imapd.conf',
    );
  }

  get names(): string[] {
    return [...this.rows].filter(([, row]) => row.type === 'live').map(([name]) => name);
  }

  placeOf(name: string, row: Row): MailboxPlace {
    const legacy = row.legacy || !isAtLeast(this.#setup.version, '3.6');
    const { partition, uniqueid } = row;
    const place = placeOf(this.conf, { name: asInternalName(name), legacy, partition, uniqueid });
    if (!place) throw new RangeError(row.partition);
    return place;
  }

  /** Does the steps in their order; `killedAfter` of them, where there are as many. */
  run(steps: readonly Step[], killedAfter: number | undefined): void {
    for (const [i, step] of steps.entries()) {
      if (i === killedAfter) return;
      step();
    }
  }

  #put(directory: string, name: string, node: Node): void {
    let files = this.directories.get(directory);
    if (!files) this.directories.set(directory, (files = new Map()));
    files.set(name, node);
  }

  #make(directory: string): void {
    if (!this.directories.has(directory)) this.directories.set(directory, new Map());
  }

  /** 2.2 and 2.3: names are reserved in mailboxes.db first, and a RENAME links the index of the old directory. */
  get #isOld(): boolean {
    return !isAtLeast(this.#setup.version, '2.4');
  }

  #index(place: MailboxPlace): IndexNode | undefined {
    return this.directories.get(place.meta.index)?.get('cyrus.index') as IndexNode | undefined;
  }

  #fresh(): string {
    const n = (++this.#made).toString(16).padStart(8, '0');
    return isAtLeast(this.#setup.version, '2.5') ? `u${n}aaaabbbbccccdddd` : `${n}6b047e01`;
  }

  create(name: string, partition: string): Step[] {
    if (this.rows.get(name)?.type === 'live') return [];
    const legacy = (this.#setup.legacy ?? false) && isAtLeast(this.#setup.version, '3.6');
    const row: Row = { partition, uniqueid: this.#fresh(), type: 'live', legacy };
    const place = this.placeOf(name, row);
    const files: Step[] = [
      () => this.#make(place.data),
      () => this.#put(place.meta.header, 'cyrus.header', { kind: 'header', uniqueid: row.uniqueid, name }),
      () => this.#put(place.meta.index, 'cyrus.index', emptyIndex()),
    ];
    const reserve: Step[] = this.#isOld ? [() => this.rows.set(name, { ...row, type: 'reserved' })] : [];
    return [...reserve, ...files, () => this.rows.set(name, row)];
  }

  deliver(name: string, content: string): Step[] {
    const row = this.rows.get(name);
    const place = row?.type === 'live' ? this.placeOf(name, row) : undefined;
    const index = place && this.#index(place);
    if (!place || !index) return [];
    const uid = index.lastUid + 1;
    return [
      () => this.#put(place.data, `${uid}.`, { kind: 'message', content }),
      () => {
        index.records.set(uid, content);
        index.lastUid = uid;
      },
    ];
  }

  copy(from: string, to: string): Step[] {
    const row = this.rows.get(from);
    const index = row?.type === 'live' ? this.#index(this.placeOf(from, row)) : undefined;
    const content = index && [...index.records.values()].at(-1);
    return content === undefined ? [] : this.deliver(to, content);
  }

  expunge(name: string, which: number): Step[] {
    const row = this.rows.get(name);
    const place = row?.type === 'live' ? this.placeOf(name, row) : undefined;
    const index = place && this.#index(place);
    const uid = index && [...index.records.keys()][which % Math.max(1, index.records.size)];
    if (!row || !place || !index || uid === undefined) return [];
    return [
      () => {
        index.records.delete(uid);
        this.expunged.add(`${row.uniqueid} ${uid}`);
      },
      () => this.directories.get(this.#messagesOf(place, index.archived.has(uid)))?.delete(`${uid}.`),
    ];
  }

  /** `cyr_expire -A`: a copy on the archive partition, then the record, then the file on the other goes. */
  archive(name: string, which: number): Step[] {
    const row = this.rows.get(name);
    const place = row?.type === 'live' ? this.placeOf(name, row) : undefined;
    const index = place && this.#index(place);
    const uid = index && [...index.records.keys()].filter((one) => !index.archived.has(one))[which % 3];
    const node = place && this.directories.get(place.data)?.get(`${uid}.`);
    if (!place || place.archive === null || !index || uid === undefined || !node) return [];
    const archive = place.archive;
    return [
      () => this.#make(archive),
      () => this.#put(archive, `${uid}.`, node),
      () => void index.archived.add(uid),
      () => this.directories.get(place.data)?.delete(`${uid}.`),
    ];
  }

  /** Where the message files lie; a partition without an archive keeps all in one. */
  #messagesOf(place: MailboxPlace, isArchived: boolean): string {
    return isArchived ? (place.archive ?? place.data) : place.data;
  }

  /** `relocate_by_id` (3.6+): each directory is renamed to its place by uniqueid, then mailboxes.db says so. */
  relocate(name: string): Step[] {
    const row = this.rows.get(name);
    if (row?.type !== 'live' || !row.legacy) return [];
    const now: Row = { ...row, legacy: false };
    const [from, to] = [this.placeOf(name, row), this.placeOf(name, now)];
    const pairs = new Map([
      [from.data, to.data],
      ...Object.keys(from.meta).map((kind) => [from.meta[kind as 'index'], to.meta[kind as 'index']] as const),
      ...(from.archive === null ? [] : [[from.archive, to.archive!] as const]),
    ]);
    return [
      ...[...pairs].map(([old, place]) => () => {
        const files = this.directories.get(old);
        if (!files) return;
        this.directories.delete(old);
        this.directories.set(place, files);
      }),
      () => void this.rows.set(name, now),
    ];
  }

  /** RENAME to another name, or with the same name to another partition. `busy`: another client has it selected. */
  rename(from: string, to: string, partition: string, busy: boolean): Step[] {
    const row = this.rows.get(from);
    if (row?.type !== 'live' || (from !== to && this.rows.get(to)?.type === 'live')) return [];
    if (from === to && partition === row.partition) return [];
    const { version } = this.#setup;
    const isMove = from === to;
    const now: Row = { ...row, partition: isMove ? partition : row.partition };
    const [old, place] = [this.placeOf(from, row), this.placeOf(to, now)];
    const index = this.#index(old);
    if (!index) return [];
    const header: HeaderNode = { kind: 'header', uniqueid: row.uniqueid, name: to };
    const switchOver = () => {
      if (!isMove) {
        if (isAtLeast(version, '2.5')) this.rows.set(from, { ...row, type: 'tombstone' });
        else this.rows.delete(from);
      }
      this.rows.set(to, now);
    };
    if (isAtLeast(version, '3.6') && !isMove && !row.legacy) {
      return [() => this.#put(old.meta.header, 'cyrus.header', header), switchOver];
    }
    if (this.#isOld) {
      const messages = [...(this.directories.get(old.data) ?? [])].filter(([file]) => /^\d+\.$/.test(file));
      return [
        ...(isMove ? [] : [() => void this.rows.set(to, { ...now, type: 'reserved' })]),
        () => this.#make(place.data),
        () => this.#put(place.meta.header, 'cyrus.header', header),
        () => this.#put(place.meta.index, 'cyrus.index', emptyIndex()),
        () => this.#put(place.meta.index, 'cyrus.index', index), // a hard link
        ...messages.map(
          ([file, node]) =>
            () =>
              this.#put(place.data, file, node),
        ),
        switchOver,
        ...this.#removal(old),
      ];
    }
    const copied: IndexNode = { ...index, records: new Map(index.records), archived: new Set(index.archived) };
    return [
      () => this.#make(place.data),
      () => this.#put(place.meta.header, 'cyrus.header', header),
      () => this.#put(place.meta.index, 'cyrus.index', copied),
      ...[...index.records.keys()].map((uid) => () => {
        const isArchived = index.archived.has(uid);
        const node = this.directories.get(this.#messagesOf(old, isArchived))?.get(`${uid}.`);
        if (node) this.#put(this.#messagesOf(place, isArchived), `${uid}.`, node);
      }),
      switchOver,
      ...(isMove ? [] : [() => void (index.deleted = true)]),
      ...(busy && !isMove && this.#givesUp ? [] : this.#removal(old)),
    ];
  }

  /** Up to 3.2 the files stay where another process has the mailbox open; later lines wait for it. */
  get #givesUp(): boolean {
    return isAtLeast(this.#setup.version, '2.4') && !isAtLeast(this.#setup.version, '3.4');
  }

  /** @param delayed Into the DELETED hierarchy. */
  delete(name: string, delayed: boolean, busy: boolean): Step[] {
    const row = this.rows.get(name);
    if (row?.type !== 'live') return [];
    if (delayed) {
      const hex = (++this.#time).toString(16).toUpperCase();
      return this.rename(name, `DELETED.${name}.${hex}`, row.partition, busy);
    }
    const place = this.placeOf(name, row);
    const index = this.#index(place);
    const gone = () => {
      if (isAtLeast(this.#setup.version, '2.5')) this.rows.set(name, { ...row, type: 'tombstone' });
      else this.rows.delete(name);
    };
    const mark = this.#isOld || !index ? [] : [() => void (index.deleted = true)];
    return [...mark, gone, ...(busy && this.#givesUp ? [] : this.#removal(place))];
  }

  /** File by file, data directory first, then the directories, as far as they are empty. */
  #removal(place: MailboxPlace): Step[] {
    // The archive only as far as its cache lies there.
    const cache = isAtLeast(this.#setup.version, '3.0') ? [place.meta.archivecache] : [];
    const directories = [...new Set([place.data, place.meta.header, place.meta.index, ...cache])];
    return [
      ...directories.flatMap((directory) =>
        [...(this.directories.get(directory)?.keys() ?? [])].map(
          (file) => () => void this.directories.get(directory)?.delete(file),
        ),
      ),
      ...directories.map((directory) => () => {
        if (this.directories.get(directory)?.size === 0) this.directories.delete(directory);
      }),
    ];
  }

  /** Makes the tree at `root` what the model is; called again, it changes only what changed, as the server does. */
  write(root: string): void {
    for (const path of this.#tops) mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, 'imapd.conf'), this.confText);
    for (const [directory, files] of this.#written) {
      const now = this.directories.get(directory);
      for (const name of files.keys())
        if (!now?.has(name)) {
          unlinkSync(`${root}${directory}/${name}`);
          files.delete(name);
        }
      if (now) continue;
      this.#written.delete(directory);
      if (readdirSync(root + directory).length === 0) rmdirSync(root + directory);
    }
    for (const [directory, files] of this.directories) {
      mkdirSync(root + directory, { recursive: true });
      const written = this.#written.get(directory) ?? new Map<string, Buffer>();
      this.#written.set(directory, written);
      for (const [name, node] of files) {
        const bytes = this.#bytes(node);
        if (written.get(name)?.equals(bytes)) continue;
        written.set(name, bytes);
        const path = `${root}${directory}/${name}`;
        if (node.kind === 'index') writeFileSync(path, bytes);
        else {
          writeFileSync(`${path}.NEW`, bytes);
          renameSync(`${path}.NEW`, path);
        }
      }
    }
    const entries = [...this.rows].map(([name, row]) => entryOf(name, row));
    const version = this.#setup.version;
    const usable = entries.filter((entry) => isAtLeast(version, '2.5') || !entry.deleted);
    const backend = isAtLeast(version, '2.5') ? 'twoskip' : 'skiplist';
    const bytes = writeDatabase(backend, writeMailboxEntries(usable, this.conf), { version, nowSec: 1_700_000_000 });
    mkdirSync(dirname(join(root, 'conf/x')), { recursive: true });
    writeFileSync(join(root, 'conf/mailboxes.db'), bytes);
  }

  #bytes(node: Node): Buffer {
    if (node.kind === 'message') return messageBytes(node.content);
    if (node.kind === 'header') {
      const { uniqueid, name } = node;
      const form = isAtLeast(this.#setup.version, '3.6') ? 'dlist' : 'text';
      return writeMailboxHeader({ form, uniqueid, name, types: 'e', flags: [], acl: 'anyone\tlrs\t' }, form);
    }
    const version = INDEX_VERSION[this.#setup.version];
    const uids = [...node.records.keys()].sort((a, b) => a - b);
    const writer = IndexWriter.create(version, uids.length);
    for (const [i, uid] of uids.entries()) {
      const bytes = messageBytes(node.records.get(uid)!);
      writer.record(i, 'uid', uid);
      writer.record(i, 'size', bytes.length);
      if (version >= 8) writer.record(i, 'modseq', 1);
      if (node.archived.has(uid)) writer.record(i, 'systemFlags', ARCHIVED);
      writer.sealRecord(i);
    }
    writer.header('lastUid', node.lastUid);
    writer.header('uidvalidity', 7);
    if (version >= 12) writer.header('exists', uids.length);
    writer.header('options', node.deleted ? 0x80000001 : 1);
    if (version >= 8) writer.header('highestModseq', 1);
    writer.seal();
    return writer.bytes;
  }
}

/** All of one length: content alone tells them apart. */
export function messageBytes(content: string): Buffer {
  return Buffer.from(`From: a@example.org\r\n\r\n${content.padStart(12)}\r\n`);
}

function emptyIndex(): IndexNode {
  return { kind: 'index', records: new Map(), archived: new Set(), lastUid: 0, deleted: false };
}

function entryOf(name: string, { partition, uniqueid, type, legacy }: Row): MailboxEntry {
  return {
    name: asInternalName(name),
    kind: 'e',
    remote: false,
    reserved: type === 'reserved',
    moving: false,
    deleted: type === 'tombstone',
    intermediate: false,
    legacy,
    unknownTypes: '',
    partition: type === 'tombstone' ? undefined : partition,
    acl: 'anyone\tlrs\t',
    uniqueid,
    uidvalidity: 7,
    history: [],
    extra: [],
  };
}
