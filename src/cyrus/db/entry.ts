/** One entry of a Cyrus database: bytes as latin1 text, one character per byte, exactly as stored. */
export interface DbEntry {
  readonly key: string;
  readonly value: string;
}

/** What a reader of one backend gives. */
export interface DbContents {
  /** The last committed state, by key in raw order (see `compareKeys`), each key once. */
  readonly entries: DbEntry[];
  /**
   * The bytes are a whole database at rest: nothing uncommitted, cut off or contradictory. False for a copy of a file
   * that was being written or whose writer died; `entries` is then still the last committed state that could be read.
   * Whoever copied a live file should copy it again, and may take `entries` if it stays so.
   */
  readonly clean: boolean;
  /** What was odd, one sentence each, for the administrator. */
  readonly notes: string[];
}

/** Puts entries in raw order in place; of equal keys the later one stays. Quick where they are in order already. */
export function sortEntries(entries: DbEntry[]): DbEntry[] {
  // one character per byte: the order of JavaScript's strings is Cyrus's raw order
  entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  let kept = 0;
  for (const entry of entries) {
    if (kept > 0 && entries[kept - 1]!.key === entry.key) kept--;
    entries[kept++] = entry;
  }
  entries.length = kept;
  return entries;
}
