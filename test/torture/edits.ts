/** What an old server does to its spool, done without one. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from '../../src/base/crc32.js';
import { readDatabase, writeDatabase } from '../../src/cyrus/db/database.js';
import { detectBackend } from '../../src/cyrus/db/detect.js';
import { readIndex } from '../../src/cyrus/mailbox/index.js';
import { SystemFlag } from '../../src/cyrus/mailbox/index-layout.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import type { MailboxEntry } from '../../src/cyrus/records/mailboxes-db.js';
import { parseSeen, printSeen } from '../../src/cyrus/records/seen.js';
import { UidSet } from '../../src/cyrus/records/uid-set.js';
import type { Lab } from './lab.js';

/** By a new mailboxes.db. */
export function changeMailboxes(lab: Lab, edit: (list: MailboxEntry[]) => MailboxEntry[]): void {
  lab.writeMailboxes(edit(lab.mailboxes()));
}

export function renameMailbox(lab: Lab, entry: MailboxEntry, to: { name?: string; partition?: string }): void {
  const after = {
    ...entry,
    name: asInternalName(to.name ?? entry.name),
    partition: to.partition ?? entry.partition!,
  };
  moveFiles(lab.roleDirectories(entry), lab.roleDirectories(after));
  changeMailboxes(lab, (list) => [...list.filter((m) => m.name !== entry.name && m.name !== after.name), after]);
}

/** Its own files; no child. */
export function eraseMailbox(lab: Lab, entry: MailboxEntry): void {
  for (const dir of lab.roleDirectories(entry)) for (const file of listFiles(dir)) unlinkSync(file);
  changeMailboxes(lab, (list) => list.filter((m) => m.name !== entry.name));
}

/** Real files of a mailbox from one set of directories to another, as a RENAME does: its own files, no child. */
function moveFiles(from: string[], to: string[]): void {
  for (const [i, dir] of from.entries()) {
    if (!existsSync(dir)) continue;
    mkdirSync(to[i]!, { recursive: true });
    for (const file of listFiles(dir)) renameSync(file, join(to[i]!, file.slice(dir.length + 1)));
  }
}

function listFiles(dir: string): string[] {
  try {
    return readdirSync(dir)
      .map((name) => join(dir, name))
      .filter((path) => lstatSync(path).isFile());
  } catch {
    return [];
  }
}

/** Unlinks the file of the last-but-one message and marks (2.4+) or takes out (2.3) its record. @returns its UID */
export function expungeOne(lab: Lab, entry: MailboxEntry): number {
  const file = lab.indexFile(entry);
  const view = readIndex(readFileSync(file), file);
  const onDisk = new Map(
    lab.messageFiles(entry).map((path) => [Number(path.slice(path.lastIndexOf('/') + 1, -1)), path]),
  );
  let at = view.count - 2;
  while (at > 0 && (!onDisk.has(view.uid(at)) || view.isExpunged(at) || view.isUnlinked(at))) at--;
  const uid = view.uid(at);
  unlinkSync(onDisk.get(uid)!);
  let bytes = Buffer.from(view.bytes);
  const { layout } = view;
  const { startOffset: start, recordSize: size } = view;
  if (layout.hasCrc) {
    const record = bytes.subarray(start + at * size, start + (at + 1) * size);
    record.writeUInt32BE(
      (record.readUInt32BE(layout.record.systemFlags!.at) | SystemFlag.expunged | SystemFlag.unlinked) >>> 0,
      layout.record.systemFlags!.at,
    );
    record.writeUInt32BE(crc32(record.subarray(0, size - 4)), size - 4);
  } else {
    bytes = Buffer.concat([bytes.subarray(0, start + at * size), bytes.subarray(start + (at + 1) * size)]);
    bytes.writeUInt32BE(view.count - 1, 20);
  }
  if (layout.hasCrc) bytes.writeUInt32BE(crc32(bytes.subarray(0, layout.headerSize - 4)), layout.headerSize - 4);
  writeFileSync(`${file}.NEW`, bytes);
  renameSync(`${file}.NEW`, file);
  utimesSync(dirname(file), 1, 1);
  return uid;
}

/** Rewrites a seen database, by a new file and a rename. @param change Of each mailbox's record: the UIDs that were read. */
export function editSeen(lab: Lab, path: string, change: (uids: string, i: number) => string): void {
  const bytes = readFileSync(path);
  const entries = readDatabase(bytes, path).entries.map(({ key, value }, i) => {
    const seen = parseSeen(value, path);
    return { key, value: printSeen({ ...seen, uids: UidSet.parse(change(seen.uids.toString(), i), path) }) };
  });
  const backend = detectBackend(bytes) as 'skiplist' | 'flat';
  writeFileSync(`${path}.NEW`, writeDatabase(backend, entries, { version: lab.conf.version, nowSec: 1 }));
  renameSync(`${path}.NEW`, path);
}
