/** How far a pass is, in one line. */
import type { Step } from '../base/slices.js';
import { formatBytes, formatCount, formatSeconds } from '../base/units.js';
import type { Progress } from '../model/progress.js';

/** What a message takes beside its bytes, in bytes copied in the same time: assumed, and enough for a guess. */
const MESSAGE_BYTES = 16_384;
/** Earlier there is no ground for an estimate. */
const ESTIMATE_AFTER_SEC = 3;
const ESTIMATE_AFTER_SHARE = 0.01;
const BAR = 20;

/** From 0 to 1. */
export function shareDone({ mailboxes, of, messages, totalMessages, bytes, totalBytes }: Progress): number {
  const total = totalBytes + totalMessages * MESSAGE_BYTES;
  if (mailboxes >= of) return 1;
  return total === 0 ? mailboxes / Math.max(1, of) : Math.min(1, (bytes + messages * MESSAGE_BYTES) / total);
}

/** @returns undefined where it is too early to say */
export function secondsLeft(progress: Progress, seconds: number): number | undefined {
  const share = shareDone(progress);
  if (seconds < ESTIMATE_AFTER_SEC || share < ESTIMATE_AFTER_SHARE) return undefined;
  return (seconds * (1 - share)) / share;
}

/** @param seconds Since it began. @param waiting Why it stands still just now. */
export function progressText(progress: Progress, seconds: number, waiting: string | undefined): string {
  const { mailboxes, of, messages, bytes } = progress;
  const full = Math.floor(shareDone(progress) * BAR);
  const left = secondsLeft(progress, seconds);
  // What is asked for most comes first: a narrow terminal cuts the line off.
  const when =
    waiting !== undefined ? `waiting: ${waiting}` : left === undefined ? undefined : `${formatSeconds(left)} left`;
  return [
    `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${when ?? `${formatCount(mailboxes)} of ${formatCount(of)} mailboxes`}`,
    ...(when === undefined ? [] : [`${formatCount(mailboxes)} of ${formatCount(of)} mailboxes`]),
    `${formatCount(messages)} messages`,
    formatBytes(bytes),
    ...(seconds >= 1 ? [`${formatBytes(bytes / seconds)}/s`] : []),
  ].join(', ');
}

/** What comes before copying, in one line: `looking at the source's mailboxes: 12,000 of 100,000`. */
export function stepText({ what, done, of }: Step): string {
  return `${what}: ${formatCount(done)} of ${formatCount(of)}`;
}
