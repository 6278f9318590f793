/**
 * The small file beside the state in which a running `watch` says how it stands: for `status`, and for who wants its
 * place. Nothing follows from it that the state must know; after a crash it is simply old.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { WatchStatus } from '../model/watch-status.js';
import { startTicks } from './process-identity.js';

function fileOf(stateFile: string): string {
  return `${stateFile}-watch`;
}

export function writeWatchStatus(stateFile: string, status: WatchStatus): void {
  const file = fileOf(stateFile);
  writeFileSync(`${file}.NEW`, `${JSON.stringify(status)}\n`, { mode: 0o600 });
  renameSync(`${file}.NEW`, file); // whoever reads it sees one or the other
}

export function removeWatchStatus(stateFile: string): void {
  rmSync(fileOf(stateFile), { force: true });
}

/** What was written last, and whether its process still runs; undefined where no `watch` is, or it ended properly. */
export function readWatchStatus(stateFile: string): { status: WatchStatus; isRunning: boolean } | undefined {
  let status: WatchStatus;
  try {
    status = JSON.parse(readFileSync(fileOf(stateFile), 'utf8')) as WatchStatus;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      return undefined; // cut off by a crash of the machine: nobody runs then
    throw error;
  }
  return { status, isRunning: startTicks(status.pid) === status.startTicks };
}
