/** What a worker has at hand for every mailbox. */
import type { SourceTrees, TargetTrees } from '../disk/trees.js';
import type { SyncProgress } from '../model/sync-task.js';
import type { LinkAnchors } from './links.js';

export interface SyncContext {
  readonly source: SourceTrees;
  readonly target: TargetTrees;
  readonly realSource: (path: string) => string;
  readonly realTarget: (path: string) => string;
  readonly anchors: LinkAnchors;
  /** Told now and then of a mailbox that takes long. */
  readonly onProgress: (part: SyncProgress) => void;
  readonly nowSec: () => number;
}
