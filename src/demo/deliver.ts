/**
 * What a delivery by a live 3.x server leaves on disk: a message file, a record at the index's end, then the header.
 * For the demo alone, on its own copy of a spool: a migration never writes to a source.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { IndexView, readIndex } from '../cyrus/mailbox/index.js';
import { IndexWriter } from '../cyrus/mailbox/index-writer.js';
import { syncCrc } from '../cyrus/mailbox/sync-crc.js';

/** Adds `text` as the next message of the mailbox whose files all lie in `directory`. @returns its UID */
export function deliver(directory: string, text: string, nowSec: number): number {
  const path = `${directory}/cyrus.index`;
  const view = readIndex(readFileSync(path), path);
  const uid = view.lastUid + 1;
  const content = Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
  writeFileSync(`${directory}/${uid}.`, content, { mode: 0o600 });
  utimesSync(`${directory}/${uid}.`, nowSec, nowSec);

  const end = view.startOffset + view.count * view.recordSize;
  const i = view.count;
  const writer = new IndexWriter(Buffer.concat([view.bytes.subarray(0, end), Buffer.alloc(view.recordSize)]));
  const modseq = view.highestModseq + 1n;
  for (const field of ['internalDate', 'sentDate', 'gmtime', 'lastUpdated', 'saveDate'] as const)
    writer.record(i, field, nowSec);
  writer.record(i, 'uid', uid);
  writer.record(i, 'size', content.length);
  writer.record(i, 'headerSize', content.indexOf('\r\n\r\n') + 4);
  writer.record(i, 'modseq', modseq);
  writer.guid(i, createHash('sha1').update(content).digest());
  writer.sealRecord(i);
  writer.header('count', i + 1);
  writer.header('lastUid', uid);
  writer.header('exists', view.exists + 1);
  writer.header('unseen', (view.unseen ?? 0) + 1);
  writer.header('quotaUsedBytes', view.quotaUsedBytes + content.length);
  writer.header('highestModseq', modseq);
  writer.header('lastAppend', nowSec);
  writer.seal();
  const header = readMailboxHeader(readFileSync(`${directory}/cyrus.header`), directory);
  writer.header('syncCrc', syncCrc(new IndexView(writer.bytes, path), header.flags));
  writer.seal();
  writeFileSync(`${path}.NEW`, writer.bytes, { mode: 0o600 });
  renameSync(`${path}.NEW`, path);
  return uid;
}
