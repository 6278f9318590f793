/** Which process is meant: a number alone may have come to be another's. */
import { readFileSync } from 'node:fs';

/**
 * When a process started, in ticks since boot; undefined where there is none, or it has ended and is not yet reaped.
 * @see proc(5), /proc/PID/stat: (3) state and (22) starttime, after the command's name in brackets
 */
export function startTicks(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // there is none, or it ends this moment
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}
