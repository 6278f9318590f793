/** What every JSON document has around its own fields (cli.md). */

import { CyrsyncError } from '../base/errors.js';
import type { ExitCode } from '../base/exit.js';
import { jsonInteger } from '../base/units.js';
import type { Problem } from '../model/problem.js';

export interface DocumentFrame {
  readonly cyrsync: string;
  readonly schema: string;
  readonly job: string | null;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly seconds: number;
  readonly exit: ExitCode;
  readonly problems: readonly Problem[];
}

/** One JSON document, 64-bit integers as cli.md has them, bytes that are not ASCII as latin-1. */
export function printDocument(frame: DocumentFrame, body: object): string {
  return `${JSON.stringify({ ...frame, ...body }, (_key, value: unknown) => (typeof value === 'bigint' ? jsonInteger(value) : value))}\n`;
}

/** An error as an entry of `problems`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof CyrsyncError)
    return { code: error.code, message: `${error.message}: ${error.why}`, advice: error.next };
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return { code: 'failed', message, advice: SYSTEM_ADVICE[code] ?? DEFECT };
}

const DEFECT = 'Run it again with --verbose; if it stays, report it as a defect.';
const RIGHTS =
  "Run as a user who may read the old server's files, and write the new one's and the job's: root, mostly.";
const ROOM = 'Make room there, and run this again: it goes on where it stopped.';

/** What the machine refuses is no defect of ours: what to do, by the error's code. */
const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  EACCES: RIGHTS,
  EPERM: RIGHTS,
  ENOSPC: ROOM,
  EDQUOT: ROOM,
  EROFS: 'It is mounted read-only: mount it writable, and run this again.',
  EIO: "A disk failed: see the kernel's log, and run this again once it is mended.",
  ESTALE: 'The file server lost it: mount it anew, and run this again.',
  EMFILE: 'Raise the number of files that a process may have open (ulimit -n), and run this again.',
  ENFILE: 'Raise the number of files that all may have open (fs.file-max), and run this again.',
};
