/** What `report` shows, whoever gathered it: plain data for the page and for the metrics. */
import type { Problem } from '../model/problem.js';

export interface StandingView {
  /** Name of the job file, as it was given. */
  readonly job: string;
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** When the whole cutover became final. */
  readonly final: string | null;
  readonly waves: readonly { readonly final: string; readonly units: number }[];
  /** The newest first. */
  readonly passes: readonly PassView[];
  /** Mailboxes: known, changed since they were copied, never copied. */
  readonly mailboxes: number;
  readonly dirty: number;
  readonly never: number;
  readonly lastFull: string | null;
  readonly lastChecksum: string | null;
  readonly forecast: ForecastView | null;
  readonly problems: readonly Problem[];
  /** Of the target. */
  readonly partitions: readonly PartitionView[];
  /** As the last survey found them; null where there was none. */
  readonly leftovers: LeftoversView | null;
}

export interface PassView {
  readonly kind: string;
  readonly startedAt: string;
  readonly seconds: number | null;
  readonly complete: boolean;
  readonly figures: {
    readonly mailboxes: Readonly<Record<string, number>>;
    readonly messages: Readonly<Record<string, number>>;
    readonly bytes: Readonly<Record<string, number>>;
  } | null;
}

/** Seconds. */
export interface ForecastView {
  readonly seconds: number;
  readonly low: number;
  readonly high: number;
  readonly basis: string;
}

export interface PartitionView {
  readonly partition: string;
  readonly mailboxes: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface LeftoversView {
  readonly at: string;
  readonly leftovers: readonly {
    readonly class: string;
    readonly directories: number;
    readonly files: number;
    readonly bytes: number;
  }[];
}
