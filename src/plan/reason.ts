/** Why a unit lies where it does, as the state keeps it. */

/**
 * `balanced` when it was placed; `lying`: most of its mail lay there already (a renamed user's, one whose pin was taken
 * out); `csv`: a person said so with `plan --from-csv`; `rebalanced` by `plan --rebalance`; `rule`: the job file leaves no
 * other.
 */
export type Reason = (typeof ALL)[number];

const ALL = ['balanced', 'lying', 'csv', 'rebalanced', 'rule'] as const;

/** What a state says, that of an earlier version too, which kept a sentence. */
export function reasonOf(text: string): Reason {
  return ALL.find((reason) => reason === text) ?? (text.startsWith('pinned') ? 'rule' : 'balanced');
}

/** A byte a unit. */
export class Reasons {
  readonly #codes: Uint8Array;

  constructor(units: number) {
    this.#codes = new Uint8Array(units);
  }

  /** Undefined until one is set. */
  get(u: number): Reason | undefined {
    return ALL[this.#codes[u]! - 1];
  }

  set(u: number, reason: Reason): void {
    this.#codes[u] = ALL.indexOf(reason) + 1;
  }
}
