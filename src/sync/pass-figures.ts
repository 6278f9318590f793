/** What a pass did, in numbers. */

export interface PassFigures {
  readonly mailboxes: {
    total: number;
    unchanged: number;
    changed: number;
    created: number;
    moved: number;
    removed: number;
    failed: number;
    deferred: number;
  };
  readonly messages: { copied: number; removed: number; linked: number; present: number };
  readonly bytes: { copied: number; linked: number };
  racedWithServer: number;
  complete: boolean;
}

export function noFigures(): PassFigures {
  return {
    mailboxes: { total: 0, unchanged: 0, changed: 0, created: 0, moved: 0, removed: 0, failed: 0, deferred: 0 },
    messages: { copied: 0, removed: 0, linked: 0, present: 0 },
    bytes: { copied: 0, linked: 0 },
    racedWithServer: 0,
    complete: false,
  };
}
