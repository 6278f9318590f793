/** What became of one kind of file of the configdirectory. */
export interface DatabaseOutcome {
  readonly what: string;
  readonly action: 'written' | 'converted' | 'copied' | 'dropped' | 'left-to-target';
  readonly entries: number;
  readonly note: string;
}

export interface QuotaCorrection {
  readonly root: string;
  readonly resource: string;
  /** In the unit of the record: bytes for STORAGE. */
  readonly recorded: bigint;
  readonly actual: bigint;
  readonly wrapped: boolean;
}
