import { type CyrusVersion, rowFor } from '../version.js';

/** How a value is written; see NAMES of libconfig: `word` is STRINGLIST, `words` BITFIELD, `size` INT, later BYTESIZE. */
export type OptionType = 'switch' | 'int' | 'string' | 'word' | 'enum' | 'words' | 'duration' | 'size';

/** One option, by the first version of each row; a version before the first row does not know it. */
export interface OptionSpec {
  readonly type: OptionType;
  /** null: known, but unset. */
  readonly defaults: Readonly<Partial<Record<CyrusVersion, string | null>>>;
  /** Legal words, blank-separated; `a=b` are two words for one thing. */
  readonly words?: Readonly<Partial<Record<CyrusVersion, string>>>;
  /** An old name: it sets the option `name`, unless that is given itself. */
  readonly preferred?: { readonly name: string; readonly since: CyrusVersion };
}

/**
 * The options that a migration looks at, with each version's default.
 * @see cyrus-imapd lib/imapoptions of 2.2.13, 2.3.16, 2.4.17, 2.5.17, 3.0.18, 3.2.12, 3.4.9, 3.6.1, 3.8.7, 3.10.3, 3.12.3
 */
const OPTIONS: Readonly<Record<string, OptionSpec>> = {
  // Where things are
  configdirectory: { type: 'string', defaults: { '2.2': null } },
  defaultpartition: { type: 'string', defaults: { '2.2': 'default', '2.3': null } },
  metapartition_files: {
    type: 'words',
    defaults: { '2.3': '' },
    words: {
      '2.3': 'header index cache expunge squat',
      '2.5': 'header index cache expunge squat annotations lock dav',
      '3.0': 'header index cache expunge squat annotations lock dav archivecache',
    },
  },
  archive_enabled: { type: 'switch', defaults: { '3.0': '0' } },
  archive_days: {
    type: 'duration',
    defaults: { '3.0': '7', '3.2': null },
    preferred: { name: 'archive_after', since: '3.2' },
  },
  archive_after: { type: 'duration', defaults: { '3.2': '7d' } },
  archive_maxsize: { type: 'size', defaults: { '3.0': '1024', '3.8': '1024 K' } },
  archive_keepflagged: { type: 'switch', defaults: { '3.0': '0' } },
  hashimapspool: { type: 'switch', defaults: { '2.2': '0' } },
  fulldirhash: { type: 'switch', defaults: { '2.2': '0' } },
  mailbox_legacy_dirs: { type: 'switch', defaults: { '3.6': '0' } },
  mboxname_lockpath: { type: 'string', defaults: { '2.4': null } },
  proc_path: { type: 'string', defaults: { '2.4': null } },
  sievedir: { type: 'string', defaults: { '2.2': '/usr/sieve' } },
  sieveusehomedir: { type: 'switch', defaults: { '2.2': '0' } },
  sieve_folder: { type: 'string', defaults: { '3.6': '#sieve' } },
  defaultsearchtier: { type: 'string', defaults: { '3.0': '' } },
  // Names and semantics
  unixhierarchysep: { type: 'switch', defaults: { '2.2': '0', '3.0': '1' } },
  altnamespace: { type: 'switch', defaults: { '2.2': '0', '3.0': '1' } },
  userprefix: { type: 'string', defaults: { '2.2': 'Other Users' } },
  sharedprefix: { type: 'string', defaults: { '2.2': 'Shared Folders' } },
  altprefix: { type: 'string', defaults: { '3.0': 'Alt Folders' } },
  virtdomains: { type: 'enum', defaults: { '2.2': 'off' }, words: { '2.2': 'off userid on' } },
  defaultdomain: { type: 'string', defaults: { '2.2': null, '3.0': 'internal' } },
  crossdomains: { type: 'switch', defaults: { '3.0': '0' } },
  crossdomains_onlyother: { type: 'switch', defaults: { '3.0': '0' } },
  admins: { type: 'string', defaults: { '2.2': '' } },
  username_tolower: { type: 'switch', defaults: { '2.2': '1' } },
  lmtp_downcase_rcpt: { type: 'switch', defaults: { '2.2': '0', '2.5': '1' } },
  lmtp_fuzzy_mailbox_match: { type: 'switch', defaults: { '2.3': '0' } },
  delete_mode: {
    type: 'enum',
    defaults: { '2.3': 'immediate', '2.5': 'delayed' },
    words: { '2.3': 'immediate delayed' },
  },
  deletedprefix: { type: 'string', defaults: { '2.3': 'DELETED' } },
  expunge_mode: {
    type: 'enum',
    defaults: { '2.3': 'immediate', '2.4': 'default', '2.5': 'delayed' },
    words: { '2.3': 'immediate delayed', '2.4': 'default immediate delayed', '3.2': 'immediate semidelayed delayed' },
  },
  singleinstancestore: { type: 'switch', defaults: { '2.2': '1' } },
  improved_mboxlist_sort: { type: 'switch', defaults: { '2.3': '0' } },
  mailbox_default_options: { type: 'int', defaults: { '2.3': '0' } },
  mailbox_initial_flags: { type: 'string', defaults: { '2.5': null } },
  implicit_owner_rights: { type: 'string', defaults: { '2.2': 'lca', '2.3': 'lkxa', '3.2': 'lkxan' } },
  deleteright: { type: 'string', defaults: { '2.2': 'c' } },
  reverseacls: { type: 'switch', defaults: { '3.0': '0' } },
  conversations: { type: 'switch', defaults: { '3.0': '0' } },
  quota_use_conversations: { type: 'switch', defaults: { '3.4': '0' } },
  annotation_definitions: { type: 'string', defaults: { '2.3': null } },
  annotation_allow_undefined: { type: 'switch', defaults: { '2.5': '0' } },
  statuscache: { type: 'switch', defaults: { '2.3': '0' } },
  search_engine: {
    type: 'enum',
    defaults: { '3.0': 'none' },
    words: { '3.0': 'none squat sphinx xapian', '3.2': 'none squat xapian' },
  },
  sieve_extensions: {
    type: 'words',
    defaults: {
      '2.3': 'fileinto reject vacation imapflags notify envelope relational regex subaddress copy',
      '2.5':
        'fileinto reject vacation vacation-seconds imapflags notify envelope relational regex subaddress copy date index imap4flags',
      '3.0':
        'fileinto reject vacation vacation-seconds imapflags notify envelope relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables',
      '3.2':
        'fileinto reject vacation vacation-seconds imapflags notify include envelope environment body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid x-cyrus-log x-cyrus-jmapquery x-cyrus-snooze',
      '3.4':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log vnd.cyrus.jmapquery snooze',
      '3.6':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log vnd.cyrus.jmapquery vnd.cyrus.imip snooze',
      '3.10':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log vnd.cyrus.jmapquery vnd.cyrus.imip snooze vnd.cyrus.implicit_keep_target',
      '3.12':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log vnd.cyrus.jmapquery processcalendar snooze vnd.cyrus.implicit_keep_target',
    },
    words: {
      '2.3': 'fileinto reject vacation imapflags notify include envelope body relational regex subaddress copy',
      '2.5':
        'fileinto reject vacation vacation-seconds imapflags notify include envelope body relational regex subaddress copy date index imap4flags',
      '3.0':
        'fileinto reject vacation vacation-seconds imapflags notify include envelope body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables',
      '3.2':
        'fileinto reject vacation vacation-seconds imapflags notify include envelope environment body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid x-cyrus-log x-cyrus-jmapquery x-cyrus-snooze',
      '3.4':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags=imapflags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log=x-cyrus-log vnd.cyrus.jmapquery=x-cyrus-jmapquery snooze=vnd.cyrus.snooze=x-cyrus-snooze',
      '3.6':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags=imapflags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log=x-cyrus-log vnd.cyrus.jmapquery=x-cyrus-jmapquery vnd.cyrus.imip snooze=vnd.cyrus.snooze=x-cyrus-snooze',
      '3.10':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags=imapflags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log=x-cyrus-log vnd.cyrus.jmapquery=x-cyrus-jmapquery vnd.cyrus.imip snooze=vnd.cyrus.snooze=x-cyrus-snooze vnd.cyrus.implicit_keep_target',
      '3.12':
        'fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags=imapflags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log=x-cyrus-log vnd.cyrus.jmapquery=x-cyrus-jmapquery processcalendar=vnd.cyrus.imip snooze=vnd.cyrus.snooze=x-cyrus-snooze vnd.cyrus.implicit_keep_target',
    },
  },
  sieve_maxscripts: { type: 'int', defaults: { '2.2': '5' } },
  sieve_maxscriptsize: { type: 'size', defaults: { '2.2': '32', '3.8': '32K' } },
  sieve_utf8fileinto: { type: 'switch', defaults: { '2.3': '0' } },
  anysievefolder: { type: 'switch', defaults: { '2.5': '0' } },
  calendarprefix: { type: 'string', defaults: { '2.5': '#calendars' } },
  addressbookprefix: { type: 'string', defaults: { '2.5': '#addressbooks' } },
  davdriveprefix: { type: 'string', defaults: { '3.0': '#drive' } },
  davnotificationsprefix: { type: 'string', defaults: { '3.0': '#notifications' } },
  cyrus_user: { type: 'string', defaults: { '3.0': null } },
  cyrus_group: { type: 'string', defaults: { '3.0': null } },
  // What is said where it is set (unsupported-options.ts, compare-confs.ts)
  auth_mech: {
    type: 'word',
    defaults: { '2.2': 'unix' },
    words: { '2.2': 'unix pts krb krb5', '3.12': 'unix pts krb5 mboxgroups' },
  },
  mupdate_config: { type: 'enum', defaults: { '2.3': 'standard' }, words: { '2.3': 'standard unified replicated' } },
  object_storage_enabled: { type: 'switch', defaults: { '3.0': '0' } },
  postuser: { type: 'string', defaults: { '2.2': '' } },
  sync_log: { type: 'switch', defaults: { '2.3': '0' } },
  sync_log_channels: { type: 'string', defaults: { '2.4': null } },
  uidl_format: { type: 'enum', defaults: { '3.0': 'cyrus' }, words: { '3.0': 'uidonly cyrus dovecot courier' } },
  // Created by itself
  autocreate_quota: { type: 'size', defaults: { '2.5': '-1' } },
  autocreate_quota_messages: { type: 'int', defaults: { '2.5': '-1' } },
  autocreate_inbox_folders: { type: 'string', defaults: { '2.5': null } },
  autocreate_post: { type: 'switch', defaults: { '2.5': '0' } },
  autocreate_sieve_folders: { type: 'string', defaults: { '2.5': null } },
  autocreate_sieve_script: { type: 'string', defaults: { '2.5': null } },
  autocreate_sieve_script_compile: { type: 'switch', defaults: { '2.5': '0' } },
  autocreate_sieve_script_compiled: { type: 'string', defaults: { '2.5': null } },
  autocreate_subscribe_folders: { type: 'string', defaults: { '2.5': null } },
  autocreate_subscribe_sharedfolders: { type: 'string', defaults: { '2.5': null } },
  autocreate_subscribe_sharedfolders_all: { type: 'switch', defaults: { '2.5': '0' } },
  autocreate_users: { type: 'string', defaults: { '2.5': 'anyone' } },
  autocreatequota: {
    type: 'size',
    defaults: { '2.2': '0', '3.8': null },
    preferred: { name: 'autocreate_quota', since: '3.0' },
  },
  autocreatequotamsg: {
    type: 'int',
    defaults: { '2.5': '-1' },
    preferred: { name: 'autocreate_quota_messages', since: '3.0' },
  },
  autocreateinboxfolders: {
    type: 'string',
    defaults: { '2.5': null },
    preferred: { name: 'autocreate_inbox_folders', since: '3.0' },
  },
  autosievefolders: {
    type: 'string',
    defaults: { '2.5': null },
    preferred: { name: 'autocreate_sieve_folders', since: '3.0' },
  },
  autocreate_sieve_compiled_script: {
    type: 'string',
    defaults: { '2.5': null },
    preferred: { name: 'autocreate_sieve_script_compiled', since: '3.0' },
  },
  autosubscribeinboxfolders: {
    type: 'string',
    defaults: { '2.5': null },
    preferred: { name: 'autocreate_subscribe_folders', since: '3.0' },
  },
  autosubscribesharedfolders: {
    type: 'string',
    defaults: { '2.5': null },
    preferred: { name: 'autocreate_subscribe_sharedfolders', since: '3.0' },
  },
  autosubscribe_all_sharedfolders: {
    type: 'switch',
    defaults: { '2.5': '0' },
    preferred: { name: 'autocreate_subscribe_sharedfolders_all', since: '3.0' },
  },
  createonpost: { type: 'switch', defaults: { '2.5': '0' }, preferred: { name: 'autocreate_post', since: '3.0' } },
  // Databases
  annotation_db: {
    type: 'word',
    defaults: { '2.2': 'skiplist', '2.5': 'twoskip' },
    words: {
      '2.2': 'berkeley berkeley-hash skiplist',
      '2.5': 'berkeley berkeley-hash skiplist twoskip',
      '3.0': 'skiplist twoskip lmdb',
      '3.2': 'skiplist twoskip zeroskip',
    },
  },
  annotation_db_path: { type: 'string', defaults: { '2.4': null } },
  conversations_db: {
    type: 'word',
    defaults: { '3.0': 'skiplist' },
    words: { '3.0': 'skiplist sql twoskip lmdb', '3.2': 'skiplist sql twoskip zeroskip' },
  },
  duplicate_db: {
    type: 'word',
    defaults: { '2.2': 'berkeley-nosync', '2.4': 'skiplist', '2.5': 'twoskip' },
    words: {
      '2.2': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist',
      '2.3': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist sql',
      '2.5': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist sql twoskip',
      '3.0': 'skiplist sql twoskip lmdb',
      '3.2': 'skiplist sql twoskip zeroskip',
    },
  },
  duplicate_db_path: { type: 'string', defaults: { '2.4': null } },
  mboxkey_db: {
    type: 'word',
    defaults: { '2.3': 'skiplist', '2.5': 'twoskip' },
    words: {
      '2.3': 'berkeley skiplist',
      '2.5': 'berkeley skiplist twoskip',
      '3.0': 'skiplist twoskip lmdb',
      '3.2': 'skiplist twoskip zeroskip',
    },
  },
  mboxlist_db: {
    type: 'word',
    defaults: { '2.2': 'skiplist', '2.5': 'twoskip' },
    words: {
      '2.2': 'flat berkeley berkeley-hash skiplist',
      '2.5': 'flat berkeley berkeley-hash skiplist sql twoskip',
      '3.0': 'flat skiplist sql twoskip lmdb',
      '3.2': 'flat skiplist sql twoskip zeroskip',
    },
  },
  mboxlist_db_path: { type: 'string', defaults: { '2.4': null } },
  newsrc_db_path: { type: 'string', defaults: { '2.4': null } },
  ptscache_db: {
    type: 'word',
    defaults: { '2.2': 'berkeley', '2.4': 'skiplist', '2.5': 'twoskip' },
    words: {
      '2.2': 'berkeley berkeley-hash skiplist',
      '2.5': 'berkeley berkeley-hash skiplist twoskip',
      '3.0': 'skiplist twoskip lmdb',
      '3.2': 'skiplist twoskip zeroskip',
    },
  },
  ptscache_db_path: { type: 'string', defaults: { '2.4': null } },
  quota_db: {
    type: 'word',
    defaults: { '2.2': 'quotalegacy' },
    words: {
      '2.2': 'flat berkeley berkeley-hash skiplist quotalegacy',
      '2.3': 'flat berkeley berkeley-hash skiplist sql quotalegacy',
      '2.5': 'flat berkeley berkeley-hash skiplist sql quotalegacy twoskip',
      '3.0': 'flat skiplist sql quotalegacy twoskip lmdb',
      '3.2': 'flat skiplist sql quotalegacy twoskip zeroskip',
    },
  },
  quota_db_path: { type: 'string', defaults: { '2.4': null } },
  search_indexed_db: {
    type: 'word',
    defaults: { '3.0': 'twoskip' },
    words: { '3.0': 'flat skiplist twoskip lmdb', '3.2': 'flat skiplist twoskip zeroskip' },
  },
  seenstate_db: {
    type: 'word',
    defaults: { '2.2': 'skiplist', '2.5': 'twoskip' },
    words: {
      '2.2': 'flat berkeley berkeley-hash skiplist',
      '2.5': 'flat berkeley berkeley-hash skiplist twoskip',
      '3.0': 'flat skiplist twoskip lmdb',
      '3.2': 'flat skiplist twoskip zeroskip',
    },
  },
  sortcache_db: {
    type: 'word',
    defaults: { '3.0': 'twoskip' },
    words: { '3.0': 'skiplist twoskip lmdb', '3.2': 'skiplist twoskip zeroskip' },
  },
  statuscache_db: {
    type: 'word',
    defaults: { '2.3': 'berkeley-nosync', '2.4': 'skiplist', '2.5': 'twoskip' },
    words: {
      '2.3': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist',
      '2.5': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist sql twoskip',
      '3.0': 'skiplist sql twoskip lmdb',
      '3.2': 'skiplist sql twoskip zeroskip',
    },
  },
  statuscache_db_path: { type: 'string', defaults: { '2.4': null } },
  subscription_db: {
    type: 'word',
    defaults: { '2.2': 'flat' },
    words: {
      '2.2': 'flat berkeley berkeley-hash skiplist',
      '2.5': 'flat berkeley berkeley-hash skiplist twoskip',
      '3.0': 'flat skiplist twoskip lmdb',
      '3.2': 'flat skiplist twoskip zeroskip',
    },
  },
  sync_cache_db: { type: 'word', defaults: { '3.4': 'twoskip' }, words: { '3.4': 'skiplist sql twoskip zeroskip' } },
  sync_cache_db_path: { type: 'string', defaults: { '3.4': null } },
  tls_sessions_db: {
    type: 'word',
    defaults: { '2.5': 'twoskip' },
    words: {
      '2.5': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist sql twoskip',
      '3.0': 'skiplist sql twoskip lmdb',
      '3.2': 'skiplist sql twoskip zeroskip',
    },
  },
  tls_sessions_db_path: { type: 'string', defaults: { '2.5': null } },
  tlscache_db: {
    type: 'word',
    defaults: { '2.2': 'berkeley-nosync', '2.4': 'skiplist', '2.5': null, '3.0': 'twoskip' },
    words: {
      '2.2': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist',
      '2.3': 'berkeley berkeley-nosync berkeley-hash berkeley-hash-nosync skiplist sql',
      '3.0': 'skiplist sql twoskip lmdb',
      '3.2': 'skiplist sql twoskip zeroskip',
    },
    preferred: { name: 'tls_sessions_db', since: '2.5' },
  },
  tlscache_db_path: {
    type: 'string',
    defaults: { '2.4': null },
    preferred: { name: 'tls_sessions_db_path', since: '2.5' },
  },
  userdeny_db: {
    type: 'word',
    defaults: { '2.3': 'flat' },
    words: {
      '2.3': 'flat berkeley berkeley-hash skiplist sql',
      '2.5': 'flat berkeley berkeley-hash skiplist sql twoskip',
      '3.0': 'flat skiplist sql twoskip lmdb',
      '3.2': 'flat skiplist sql twoskip zeroskip',
    },
  },
  userdeny_db_path: { type: 'string', defaults: { '2.4': null } },
  zoneinfo_db: {
    type: 'word',
    defaults: { '2.5': 'twoskip' },
    words: {
      '2.5': 'flat berkeley berkeley-hash skiplist twoskip',
      '3.0': 'flat skiplist twoskip lmdb',
      '3.2': 'flat skiplist twoskip zeroskip',
    },
  },
  zoneinfo_db_path: { type: 'string', defaults: { '2.5': null } },
};

/** What `version` knows of an option; undefined where the option is none of that version's (or none of this table's). */
export function optionSpec(name: string, version: CyrusVersion): OptionSpec | undefined {
  const spec = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  return spec && rowFor(spec.defaults, version) !== undefined ? spec : undefined;
}

/** Known to some version of Cyrus. */
export function isOption(name: string): boolean {
  return Object.hasOwn(OPTIONS, name);
}

/** The version's default, as it would be written; undefined where it has none or does not know the option. */
export function defaultOf(name: string, version: CyrusVersion): string | undefined {
  const spec = optionSpec(name, version);
  return (spec && rowFor(spec.defaults, version)) ?? undefined;
}

/** Old names of `name` that `version` still takes. */
export function aliasesOf(name: string, version: CyrusVersion): readonly string[] {
  return Object.keys(OPTIONS).filter((old) => preferredName(old, version) === name);
}

/** The name that an old name stands for in `version`. */
export function preferredName(name: string, version: CyrusVersion): string | undefined {
  const spec = optionSpec(name, version);
  const preferred = spec?.preferred;
  return preferred && rowFor({ [preferred.since]: preferred.name }, version);
}
