/** What a worker has at hand for every mailbox. */
import { native } from '../disk/native.js';
import type { SourceTrees, TargetTrees } from '../disk/trees.js';
import type { Fingerprints } from '../inventory/fingerprint.js';
import type { SyncProgress, SyncTask } from '../model/sync-task.js';
import type { LinkAnchors } from './links.js';
import type { ReadAhead } from './read-ahead.js';
import type { Throttle } from './throttle.js';

export interface SyncContext {
  readonly source: SourceTrees;
  readonly target: TargetTrees;
  printsOf(task: SyncTask): Fingerprints;
  readonly realTarget: (path: string) => string;
  readonly anchors: LinkAnchors;
  readonly readAhead: ReadAhead;
  readonly throttle: Throttle | undefined;
  /** Told now and then of a mailbox that takes long. */
  readonly onProgress: (part: SyncProgress) => void;
  readonly nowSec: () => number;
}

/** Remembers what the barrier must go by where it has no `syncfs`. @param name `''`: the directory itself. */
export function noteWritten(
  written: string[],
  context: SyncContext,
  { to }: SyncTask,
  root: string,
  name: string,
): void {
  if (!native()) written.push(`${context.realTarget(root)}/${to.relative}${name === '' ? '' : `/${name}`}`);
}
