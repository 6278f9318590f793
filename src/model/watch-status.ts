/** How a running `watch` stands, as it writes it beside the state and `status` shows it. */

export const HINT_SOURCES = ['sweep', 'chokidar', 'log', 'fanotify'] as const;
/** Where it hears that a mailbox changed: see watch/hints.ts. */
export type HintSourceName = (typeof HINT_SOURCES)[number];

export interface HintSourceStatus {
  readonly source: HintSourceName;
  readonly used: boolean;
  /** Why, or why not. */
  readonly why: string;
  /** Mailboxes it named so far, each time counted; of the sweep, those it found changed. */
  readonly hints: number;
  /** How often it had to say that it may have missed some: a full queue, a watcher that died. */
  readonly lost: number;
}

export interface WatchStatus {
  /** Process, and when it started by the system's count of ticks: no other process has both. */
  readonly pid: number;
  readonly startTicks: string;
  /** ISO 8601, UTC; as all times here. */
  readonly since: string;
  readonly updatedAt: string;
  readonly doing: 'first pass' | 'following' | 'whole pass';
  /** Why the last pass could not be done, where it could not: it is tried again. */
  readonly held: string | null;
  /** Mailboxes of the source. */
  readonly mailboxes: number;
  /** Changed and not copied yet, as far as it has been seen. */
  readonly dirty: number;
  /** Age of the change that has waited longest, seconds; 0 where none waits. */
  readonly lagSeconds: number;
  /** In the last ten minutes. */
  readonly mailboxesPerMinute: number;
  readonly messagesPerMinute: number;
  readonly sweep: {
    readonly count: number;
    readonly lastAt: string | null;
    /** What the last one took, and how long it is from one to the next. */
    readonly seconds: number;
    readonly everySeconds: number;
  };
  readonly passes: { readonly partial: number; readonly whole: number };
  /** Since it began, after the first pass. */
  readonly copied: { readonly mailboxes: number; readonly messages: number; readonly bytes: number };
  readonly hints: readonly HintSourceStatus[];
}
