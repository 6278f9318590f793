/**
 * What each release line takes for an option that imapd.conf does not name. Rows begin at the version they hold from.
 * @see cyrus-imapd lib/imapoptions of 2.2.13 … 3.12.3; reference cyrus-names-and-databases.md 1.2
 */
import { type CyrusVersion, isAtLeast } from '../version.js';

type Rows = readonly (readonly [from: CyrusVersion, value: string])[];

const DEFAULTS: Readonly<Record<string, Rows>> = {
  hashimapspool: [['2.2', '0']],
  fulldirhash: [['2.2', '0']],
  unixhierarchysep: [['2.2', '0'], ['3.0', '1']],
  altnamespace: [['2.2', '0'], ['3.0', '1']],
  virtdomains: [['2.2', 'off']],
  defaultdomain: [['3.0', 'internal']],
  username_tolower: [['2.2', '1']],
  lmtp_downcase_rcpt: [['2.2', '0'], ['3.0', '1']],
  userprefix: [['2.2', 'Other Users']],
  sharedprefix: [['2.2', 'Shared Folders']],
  deletedprefix: [['2.3', 'DELETED']],
  delete_mode: [['2.2', 'immediate'], ['2.5', 'delayed']],
  expunge_mode: [['2.2', 'immediate'], ['2.4', 'default'], ['2.5', 'delayed']],
  sievedir: [['2.2', '/usr/sieve']],
  sieveusehomedir: [['2.2', '0']],
  sieve_folder: [['3.6', '#sieve']],
  archive_enabled: [['3.0', '0']],
  mailbox_legacy_dirs: [['3.6', '0']],
  improved_mboxlist_sort: [['2.2', '0']],
  conversations: [['3.0', '0']],
  defaultpartition: [['2.2', 'default']],
  mboxlist_db: [['2.2', 'skiplist'], ['2.5', 'twoskip']],
  annotation_db: [['2.2', 'skiplist'], ['2.5', 'twoskip']],
  seenstate_db: [['2.2', 'skiplist'], ['2.5', 'twoskip']],
  mboxkey_db: [['2.3', 'skiplist'], ['2.5', 'twoskip']],
  quota_db: [['2.2', 'quotalegacy']],
  subscription_db: [['2.2', 'flat']],
  userdeny_db: [['2.3', 'flat']],
  duplicate_db: [['2.2', 'berkeley-nosync'], ['2.4', 'skiplist'], ['2.5', 'twoskip']],
  conversations_db: [['3.0', 'skiplist']],
  autocreate_quota: [['2.2', '0'], ['2.5', '-1']],
  autocreate_inbox_folders: [],
  autocreate_sieve_folders: [],
  sieve_extensions: [],
  admins: [['2.2', '']],
  cyrus_user: [['2.2', 'cyrus']],
  cyrus_group: [['2.2', 'mail']],
};

/** Names that later releases gave to an option; the old one sets the new. */
export const ALIASES: Readonly<Record<string, string>> = {
  autocreatequota: 'autocreate_quota',
  autocreateinboxfolders: 'autocreate_inbox_folders',
  autosievefolders: 'autocreate_sieve_folders',
  archive_days: 'archive_after',
  tlscache_db: 'tls_sessions_db',
};

/** The default in force for `version`, or undefined where the option has none or does not exist. */
export function defaultOf(option: string, version: CyrusVersion): string | undefined {
  let value: string | undefined;
  for (const [from, text] of DEFAULTS[option] ?? []) if (isAtLeast(version, from)) value = text;
  return value;
}
