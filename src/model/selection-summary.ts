/** Who comes along and who does not, as the outputs show it. Types only. */

export interface UnitCounts {
  readonly users: number;
  /** Top-level shared mailboxes, each with all below it. */
  readonly shared: number;
  readonly mailboxes: number;
}

/** A user, or a shared tree, that stays on the old server. */
export interface StayingUnit {
  /** As people write it: `anna@one.example`, `shared:lists`. */
  readonly who: string;
  /** Internal name of its INBOX, or of the top. */
  readonly name: string;
  readonly reason: 'left-out' | 'unused';
  /** The pattern that fitted; or the newest signs of use, the newest first. */
  readonly evidence: readonly string[];
  readonly mailboxes: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface SelectionSummary {
  readonly chosen: UnitCounts;
  /** Left out by rule or disuse, the largest first. */
  readonly staying: readonly StayingUnit[];
  readonly stayingTotal: UnitCounts & { readonly messages: number; readonly bytes: number };
  /** No pattern of `only` fits them: for a later wave. */
  readonly notChosen: UnitCounts;
  /** Cut over in an earlier wave. */
  readonly final: UnitCounts;
  /** Would be unused, and come along all the same. */
  readonly doubts: readonly { readonly who: string; readonly why: string }[];
  /** Patterns of the job file that name one user or mailbox, and there is none. */
  readonly unmet: readonly string[];
}
