/** Files of the old server that lie in no root of its: imapd.conf, a database that was named. */
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { errnoOf, osPath } from './os-path.js';
import { O_NOATIME } from './source.js';

/** The whole file, by whatever links lead there, without touching its access time where that is allowed. @throws ErrnoException */
export function readQuietly(path: string): Buffer {
  const fd = openQuietly(path);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openQuietly(path: string): number {
  try {
    return openSync(osPath(path), constants.O_RDONLY | O_NOATIME);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error; // another's file: then its access time changes, as by any program
    return openSync(osPath(path), constants.O_RDONLY);
  }
}
