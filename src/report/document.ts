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
  return { code: 'failed', message, advice: 'Run it again with --verbose; if it stays, report it as a defect.' };
}
