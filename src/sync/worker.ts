/** A worker thread: gets whole mailboxes, runs synchronous calls, answers with figures. It decides nothing. */
import { parentPort, workerData } from 'node:worker_threads';
import { createFilesAs, type Owner } from '../disk/file-owner.js';
import { SourceTrees, TargetTrees } from '../disk/trees.js';
import { Fingerprints } from '../inventory/fingerprint.js';
import type { SyncProgress, SyncResult, SyncTask } from '../model/sync-task.js';
import { firstOfFileSystem, LinkAnchors } from './links.js';
import { ReadAhead } from './read-ahead.js';
import type { SyncContext } from './sync-context.js';
import { syncMailbox } from './sync-mailbox.js';
import { type SharedThrottle, Throttle } from './throttle.js';

export interface WorkerSetup {
  readonly sourcePrefix: string;
  readonly targetPrefix: string;
  readonly owner: Owner;
  /** All file systems of both sides are this machine's own: a worker may act as the owner. */
  readonly isLocal: boolean;
  readonly throttle: SharedThrottle | undefined;
  /** Every root of the target's partitions, as its server names them. */
  readonly targetRoots: readonly string[];
}

/** What a worker says. */
export type WorkerMessage = { readonly part: SyncProgress } | { readonly results: readonly SyncResult[] };

/** The same in a worker and, for few mailboxes, on the main thread. */
export function syncContext(setup: WorkerSetup, onProgress: (part: SyncProgress) => void): SyncContext {
  const realSource = (path: string) => setup.sourcePrefix + path;
  const realTarget = (path: string) => setup.targetPrefix + path;
  const prints = [false, true].map((hasExpunge) => new Fingerprints(realSource, hasExpunge, Number.MAX_SAFE_INTEGER));
  const target = new TargetTrees({ real: realTarget }, setup.owner);
  return {
    source: new SourceTrees({ real: realSource }),
    target,
    printsOf: ({ hasExpunge }) => prints[Number(hasExpunge)]!,
    realTarget,
    anchors: new LinkAnchors(firstOfFileSystem(setup.targetRoots, target)),
    readAhead: new ReadAhead(),
    throttle: setup.throttle && new Throttle(setup.throttle),
    onProgress,
    nowSec: () => Math.floor(Date.now() / 1000),
  };
}

/** Before the turn of a mailbox: what is read of it beside its messages, and was not when the inventory was taken. */
function askForMeta({ from: { meta, relative } }: SyncTask, { source }: SyncContext): void {
  source.root(meta.header)?.askFor(`${relative}/cyrus.header`);
  source.root(meta.cache)?.askFor(`${relative}/cyrus.cache`);
}

if (parentPort && workerData !== null && typeof workerData === 'object' && 'sourcePrefix' in workerData) {
  const port = parentPort;
  const setup = workerData as WorkerSetup;
  if (setup.isLocal) createFilesAs(setup.owner);
  const say = (message: WorkerMessage) => port.postMessage(message);
  const context = syncContext(setup, (part) => say({ part }));
  port.on('message', (tasks: readonly SyncTask[]) => {
    if (context.readAhead.isWaiting) for (const task of tasks) askForMeta(task, context);
    say({ results: tasks.map((task) => syncMailbox(task, context)) });
  });
}
