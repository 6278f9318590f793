/**
 * Options that someone has set and whose effect does not come along, or comes along only with a further step. What
 * makes a difference only between the two sides is in compare-confs.ts; what is followed is said nowhere.
 *
 * | said of | options |
 * |---|---|
 * | another server knows of the mailboxes | mupdate_server, mupdate_config, sync_log and sync_host |
 * | messages or records lie where they are not read or written | object_storage_enabled, `*_db: sql` and other backends, sieveusehomedir (an issue of cyrus-conf.ts) |
 * | is not copied | passwords of SASL, Cyrus's own backups |
 * | has to be made anew | search indexes, conversations, DAV databases |
 */
import { type CyrusVersion, isAtLeast } from '../version.js';
import type { CyrusConf, DbKind } from './cyrus-conf.js';
import { splitWords } from './option-value.js';

export interface UnsupportedOption {
  readonly side: 'source' | 'target';
  readonly option: string;
  /** As given. */
  readonly value: string;
  /** One plain sentence for the administrator. */
  readonly effect: string;
}

interface Row {
  /** A name, or which of the keys given. */
  readonly option: string | RegExp;
  readonly side: UnsupportedOption['side'];
  /** The values of which something is said; without it any, but no `0` of a switch. */
  readonly when?: (value: string, confs: { source: CyrusConf; target: CyrusConf }) => boolean;
  readonly effect: string;
}

const isAnotherLine = (_: string, { source, target }: { source: CyrusConf; target: CyrusConf }) =>
  source.version !== target.version;

const ROWS: readonly Row[] = [
  {
    option: 'mupdate_server',
    side: 'source',
    effect:
      'The server is part of a murder: mailboxes of its other servers are left out, and mupdate goes on naming it.',
  },
  {
    option: 'mupdate_server',
    side: 'target',
    effect: 'Nothing is announced to the murder: run ctl_mboxlist -m on the new server after the cutover.',
  },
  {
    option: 'mupdate_config',
    side: 'source',
    when: (value) => value !== 'standard',
    effect:
      'Its mailboxes.db lists mailboxes of other servers too; only those that lie on its own partitions are migrated.',
  },
  {
    option: /^sync_(?:log|host)$/,
    side: 'source',
    when: (value) => value !== '0',
    effect: 'Its replica is not looked at, and must not take over once the new server runs: stop sync_client first.',
  },
  {
    option: /^sync_(?:log|host)$/,
    side: 'target',
    when: (value) => value !== '0',
    effect: 'What is migrated is in no replication log: run sync_client -A after the cutover, or the replica lacks it.',
  },
  {
    option: 'object_storage_enabled',
    side: 'source',
    when: (value) => value === '1',
    effect:
      'Archived messages lie in an object store, where they are not read: bring them back to the archive partition first.',
  },
  {
    option: 'object_storage_enabled',
    side: 'target',
    when: (value) => value === '1',
    effect: 'Archived messages are written to the archive partition as files, and never to the object store.',
  },
  {
    option: /^backuppartition-/,
    side: 'source',
    effect: 'The backups that Cyrus keeps there are not migrated.',
  },
  {
    option: 'sasl_pwcheck_method',
    side: 'source',
    when: (value) => splitWords(value).includes('auxprop'),
    effect:
      'Passwords that SASL keeps itself (sasldb2, SQL, LDAP) are not migrated: set the new server up for them first.',
  },
  {
    option: 'search_engine',
    side: 'target',
    when: (value) => value !== 'none',
    effect:
      'No search index is migrated: searching is slow, or finds nothing, until squatter has run over all mailboxes.',
  },
  {
    option: 'conversations',
    side: 'target',
    when: (value, confs) => value === '1' && isAnotherLine(value, confs),
    effect:
      'Threads are not migrated from another release: run ctl_conversationsdb -R -r, then -b -r, after the cutover.',
  },
  {
    option: 'httpmodules',
    side: 'target',
    when: (value, confs) => /caldav|carddav|jmap/.test(value) && isAnotherLine(value, confs),
    effect: 'DAV databases are not migrated from another release: run dav_reconstruct -a after the cutover.',
  },
];

/** Of the databases that a migration reads and writes. */
const KINDS: readonly DbKind[] = ['mailboxes', 'annotations', 'quota', 'seen', 'subscriptions', 'userdeny'];
const KIND_OPTION: Readonly<Record<string, string>> = {
  mailboxes: 'mboxlist_db',
  annotations: 'annotation_db',
  quota: 'quota_db',
  seen: 'seenstate_db',
  subscriptions: 'subscription_db',
  userdeny: 'userdeny_db',
};

/** Only what is set; source first. */
export function unsupportedOptions(source: CyrusConf, target: CyrusConf): UnsupportedOption[] {
  const found: UnsupportedOption[] = [];
  for (const [side, conf] of [
    ['source', source],
    ['target', target],
  ] as const) {
    for (const row of ROWS.filter((one) => one.side === side)) {
      const { option: name } = row;
      const keys = typeof name === 'string' ? [name] : conf.keys.filter((key) => name.test(key));
      for (const option of keys) {
        const value = conf.isSet(option) ? conf.option(option) : undefined;
        if (value === undefined || !(row.when?.(value, { source, target }) ?? true)) continue;
        found.push({ side, option, value, effect: row.effect });
        if (option.startsWith('sync_')) break; // both say the same
      }
    }
    for (const kind of KINDS) {
      const { backend } = conf.databases[kind];
      const effect = side === 'source' ? unreadable(backend) : unwritable(backend, conf.version);
      const option = KIND_OPTION[kind]!;
      if (effect !== undefined && conf.isSet(option)) found.push({ side, option, value: backend, effect });
    }
  }
  return found;
}

const OURS = ['flat', 'skiplist', 'twoskip', 'quotalegacy', 'none'];

function unreadable(backend: string): string | undefined {
  if (OURS.includes(backend)) return undefined;
  if (backend.startsWith('berkeley'))
    return 'A Berkeley database is read with db_dump, and only what the server has written to the file itself: run ctl_cyrusdb -c before each pass.';
  return `A database in ${backend} is not read: convert it to twoskip with cvt_cyrusdb on the old server, and set the option.`;
}

function unwritable(backend: string, version: CyrusVersion): string | undefined {
  if (OURS.includes(backend)) return undefined;
  const ours = isAtLeast(version, '2.5') ? 'twoskip' : 'skiplist';
  return `A database in ${backend} is not written: set the option to ${ours}, or the new server finds nothing in it.`;
}
