/** A database for the target: in the backend that its imapd.conf names, sorted as its version sorts. */
import type { CyrusConf, DbKind } from '../cyrus/conf/cyrus-conf.js';
import { type OwnBackend, writeDatabase } from '../cyrus/db/database.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import { isAtLeast } from '../cyrus/version.js';

/** Of these the keys are sorted by MBOXSORT up to 3.4 (reference 2.5). */
const MBOX_SORTED: ReadonlySet<DbKind> = new Set(['mailboxes', 'subscriptions', 'quota']);

/** The whole file. */
export function targetDatabase(conf: CyrusConf, kind: DbKind, entries: readonly DbEntry[], nowSec: number): Buffer {
  const { version } = conf;
  const isMboxSorted = MBOX_SORTED.has(kind) && conf.improvedMboxlistSort && !isAtLeast(version, '3.6');
  return writeDatabase(writableBackend(conf.databases[kind].backend), entries, {
    order: isMboxSorted ? 'mbox' : undefined,
    version,
    nowSec,
  });
}

/** Backends that are written; what the configuration names otherwise is opened by its magic and converted (2.5+). */
export function writableBackend(backend: string): OwnBackend {
  return backend === 'flat' || backend === 'skiplist' ? backend : 'twoskip';
}
