import { statSync } from 'node:fs';
import { osPath } from './os-path.js';
import type { SourceRoot } from './source.js';

/** True where a root holds nothing at all, or only what a fresh file system has: an unmounted mount point. */
export function readDirectoryIsEmpty(root: SourceRoot): boolean {
  const dir = root.dir('');
  if (!dir) return true;
  try {
    return dir.list().every(({ name }) => name === 'lost+found');
  } finally {
    dir.close();
  }
}

/** By whatever links lead there. */
export function isDirectory(path: string): boolean {
  return statSync(osPath(path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
