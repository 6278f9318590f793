/**
 * The log in which Cyrus notes for its replication what changes, one line each: a word, then one or two names, quoted
 * where they have blanks, brackets or quotes.
 * @see cyrus-imapd 3.6.1 imap/sync_log.h sync_log_*, imap/sync_log.c sync_quote_name; 2.4.17 has fewer words
 */
import type { Hint } from './hints.js';

const LINE = /^([A-Z]+)((?: (?:"(?:[^"\\]|\\.)*"|[^ "]+))+)$/;
const NAME = / (?:"((?:[^"\\]|\\.)*)"|([^ "]+))/g;

/** @param line Without its end. @returns what it hints at; nothing where it is not for us, or no such line */
export function hintsOfLogLine(line: string): Hint[] {
  const [, word, rest] = LINE.exec(line) ?? [];
  if (word === undefined) return [];
  const names = [...rest!.matchAll(NAME)].map(([, quoted, plain]) => plain ?? quoted!.replace(/\\(.)/g, '$1'));
  switch (word) {
    case 'APPEND':
    case 'MAILBOX':
    case 'DOUBLEMAILBOX':
      // A mailbox that is new, gone or has another ACL is logged so too: mailboxes.db is looked at with it.
      return names.map((name) => ({ kind: 'mailbox', name }));
    case 'ANNOTATION':
      return [{ kind: 'mailbox', name: names[0]! }];
    case 'UNMAILBOX':
    case 'RENAME':
    case 'USER':
    case 'UNUSER':
    case 'QUOTA':
      return [{ kind: 'databases' }];
    case 'SEEN':
      return [{ kind: 'read-states' }];
    default:
      return []; // subscriptions and scripts: no pass reads them
  }
}
