import { BusyError, ConfigError, InterruptedError, RefusedError } from './errors.js';

/** Exit codes and their meaning, as promised in README. */
export const Exit = {
  done: 0,
  failed: 1,
  usage: 2,
  needsPerson: 3,
  refused: 4,
  busy: 75,
  interrupted: 130,
} as const;
export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** For `--help` and README: code and what it says. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [Exit.done, 'done, nothing needs a person'],
  [Exit.failed, 'failed; what to do stands in the message'],
  [Exit.usage, 'the command line, the job file or an imapd.conf is wrong; nothing was done'],
  [Exit.needsPerson, 'done, but something needs a person: see problems'],
  [Exit.refused, 'refused for safety: nothing was written on the target'],
  [Exit.busy, 'another command works on this job now; try later'],
  [Exit.interrupted, 'interrupted; state kept, the next run goes on'],
];

/** The exit code that an error thrown by a command stands for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ConfigError) return Exit.usage;
  if (error instanceof RefusedError) return Exit.refused;
  if (error instanceof BusyError) return Exit.busy;
  if (error instanceof InterruptedError) return Exit.interrupted;
  return Exit.failed;
}
