import { statSync } from 'node:fs';
import { osPath } from './os-path.js';
import type { SourceRoot } from './source.js';

/** What a fresh file system has, and what a server makes in a partition when it is started (staging, replication). */
const NO_CONTENT: ReadonlySet<string> = new Set(['lost+found', 'stage.', 'sync.']);

/** True where a root holds nothing at all, or only that: an unmounted mount point. */
export function readDirectoryIsEmpty(root: SourceRoot): boolean {
  const dir = root.dir('');
  if (!dir) return true;
  try {
    return dir.list().every(({ name }) => NO_CONTENT.has(name));
  } finally {
    dir.close();
  }
}

/** By whatever links lead there. */
export function isDirectory(path: string): boolean {
  return statSync(osPath(path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
