/** Keeps the figures of a running `watch`, and writes them where `status` finds them. */
import type { CyrsyncError } from '../base/errors.js';
import type { HintSourceStatus, WatchStatus } from '../model/watch-status.js';
import type { PassFigures } from '../sync/pass-figures.js';
import { startTicks } from './process-identity.js';
import { removeWatchStatus, writeWatchStatus } from './status-file.js';

/** Over so long the rates are taken. */
const RATE_MS = 600_000;
const WRITE_MS = 2000;

interface Moving {
  lagSeconds: number;
  dirty: number;
  everySeconds: number;
  hints: readonly HintSourceStatus[];
}

export class Reporter {
  readonly #stateFile: string;
  readonly #since = new Date();
  readonly #startTicks = startTicks(process.pid) ?? '';
  #writtenMs = 0;
  #doing: WatchStatus['doing'] = 'first pass';
  #held: string | null = null;
  #mailboxes = 0;
  #sweeps = 0;
  #sweptAt: Date | undefined;
  #sweepSeconds = 0;
  #passes = { partial: 0, whole: 0 };
  #copied = { mailboxes: 0, messages: 0, bytes: 0 };
  #recent: { atMs: number; mailboxes: number; messages: number }[] = [];
  #moving: Moving = { lagSeconds: 0, dirty: 0, everySeconds: 0, hints: [] };

  constructor(stateFile: string) {
    this.#stateFile = stateFile;
  }

  counted(mailboxes: number): void {
    this.#mailboxes = mailboxes;
  }

  doing(what: WatchStatus['doing']): void {
    this.#doing = what;
  }

  held(why: CyrsyncError | null): void {
    this.#held = why === null ? null : `${why.message}: ${why.why}`;
  }

  swept(tookMs: number): void {
    this.#sweeps++;
    this.#sweptAt = new Date();
    this.#sweepSeconds = tookMs / 1000;
  }

  passed(kind: 'partial' | 'whole', { mailboxes, messages, bytes }: PassFigures): void {
    const changed = mailboxes.changed + mailboxes.created + mailboxes.moved;
    this.#passes[kind]++;
    this.#copied.mailboxes += changed;
    this.#copied.messages += messages.copied;
    this.#copied.bytes += bytes.copied;
    this.#recent.push({ atMs: Date.now(), mailboxes: changed, messages: messages.copied });
  }

  /** @param moving Asked for only where it is written. @returns what was written, if it was time for it */
  tick(moving: () => Moving, isNow = false): WatchStatus | undefined {
    const now = Date.now();
    if (!isNow && now - this.#writtenMs < WRITE_MS) return undefined;
    this.#writtenMs = now;
    this.#moving = moving();
    const status = this.status();
    writeWatchStatus(this.#stateFile, status);
    return status;
  }

  status(): WatchStatus {
    const now = Date.now();
    this.#recent = this.#recent.filter(({ atMs }) => now - atMs < RATE_MS);
    const minutes = Math.max(1, Math.min(RATE_MS, now - this.#since.getTime()) / 60_000);
    const rate = (pick: 'mailboxes' | 'messages') =>
      Math.round((10 * this.#recent.reduce((sum, one) => sum + one[pick], 0)) / minutes) / 10;
    const { lagSeconds, dirty, everySeconds, hints } = this.#moving;
    return {
      pid: process.pid,
      startTicks: this.#startTicks,
      since: this.#since.toISOString(),
      updatedAt: new Date(now).toISOString(),
      doing: this.#doing,
      held: this.#held,
      mailboxes: this.#mailboxes,
      dirty,
      lagSeconds,
      mailboxesPerMinute: rate('mailboxes'),
      messagesPerMinute: rate('messages'),
      sweep: {
        count: this.#sweeps,
        lastAt: this.#sweptAt?.toISOString() ?? null,
        seconds: this.#sweepSeconds,
        everySeconds,
      },
      passes: { ...this.#passes },
      copied: { ...this.#copied },
      hints,
    };
  }

  close(): void {
    removeWatchStatus(this.#stateFile);
  }
}
