/** What there is to do for leftovers, in words. */
import { formatBytes } from '../base/units.js';

/** Lines; none where nothing is to be done. @param mode `rescue` of the job file. */
export function verdictText(
  { rescued, undecided }: { rescued: { messages: number; bytes: number }; undecided: number },
  mode: string,
): string[] {
  const { messages, bytes } = rescued;
  const lines: string[] = [];
  if (messages > 0) {
    const what = messages === 1 ? '1 message exists' : `${messages} messages exist`;
    const then =
      mode === 'off'
        ? 'the job file says rescue = "off": nothing is done for them'
        : mode === 'mailbox'
          ? 'the cutover puts them into mailboxes of the new server'
          : 'the cutover copies them beside the target spool';
    lines.push(`${what} only in leftovers (${formatBytes(bytes)}): ${then}. cyrsync leftovers --verdict rescue`);
  }
  if (undecided > 0) {
    const what = undecided === 1 ? '1 leftover needs' : `${undecided} leftovers need`;
    lines.push(
      `${what} a rule in the job file before the cutover ends without problems. cyrsync leftovers --verdict person`,
    );
  }
  return lines;
}
