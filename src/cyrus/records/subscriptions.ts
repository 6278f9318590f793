/** Subscriptions of one user: a database of names without values. */

import type { DbEntry } from '../db/entry.js';
import {
  asInternalName,
  fromDbName,
  type InternalName,
  inboxOf,
  type NameConf,
  toDbName,
  type User,
} from '../names/mailbox-name.js';
import { isAtLeast } from '../version.js';

const VERSION_KEY = '\x1fVER\x1f';

export interface Subscriptions {
  /** 0: internal names (up to 3.4); 2: 3.6 to 3.10; 3: 3.12. */
  version: number;
  names: InternalName[];
  /** Keys that are not names in this version. */
  unknown: string[];
}

/**
 * Reads a `.sub` file or `sub.db` by its own version record, whatever `conf.version` is.
 * @see cyrus-imapd 3.6.1 and 3.12.3 imap/mboxlist.c mboxlist_dbname_from_key
 */
export function readSubscriptions(entries: readonly DbEntry[], user: User, conf: NameConf): Subscriptions {
  const version = Number(entries.find(({ key }) => key === VERSION_KEY)?.value ?? '0');
  const inbox = toDbName(inboxOf(user), conf);
  const names: InternalName[] = [];
  const unknown: string[] = [];
  for (const { key } of entries) {
    if (key === VERSION_KEY) continue;
    if (version === 0) names.push(asInternalName(key));
    else if (!key.startsWith('N') || key === 'N') unknown.push(key);
    else names.push(fromDbName(withoutInbox(key.slice(1), inbox, version), conf));
  }
  return { version, names, unknown };
}

/**
 * The entries that a server of `conf.version` looks up. From 3.6 to 3.10 the user's INBOX is replaced as a plain
 * prefix: for `matt`, `user.matthew.X` becomes `INBOXhew.X`, and only there is it found.
 */
export function writeSubscriptions(names: Iterable<InternalName>, user: User, conf: NameConf): DbEntry[] {
  const unique = new Set(names);
  if (!isAtLeast(conf.version, '3.6')) return [...unique].map((key) => ({ key, value: '' }));
  const version = isAtLeast(conf.version, '3.12') ? 3 : 2;
  const inbox = toDbName(inboxOf(user), conf);
  const keys = new Set([...unique].map((name) => `N${withInbox(toDbName(name, conf), inbox, version)}`));
  return [{ key: VERSION_KEY, value: String(version) }, ...[...keys].map((key) => ({ key, value: '' }))];
}

function withoutInbox(dbName: string, inbox: string, version: number): string {
  return beginsWith(dbName, 'INBOX', version) ? inbox + dbName.slice('INBOX'.length) : dbName;
}

function withInbox(dbName: string, inbox: string, version: number): string {
  return beginsWith(dbName, inbox, version) ? `INBOX${dbName.slice(inbox.length)}` : dbName;
}

function beginsWith(dbName: string, prefix: string, version: number): boolean {
  if (!dbName.startsWith(prefix)) return false;
  const next = dbName[prefix.length];
  return version < 3 || next === undefined || next === '\x1f';
}
