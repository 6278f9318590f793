/**
 * What a target with other features or of another release has to show of a recorded spool: the recorded state, written as
 * that server writes it. What is rewritten here is compared; it is not waived.
 */
import type { Dump, ImapState, MailboxState } from '../support/imap-state.js';
import type { Cell } from './cells.js';

export function expectedView(recorded: ImapState, { source, target, features }: Cell): ImapState {
  let view = recorded;
  if (source.unixhierarchysep === 'no' && features.unixhierarchysep === 'yes') view = withSlashes(view);
  if (Number(target.version.split('.')[1]) >= 10) view = withRfc9208Resources(view);
  return view;
}

/** `unixhierarchysep` switched on: `.` between parts becomes `/`, and the `^` that a name could have there a dot. */
function withSlashes(state: ImapState): ImapState {
  const name = (text: string) => text.replaceAll('.', '/').replaceAll('^', '.');
  const quota = (line: string) =>
    line.replace(/^("?)(.*?)("? \()/, (_, a: string, root: string, b: string) => a + name(root) + b);
  return mapState(
    state,
    (dump) => ({
      ...dump,
      mailboxes: mapKeys(dump.mailboxes, name),
      subscriptions: dump.subscriptions.map(name).sort(),
      // INBOX. and user. with the separator after them
      namespace: dump.namespace.replaceAll('."', '/"'),
    }),
    (box) => (box.quota ? { ...box, quota: box.quota.map(quota).sort() } : box),
  );
}

/** 3.10 names resources as RFC 9208 does. @see cyrus-imapd 3.10.2 imap/quota_db.c quota_names */
function withRfc9208Resources(state: ImapState): ImapState {
  const renamed = (line: string) =>
    line.replace('X-ANNOTATION-STORAGE', 'ANNOTATION-STORAGE').replace('X-NUM-FOLDERS', 'MAILBOX');
  return mapState(
    state,
    (dump) => dump,
    (box) => (box.quota ? { ...box, quota: box.quota.map(renamed) } : box),
  );
}

function mapState(
  state: ImapState,
  ofDump: (dump: Dump) => Dump,
  ofBox: (box: MailboxState) => MailboxState,
): ImapState {
  const map = (dump: Dump): Dump =>
    ofDump({
      ...dump,
      mailboxes: Object.fromEntries(Object.entries(dump.mailboxes).map(([k, box]) => [k, ofBox(box)])),
    });
  return {
    admin: map(state.admin),
    users: Object.fromEntries(Object.entries(state.users).map(([k, d]) => [k, map(d)])),
  };
}

function mapKeys<T>(record: Readonly<Record<string, T>>, key: (k: string) => string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([k, value]) => [key(k), value]));
}
