/** Reads the target back: every message against its index record, size and SHA-1; all cores. */
import { cpus } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FormatError } from '../base/errors.js';
import type { StopSignal } from '../base/stop.js';
import { messageFileName, parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { readIndex } from '../cyrus/mailbox/index.js';
import { checkIndex } from '../cyrus/mailbox/index-check.js';
import { asInternalName } from '../cyrus/names/mailbox-name.js';
import { hashFile } from '../disk/hash-file.js';
import { SourceTrees } from '../disk/trees.js';
import { unitOf } from '../inventory/listed-mailbox.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';

export interface Mismatch {
  readonly mailbox: string;
  readonly uid: number | null;
  readonly path: string;
  readonly kind: 'missing' | 'size' | 'guid' | 'extra' | 'index';
  readonly expected: string;
  readonly found: string;
}

export interface VerifyResult {
  mailboxes: number;
  messages: number;
  bytes: number;
  withGuid: number;
  /** Mailboxes that the job knows and the target does not have yet. */
  notCopied: number;
  readonly mismatches: Mismatch[];
}

interface VerifyTask {
  readonly name: string;
  readonly data: string;
  readonly archive: string | null;
  readonly index: string;
  readonly header: string;
  readonly relative: string;
  readonly uidvalidity: number;
}

interface Setup {
  readonly verifyPrefix: string;
  /** Share of the messages whose content is read, 0 to 1; which ones is drawn anew each time. */
  readonly sample: number;
}

const emptyResult = (): VerifyResult => ({
  mailboxes: 0,
  messages: 0,
  bytes: 0,
  withGuid: 0,
  notCopied: 0,
  mismatches: [],
});

/** @param onProgress Told of mailboxes that are done, and of how many. */
export async function verify(
  job: Job,
  state: State,
  sample: number,
  stop: StopSignal,
  onProgress: (done: number, of: number) => void,
): Promise<VerifyResult> {
  // What an earlier wave brought is live: its users have changed it since.
  const finals = state.units.finals();
  const last = [...finals.values()].sort().at(-1);
  const isLiveSince = (name: string) => {
    const final = finals.size === 0 ? undefined : finals.get(unitOf(asInternalName(name), job.source.conf));
    return final !== undefined && final !== last;
  };
  const total = emptyResult();
  const tasks: VerifyTask[] = state.mailboxes.all().flatMap((row) => {
    if (isLiveSince(row.name)) return [];
    const roots = row.targetPartition === null ? undefined : job.target.conf.partitions.get(row.targetPartition);
    if (!roots || row.form === null) {
      total.notCopied++;
      return [];
    }
    return [
      {
        name: row.name,
        data: roots.data,
        archive: roots.archive ?? null,
        index: roots.meta.index,
        header: roots.meta.header,
        relative: row.targetRelative!,
        uidvalidity: row.uidvalidity,
      },
    ];
  });
  const add = (part: VerifyResult) => {
    total.mailboxes += part.mailboxes;
    total.messages += part.messages;
    total.bytes += part.bytes;
    total.withGuid += part.withGuid;
    total.mismatches.push(...part.mismatches);
    onProgress(total.mailboxes, tasks.length);
  };
  const setup: Setup = { verifyPrefix: job.target.prefix, sample };
  let next = 0;
  const chunk = () => tasks.slice(next, (next += 8));
  await Promise.all(
    Array.from({ length: Math.max(1, cpus().length) }, async () => {
      const worker = new Worker(new URL('./verify-worker.js', import.meta.url), {
        workerData: setup,
        trackUnmanagedFds: false,
      });
      try {
        for (let part = chunk(); part.length > 0 && !stop.stopped; part = chunk()) {
          add(
            await new Promise<VerifyResult>((resolve, reject) => {
              worker.once('message', resolve);
              worker.once('error', reject);
              worker.postMessage(part);
            }),
          );
          worker.removeAllListeners('error');
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
  stop.throwIfInterrupted();
  total.mismatches.sort((a, b) =>
    a.mailbox < b.mailbox ? -1 : a.mailbox > b.mailbox ? 1 : (a.uid ?? 0) - (b.uid ?? 0),
  );
  return total;
}

function verifyMailbox(task: VerifyTask, trees: SourceTrees, sample: number, out: VerifyResult): void {
  const { name, relative } = task;
  const indexPath = `${task.index}/${relative}/cyrus.index`;
  out.mailboxes++;
  const mismatch = (uid: number | null, path: string, kind: Mismatch['kind'], expected: string, found: string) =>
    out.mismatches.push({ mailbox: name, uid, path, kind, expected, found });
  try {
    const bytes = trees.root(task.index)?.read(`${relative}/cyrus.index`);
    const headerBytes = trees.root(task.header)?.read(`${relative}/cyrus.header`);
    if (!bytes || !headerBytes) {
      mismatch(null, bytes ? `${task.header}/${relative}/cyrus.header` : indexPath, 'missing', 'a file', 'none');
      return;
    }
    const index = readIndex(bytes, indexPath);
    const header = readMailboxHeader(headerBytes, name);
    for (const problem of checkIndex(index, { userFlags: header.flags, headerFile: headerBytes })) {
      if (problem.severity === 'damage')
        mismatch(problem.uid ?? null, indexPath, 'index', problem.expected, problem.found);
    }
    if (task.uidvalidity !== 0 && index.uidvalidity !== task.uidvalidity)
      mismatch(null, indexPath, 'index', `UIDVALIDITY ${task.uidvalidity}`, `${index.uidvalidity}`);
    const expected = new Set<string>();
    for (let i = 0; i < index.count; i++) {
      if (index.isUnlinked(i)) continue;
      const root = index.isArchived(i) && task.archive !== null ? task.archive : task.data;
      const uid = index.uid(i);
      const path = `${root}/${relative}/${messageFileName(uid)}`;
      expected.add(path);
      out.messages++;
      if (!index.guidIsZero(i)) out.withGuid++;
      const found = readMessage(
        trees,
        root,
        `${relative}/${messageFileName(uid)}`,
        sample >= 1 || Math.random() < sample,
      );
      if (!found) mismatch(uid, path, 'missing', `${index.size(i)} bytes`, 'no file');
      else {
        out.bytes += found.sizeBytes;
        if (found.sizeBytes !== index.size(i)) mismatch(uid, path, 'size', `${index.size(i)}`, `${found.sizeBytes}`);
        else if (found.guid !== undefined && !index.guidIsZero(i) && found.guid !== index.guidHex(i))
          mismatch(uid, path, 'guid', index.guidHex(i), found.guid);
      }
    }
    for (const root of new Set([task.data, ...(task.archive === null ? [] : [task.archive])])) {
      const dir = trees.root(root)?.dir(relative);
      for (const entry of dir?.list() ?? []) {
        const uid = parseMessageFileName(entry.name);
        const path = `${root}/${relative}/${entry.name}`;
        if (uid !== undefined && entry.kind === 'file' && !expected.has(path))
          mismatch(uid, path, 'extra', 'no file', 'a message file without a record');
      }
      dir?.close();
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    mismatch(null, error.file, 'index', error.expected, error.found);
  }
}

function readMessage(
  trees: SourceTrees,
  root: string,
  relative: string,
  hashed: boolean,
): { sizeBytes: number; guid: string | undefined } | undefined {
  const tree = trees.root(root);
  if (!tree) return undefined;
  if (!hashed) {
    const stat = tree.stat(relative);
    return stat?.kind === 'file' ? { sizeBytes: stat.sizeBytes, guid: undefined } : undefined;
  }
  const found = hashFile(() => tree.openFile(relative));
  return found && { sizeBytes: found.sizeBytes, guid: found.guid.toString('hex') };
}

if (
  !isMainThread &&
  parentPort &&
  workerData !== null &&
  typeof workerData === 'object' &&
  'verifyPrefix' in workerData
) {
  const { verifyPrefix, sample } = workerData as Setup;
  const port = parentPort;
  const trees = new SourceTrees({ real: (path) => verifyPrefix + path });
  port.on('message', (tasks: readonly VerifyTask[]) => {
    const result = emptyResult();
    for (const task of tasks) verifyMailbox(task, trees, sample, result);
    port.postMessage(result);
  });
}
