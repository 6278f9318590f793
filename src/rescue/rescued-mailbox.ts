/**
 * Rescued messages in a mailbox that the target serves: `user.NAME.Recovered` for each user who has an INBOX, and one
 * `Recovered` that only administrators can open for what is nobody's (staging files, shared mailboxes, users who are
 * gone). It is written like any other: messages, header, index last; one barrier before mailboxes.db tells of it.
 */
import { randomUUID } from 'node:crypto';
import { crc32 } from '../base/crc32.js';
import { messageFileName, parseMessageFileName, placeOf } from '../cyrus/layout/mailbox-place.js';
import { writeMailboxHeader } from '../cyrus/mailbox/header.js';
import { readIndex, readIndexHeader } from '../cyrus/mailbox/index.js';
import { IndexOption, SystemFlag } from '../cyrus/mailbox/index-layout.js';
import { newestIndexOf } from '../cyrus/mailbox/index-release.js';
import { addToSums, noSums } from '../cyrus/mailbox/index-sums.js';
import { IndexWriter } from '../cyrus/mailbox/index-writer.js';
import { syncCrc, syncCrcAnnot } from '../cyrus/mailbox/sync-crc.js';
import { asInternalName, toExternal, toUserid, type User } from '../cyrus/names/mailbox-name.js';
import { translateAcl } from '../cyrus/records/acl.js';
import { ordinaryType, printTypeLetters } from '../cyrus/records/mailbox-type.js';
import type { MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import type { Migrated, MigratedMailbox } from '../databases/migrated.js';
import { barrier } from '../disk/barrier.js';
import type { SourceTrees, TargetTrees } from '../disk/trees.js';
import { quotaRootOf } from '../inventory/quota-roots.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { RescuedMailbox, State } from '../state/state.js';
import { ownerKey } from './collect.js';
import { mergeEntries, readManifest, servedEntry } from './manifest.js';
import { messageFacts } from './message-facts.js';
import { MANIFEST, readItem, writeManifest } from './rescue.js';
import { openRescueTrees, rescueDirectory } from './rescue-directory.js';
import type { ManifestEntry, RescueItem, RescueResult } from './rescue-item.js';

const ALL_RIGHTS = 'lrswipkxtecdan';

/**
 * Writes the mailboxes, and gives `migrated` with them. Ones of an earlier run that are wanted no more are removed.
 * @param isOurs Whether the mailbox of such an owner is this cutover's to remove; those of earlier waves are live.
 * @param quotaRoots Of the target, by internal name.
 */
export function rescueIntoMailboxes(
  job: Job,
  state: State,
  source: SourceTrees,
  target: TargetTrees,
  items: readonly RescueItem[],
  migrated: Migrated,
  isOurs: (owner: string) => boolean,
  quotaRoots: ReadonlyMap<string, unknown>,
  problems: ProblemList,
): { result: RescueResult; migrated: Migrated } {
  const known = new Map(state.rescuedMailboxes().map((row) => [row.owner, row]));
  const groups = new Map<string, RescueItem[]>();
  for (const item of items) {
    const owner = ownerKey(item.user);
    groups.set(owner, [...(groups.get(owner) ?? []), item]);
  }
  const added: MigratedMailbox[] = [];
  const entries: ManifestEntry[] = [];
  let written = 0;
  for (const [owner, group] of groups) {
    const before = known.get(owner);
    const row = rowOf(job, owner, migrated, before);
    if (before && (before.partition !== row.partition || before.relative !== row.relative))
      removeMailbox(job, target, before);
    // Known before the first byte: what a killed run left is then ours to write anew or to take away.
    state.saveRescuedMailbox(row);
    const made = writeMailbox(job, source, target, row, group, quotaRoots, problems);
    added.push(made.mailbox);
    entries.push(...made.entries);
    written += made.written;
  }
  for (const row of known.values()) {
    if (groups.has(row.owner) || !isOurs(row.owner)) continue;
    removeMailbox(job, target, row);
    state.forgetRescuedMailbox(row.owner);
  }
  const directory = entries.length === 0 ? null : keepManifest(job, entries);
  return {
    migrated: added.length === 0 ? migrated : withMore(migrated, added),
    result: {
      mode: 'mailbox',
      directory,
      messages: entries.length,
      bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
      written,
      mailboxes: added.map(({ mailbox, index }) => ({
        name: mailbox.name,
        external: toExternal(mailbox.name, job.target.conf),
        messages: index.exists,
      })),
      entries,
    },
  };
}

function withMore(migrated: Migrated, added: readonly MigratedMailbox[]): Migrated {
  const mailboxes = [...migrated.mailboxes, ...added];
  return { ...migrated, mailboxes, byName: new Map(mailboxes.map((m) => [m.mailbox.name as string, m])) };
}

/** Where it came from is told beside the spool, as with copies. */
function keepManifest(job: Job, entries: readonly ManifestEntry[]): string {
  const directory = rescueDirectory(job);
  const trees = openRescueTrees(job, directory, job.owner);
  try {
    const root = trees.root(directory);
    writeManifest(root, mergeEntries(readManifest(root.reader.read(MANIFEST)), entries));
  } finally {
    trees.close();
  }
  return directory;
}

function rowOf(job: Job, owner: string, migrated: Migrated, known: RescuedMailbox | undefined): RescuedMailbox {
  const { conf } = job.target;
  const inbox = migrated.byName.get(owner);
  const legacy = inbox ? inbox.place.legacy : !isAtLeast(conf.version, '3.6') || job.layout === 'name';
  const partition =
    inbox?.place.partition ?? known?.partition ?? conf.defaultPartition ?? [...conf.partitions.keys()][0]!;
  let name = known?.name;
  for (let n = 1; name === undefined || migrated.byName.has(name); n++)
    name = `${owner === '' ? '' : `${owner}.`}Recovered${n === 1 ? '' : `-${n}`}`;
  const uniqueid = known?.uniqueid ?? randomUUID();
  const place = placeOf(conf, { name: asInternalName(name), uniqueid, partition, legacy });
  if (!place) throw new RangeError(`no partition ${partition}`);
  const uidvalidity = known?.uidvalidity ?? Math.floor(Date.now() / 1000);
  return { owner, name, uniqueid, partition, relative: place.relative, legacy: legacy ? 1 : 0, uidvalidity };
}

function writeMailbox(
  job: Job,
  source: SourceTrees,
  target: TargetTrees,
  row: RescuedMailbox,
  items: readonly RescueItem[],
  quotaRoots: ReadonlyMap<string, unknown>,
  problems: ProblemList,
): { mailbox: MigratedMailbox; entries: ManifestEntry[]; written: number } {
  const { conf } = job.target;
  const name = asInternalName(row.name);
  const { user } = items[0]!;
  const place = placeOf(conf, { name, uniqueid: row.uniqueid, partition: row.partition, legacy: row.legacy === 1 })!;
  const acl = translateAcl(aclOf(job, user), conf.version);
  const entry = entryOf(row, acl);
  const data = target.root(place.roots.data);
  const files = data.makeDir(place.relative);
  const touched = [data];
  const paths: string[] = [];
  try {
    const records: { item: RescueItem; bytes: Buffer }[] = [];
    for (const item of items) {
      const bytes = readItem(source, item, problems);
      if (bytes) records.push({ item, bytes });
    }
    let written = 0;
    for (const [i, { item, bytes }] of records.entries()) {
      const file = messageFileName(i + 1);
      const isAlike = files.stat(file)?.sizeBytes === bytes.length;
      const there = isAlike ? data.reader.read(`${place.relative}/${file}`) : undefined;
      if (!there?.equals(bytes)) {
        files.replace(file, bytes);
        written++;
      }
      files.setTimes(file, item.dateSec);
      paths.push(`${data.realPath}/${place.relative}/${file}`);
    }
    for (const file of files.list()) {
      const uid = parseMessageFileName(file);
      if (uid !== undefined && uid > records.length) files.remove(file);
    }
    const quotaRoot = quotaRootOf(name, quotaRoots, job.source.conf);
    const header = writeMailboxHeader(
      {
        form: 'dlist',
        name,
        types: printTypeLetters({ ...entry, legacy: place.legacy }, conf.version),
        uniqueid: row.uniqueid,
        quotaRoot,
        acl,
        flags: [],
      },
      isAtLeast(conf.version, '3.6') ? 'dlist' : 'text',
    );
    const index = writeIndex(newestIndexOf(conf.version), records, row.uidvalidity, crc32(header));
    for (const [kind, file, bytes] of [
      ['header', 'cyrus.header', header],
      ['index', 'cyrus.index', index],
    ] as const) {
      const root = target.root(place.roots.meta[kind]);
      touched.push(root);
      const dir = root.makeDir(place.relative);
      try {
        // A cache of an earlier run speaks of other messages.
        if (kind === 'index') dir.remove('cyrus.cache');
        dir.replace(file, bytes);
      } finally {
        dir.close();
      }
      paths.push(`${root.realPath}/${place.relative}/${file}`);
    }
    const directories = touched.map(({ realPath }) => `${realPath}/${place.relative}`);
    barrier(null, new Set(touched), [...paths, ...directories]);
    const entries = records.map(({ item }, i) => servedEntry(item, row.name, i + 1));
    const mailbox = {
      uniqueid: row.uniqueid,
      name,
      entry,
      user,
      unit: row.owner,
      deleted: false,
      place,
      headerPrint: '',
      print: '',
      hasFiles: true,
      summary: undefined,
    };
    return {
      mailbox: { mailbox, place, index: readIndexHeader(index, `${place.meta.index}/cyrus.index`), asItStands: false },
      entries,
      written,
    };
  } finally {
    files.close();
  }
}

/** The owner's alone: an INBOX may be shared, and this is from anywhere. */
function aclOf(job: Job, user: User | undefined): string {
  const who = user ? [toUserid(user)] : job.target.conf.admins;
  return who.map((id) => `${id}\t${ALL_RIGHTS}\t`).join('');
}

function entryOf({ name, uniqueid, partition, legacy, uidvalidity }: RescuedMailbox, acl: string): MailboxEntry {
  return {
    name: asInternalName(name),
    ...ordinaryType(legacy === 1),
    partition,
    acl,
    uniqueid,
    uidvalidity,
    history: [],
    extra: [],
  };
}

/** Without cache records: the server parses such a message when it is asked for. */
function writeIndex(
  version: number,
  records: readonly { item: RescueItem; bytes: Buffer }[],
  uidvalidity: number,
  headerFileCrc: number,
): Buffer {
  const kept = SystemFlag.answered | SystemFlag.flagged | SystemFlag.draft | SystemFlag.seen;
  const writer = IndexWriter.create(version, records.length);
  for (const [i, { item, bytes }] of records.entries()) {
    const { headerSize, dateSec, daySec } = messageFacts(bytes);
    writer.record(i, 'uid', i + 1);
    writer.record(i, 'internalDate', item.dateSec);
    writer.record(i, 'sentDate', daySec ?? 0);
    writer.record(i, 'gmtime', dateSec ?? item.dateSec);
    writer.record(i, 'size', bytes.length);
    writer.record(i, 'headerSize', headerSize);
    writer.record(i, 'lastUpdated', uidvalidity);
    writer.record(i, 'systemFlags', (item.flags & kept) >>> 0);
    writer.record(i, 'modseq', i + 1);
    writer.record(i, 'saveDate', uidvalidity);
    writer.record(i, 'createdModseq', i + 1);
    writer.guid(i, Buffer.from(item.guid, 'hex'));
    writer.cache(i, 0, 0, 0);
    writer.sealRecord(i);
  }
  writer.seal();
  const view = readIndex(writer.bytes, 'cyrus.index');
  const sums = noSums();
  for (let i = 0; i < view.count; i++) addToSums(sums, view, i);
  writer.sums(sums);
  writer.header('lastUid', records.length);
  writer.header('lastAppend', uidvalidity);
  writer.header('uidvalidity', uidvalidity);
  writer.header('options', IndexOption.pop3NewUidl); // as new mailboxes have it
  writer.header('highestModseq', Math.max(1, records.length));
  writer.header('lastRepack', uidvalidity);
  writer.header('headerFileCrc', headerFileCrc);
  writer.header('changesEpoch', uidvalidity);
  writer.header('createdModseq', 1);
  writer.header('syncCrc', syncCrc(view, []));
  writer.header('syncCrcAnnot', syncCrcAnnot(view, []));
  writer.seal();
  return writer.bytes;
}

function removeMailbox(job: Job, target: TargetTrees, { partition, relative }: RescuedMailbox): void {
  const roots = job.target.conf.partitions.get(partition);
  if (!roots) return;
  const touched = new Set([roots.data, ...Object.values(roots.meta)].map((path) => target.root(path)));
  for (const root of touched) {
    const dir = root.dir(relative);
    if (!dir) continue;
    try {
      for (const file of dir.list())
        if (parseMessageFileName(file) !== undefined || file.startsWith('cyrus.')) dir.remove(file);
    } finally {
      dir.close();
    }
    root.removeEmpty(relative);
  }
  barrier(null, touched, []);
}
