/** Which versions of cyrus.index belong to which release line. */
import { type CyrusVersion, isAtLeast } from '../version.js';

/** Highest minor version of cyrus.index that a release line reads. @see reference cyrus-mailbox-files.md 10.2 */
const NEWEST_INDEX: readonly (readonly [from: CyrusVersion, minor: number])[] = [
  ['2.2', 6],
  ['2.3', 10],
  ['2.4', 12],
  ['2.5', 13],
  ['3.2', 16],
  ['3.4', 17],
  ['3.10', 19],
];

/** What it writes for a new mailbox, too. */
export function newestIndexOf(version: CyrusVersion): number {
  let newest = 0;
  for (const [from, minor] of NEWEST_INDEX) if (isAtLeast(version, from)) newest = minor;
  return newest;
}
