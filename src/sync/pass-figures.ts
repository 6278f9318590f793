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

/** What two passes did, the later one having seen the mailboxes last. */
export function addFigures(earlier: PassFigures, later: PassFigures): PassFigures {
  const { total, unchanged, failed, deferred } = later.mailboxes;
  return {
    mailboxes: { ...sum(earlier.mailboxes, later.mailboxes), total, unchanged, failed, deferred },
    messages: { ...sum(earlier.messages, later.messages), present: later.messages.present },
    bytes: sum(earlier.bytes, later.bytes),
    racedWithServer: earlier.racedWithServer + later.racedWithServer,
    complete: later.complete,
  };
}

function sum<T extends Readonly<Record<string, number>>>(one: T, other: T): T {
  return Object.fromEntries(Object.entries(one).map(([key, value]) => [key, value + other[key]!])) as T;
}
