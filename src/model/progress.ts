/** How far a pass is. Totals are about what there is to be copied. */
export interface Progress {
  readonly mailboxes: number;
  readonly of: number;
  readonly messages: number;
  readonly totalMessages: number;
  readonly bytes: number;
  readonly totalBytes: number;
}
