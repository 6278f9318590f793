/** How a running `watch` stands: a line that is renewed on a terminal, and what `status` says of it. */
import { formatBytes, formatCount, formatSeconds, plural } from '../base/units.js';
import type { WatchStatus } from '../model/watch-status.js';
import { escapeText } from './text.js';

/** In one line. */
export function watchLine(status: WatchStatus): string {
  const { doing, held, mailboxes, dirty, lagSeconds, mailboxesPerMinute, messagesPerMinute, copied } = status;
  if (held !== null) return `held up: ${escapeText(held)}`;
  return [
    `${doing === 'whole pass' ? 'comparing' : 'following'} ${plural(mailboxes, 'mailbox', 'mailboxes')}`,
    lagSeconds === 0 ? 'up to date' : `${formatSeconds(lagSeconds)} behind, ${formatCount(dirty)} dirty`,
    `${mailboxesPerMinute} mailboxes and ${messagesPerMinute} messages a minute`,
    `${formatCount(copied.messages)} copied (${formatBytes(copied.bytes)})`,
  ].join(', ');
}

/** All of it. @param isRunning Whether its process is there still. */
export function watchText(status: WatchStatus, isRunning: boolean, nowMs: number): string {
  const { pid, since, updatedAt, doing, held, sweep, passes, copied, hints } = status;
  const age = Math.max(0, (nowMs - Date.parse(updatedAt)) / 1000);
  if (!isRunning) return `Watch died (process ${pid}, last heard of ${formatSeconds(age)} ago): start it again.`;
  const begun = `Watch runs since ${since} (process ${pid}; as of ${formatSeconds(age)} ago)`;
  if (doing === 'first pass') return `${begun}: its first pass`;
  return [
    `${begun}: ${watchLine(status)}`,
    ...(held === null ? [] : ['  The pass is tried again; see what it names.']),
    `  Last sweep ${sweep.lastAt ?? 'never'}, took ${sweep.seconds.toFixed(2)} s, one every ${formatSeconds(sweep.everySeconds)}`,
    `  ${plural(passes.partial, 'pass', 'passes')} over what changed, ${formatCount(passes.whole)} over all; ${plural(copied.mailboxes, 'mailbox', 'mailboxes')} and ${plural(copied.messages, 'message')} (${formatBytes(copied.bytes)}) since the first`,
    ...hintLines(status).map((line) => `  ${line}`),
    ...(hints.some(({ lost }) => lost > 0) ? ['  What hints lost, sweeps found.'] : []),
  ].join('\n');
}

/** A line for each source of hints. */
export function hintLines({ hints }: Pick<WatchStatus, 'hints'>): string[] {
  return hints.map(({ source, used, why, hints: count, lost }) => {
    const counts = used
      ? ` (${formatCount(count)} so far${lost > 0 ? `, lost some ${plural(lost, 'time')}` : ''})`
      : '';
    return `Hints by ${source}: ${used ? 'yes' : 'no'}, ${escapeText(why)}${counts}`;
  });
}
