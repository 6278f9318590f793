import { describe, expect, it } from 'vitest';
import { progressText, secondsLeft, shareDone, stepText } from '../../src/report/progress-text.js';

const MIB = 2 ** 20;
const HALF = { mailboxes: 10, of: 30, messages: 500, totalMessages: 1000, bytes: 50 * MIB, totalBytes: 100 * MIB };
const NONE = { mailboxes: 0, of: 4, messages: 0, totalMessages: 0, bytes: 0, totalBytes: 0 };

describe('the line of progress', () => {
  it('has bar, what is left, counts and rate', () => {
    expect(progressText(HALF, 10, undefined)).toBe(
      '[##########..........] 10 s left, 10 of 30 mailboxes, 500 messages, 50 MiB, 5.0 MiB/s',
    );
  });

  it('shows what is left, or why it waits, on a terminal of 80 columns however large the job is', () => {
    const large = { ...HALF, mailboxes: 100_000, of: 300_000, messages: 50_000_000, totalMessages: 150_000_000 };
    expect(progressText(large, 36_000, undefined).slice(0, 79)).toMatch(/ left, 100,000 of 300,000 mailboxes/);
    expect(progressText(large, 36_000, 'the load is 9.1, above 4').slice(0, 79)).toContain('above 4');
  });

  it('says why it stands still in place of what is left', () => {
    expect(progressText(HALF, 10, 'the load is 9.1, above 4')).toContain('waiting: the load is 9.1, above 4');
    expect(progressText(HALF, 10, 'the load is 9.1, above 4')).not.toContain('left');
  });

  it('says before that what is looked at', () => {
    expect(stepText({ what: "looking at the source's mailboxes", done: 12_000, of: 100_000 })).toBe(
      "looking at the source's mailboxes: 12,000 of 100,000",
    );
  });

  it.each([
    [0.5, HALF],
    [0.25, { ...NONE, mailboxes: 1 }],
    [1, { ...HALF, mailboxes: 30 }],
    [1, { ...HALF, bytes: 500 * MIB }],
    [0, NONE],
  ])('is done by %d', (share, progress) => {
    expect(shareDone(progress)).toBeCloseTo(share);
  });

  it.each([
    ['in the first seconds', HALF, 2],
    ['before a hundredth is done', { ...HALF, bytes: 0, messages: 1 }, 60],
  ])('guesses nothing %s', (_, progress, seconds) => {
    expect(secondsLeft(progress, seconds)).toBeUndefined();
  });
});
