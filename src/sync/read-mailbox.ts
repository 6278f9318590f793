/**
 * Reading one mailbox of a live source: stat, read, stat again, until nothing moved in between.
 * @see reference cyrus-mailbox-files.md 9.1
 */
import { FormatError } from '../base/errors.js';
import { type MailboxHeader, readMailboxHeader } from '../cyrus/mailbox/header.js';
import { type IndexView, readExpunge, readIndex } from '../cyrus/mailbox/index.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Fingerprints, MailboxPrint } from '../inventory/fingerprint.js';
import type { SyncTask } from '../model/sync-task.js';

export interface MailboxRead {
  readonly print: MailboxPrint;
  readonly header: MailboxHeader;
  readonly index: IndexView;
  readonly expunge: IndexView | undefined;
  readonly annotations: Buffer | undefined;
}

const TRIES = 5;
const WAIT_MS = 40;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

export function readFile(trees: SourceTrees, root: string, relative: string, name: string): Buffer | undefined {
  return trees.root(root)?.read(`${relative}/${name}`);
}

export function printOf({ from }: SyncTask, prints: Fingerprints): MailboxPrint {
  return prints.of(from.meta, from.relative);
}

/**
 * @returns `moving` where it would not come to rest.
 * @throws FormatError where a quiet file is damaged or missing.
 */
export function readMailbox(task: SyncTask, trees: SourceTrees, prints: Fingerprints): MailboxRead | 'moving' {
  const { meta, relative } = task.from;
  let failure: FormatError | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) Atomics.wait(sleeper, 0, 0, WAIT_MS);
    const print = printOf(task, prints);
    try {
      const read = (root: string, name: string) => readFile(trees, root, relative, name);
      const need = (root: string, name: string): Buffer => {
        const bytes = read(root, name);
        if (!bytes) throw new FormatError(`${root}/${relative}/${name}`, 0, 'a file', 'none');
        return bytes;
      };
      const header = readMailboxHeader(need(meta.header, 'cyrus.header'), `${meta.header}/${relative}/cyrus.header`);
      const index = readIndex(need(meta.index, 'cyrus.index'), `${meta.index}/${relative}/cyrus.index`);
      const expungeBytes = task.hasExpunge ? read(meta.expunge, 'cyrus.expunge') : undefined;
      const expunge = expungeBytes && readExpunge(expungeBytes, `${meta.expunge}/${relative}/cyrus.expunge`);
      const mayHave = task.hasExpunge || print.hasThird;
      const annotations = mayHave ? read(meta.annotations, 'cyrus.annotations') : undefined;
      for (let i = 0; i < index.count; i++) {
        if (!index.isRecordIntact(i))
          throw new FormatError(index.file, index.recordOffset(i), 'a record with its CRC', 'another');
        if (i > 0 && index.uid(i) <= index.uid(i - 1))
          throw new FormatError(index.file, index.recordOffset(i), 'ascending UIDs', `${index.uid(i)}`);
      }
      failure = undefined;
      if (printOf(task, prints).equals(print)) return { print, header, index, expunge, annotations };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      failure = error;
    }
  }
  if (failure) throw failure;
  return 'moving';
}
