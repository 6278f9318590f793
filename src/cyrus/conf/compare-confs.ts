/** Where two configurations differ in what users see or in what gets lost, each version's defaults counted in. */

import { isAtLeast } from '../version.js';
import type { CyrusConf } from './cyrus-conf.js';
import { optionSpec } from './option-table.js';
import { parseByteSize, splitWords } from './option-value.js';

export interface ConfDifference {
  readonly option: string;
  /** Values in force, as one would write them; `(not set)` for none. */
  readonly source: string;
  readonly target: string;
  /** One plain sentence for the administrator. */
  readonly effect: string;
}

interface Row {
  readonly option: string;
  /** Name of the option to 2.4 (and still taken later). */
  readonly old?: string;
  /** What is compared; equal texts make no difference. The value in force, unless said otherwise. */
  readonly of?: (conf: CyrusConf) => string;
  /** undefined: this difference has no effect on this migration. */
  readonly effect: (
    source: string,
    target: string,
    conf: { source: CyrusConf; target: CyrusConf },
  ) => string | undefined;
}

const ROWS: readonly Row[] = [
  {
    option: 'unixhierarchysep',
    effect: (_, to) =>
      to === 'yes'
        ? 'Users, clients and Sieve scripts must write folders with / instead of a dot between the parts.'
        : 'Users, clients and Sieve scripts must write folders with a dot instead of / between the parts, and a dot in a name as ^.',
  },
  {
    option: 'altnamespace',
    effect: (_, to) =>
      to === 'yes'
        ? 'Users see their folders beside INBOX instead of below it, and clients may have to be set up anew.'
        : 'Users see their folders below INBOX instead of beside it, and clients may have to be set up anew.',
  },
  { option: 'userprefix', effect: prefixEffect("other users' folders") },
  { option: 'sharedprefix', effect: prefixEffect('shared folders') },
  {
    option: 'virtdomains',
    effect: (from, to) =>
      to === 'off'
        ? 'Administrators can no longer name mailboxes in domains, and user@domain may no longer find its mail.'
        : from === 'off'
          ? 'A login with an @ now means a user in a domain, whose mailboxes have other names.'
          : 'Whether a login without a domain gets one from the server address is decided differently.',
  },
  {
    option: 'defaultdomain',
    effect: (from, to, { source, target }) => {
      // Seen with 3.6.1: a script that names no :addresses answers what is sent to USER@DEFAULTDOMAIN, whatever the envelope has.
      const vacation =
        !isAtLeast(source.version, '3.0') && isAtLeast(target.version, '3.0') && to === 'internal'
          ? 'Vacation scripts answer only mail to USER@internal: set defaultdomain to the domain of your addresses.'
          : undefined;
      // 3.x splits logins even without virtdomains; a domain that nobody writes makes no difference.
      return (source.virtDomains === 'off' && target.virtDomains === 'off') ||
        (from === '(not set)' && to === 'internal')
        ? vacation
        : `Mailboxes of ${to === '(not set)' ? from : to} are looked for ${to === '(not set)' ? 'with' : 'without'} the domain in front of their names.`;
    },
  },
  {
    option: 'username_tolower',
    effect: (_, to) =>
      to === 'yes'
        ? 'Logins are made lower case, so mailboxes of users with capital letters can no longer be reached.'
        : 'Logins keep their capital letters, so users who type one find no mailbox.',
  },
  {
    option: 'lmtp_downcase_rcpt',
    effect: (_, to) =>
      to === 'yes'
        ? 'Addresses are made lower case at delivery, so mail for users with capital letters bounces.'
        : 'Addresses keep their capital letters at delivery, so mail for Ben@… no longer reaches ben.',
  },
  {
    option: 'delete_mode',
    of: (conf) => conf.deleteMode,
    effect: (_, to) =>
      to === 'delayed'
        ? 'Deleted mailboxes are kept below DELETED and use space until cyr_expire -D removes them.'
        : 'Deleted mailboxes are gone at once and can no longer be brought back.',
  },
  {
    option: 'deletedprefix',
    of: (conf) => (conf.deletedPrefix === '' ? 'DELETED' : conf.deletedPrefix),
    effect: (from) => `Mailboxes below ${from} are no longer known as deleted, so cyr_expire does not remove them.`,
  },
  {
    option: 'expunge_mode',
    of: (conf) => (conf.expungeMode === 'default' ? 'semidelayed' : conf.expungeMode),
    effect: (from, to) =>
      to === 'delayed'
        ? 'Expunged messages are kept and use space until cyr_expire -X removes them.'
        : from === 'delayed'
          ? 'Expunged messages can no longer be brought back with unexpunge.'
          : 'Expunged messages leave the indexes at another time; they could not be brought back before either.',
  },
  {
    option: 'admins',
    of: (conf) => [...conf.admins].sort().join(' '),
    effect: (_from, _to, { source, target }) => adminsEffect(source.admins, target.admins),
  },
  {
    option: 'uidl_format',
    // Before 3.0 there was no choice: what is the default since (imap/pop3d.c uidl_msg).
    of: (conf) => conf.option('uidl_format') ?? 'cyrus',
    effect: () => 'POP3 clients that leave mail on the server see other UIDLs, and fetch all of it once more.',
  },
  {
    option: 'auth_mech',
    effect: () => 'Groups in ACLs (group:…) and canonical user names are looked up in another place.',
  },
  {
    option: 'postuser',
    effect: (from, to) =>
      `Mail to shared folders is addressed as ${to === '(not set)' ? '' : to}+folder instead of ${from === '(not set)' ? '' : from}+folder.`,
  },
  {
    option: 'autocreate_quota',
    old: 'autocreatequota',
    effect: () => 'New users get their INBOX by themselves, or their quota, differently.',
  },
  {
    option: 'autocreate_quota_messages',
    old: 'autocreatequotamsg',
    effect: () => 'New users get another limit on the number of messages.',
  },
  {
    option: 'autocreate_users',
    of: (conf) => conf.option('autocreate_users') ?? 'anyone',
    effect: () => 'Others than before get their INBOX by themselves at the first login.',
  },
  {
    option: 'autocreate_post',
    old: 'createonpost',
    effect: (_, to) =>
      to === 'yes'
        ? 'Mail for unknown users creates an INBOX instead of bouncing.'
        : 'Mail for users without an INBOX bounces instead of creating one.',
  },
  { option: 'autocreate_inbox_folders', old: 'autocreateinboxfolders', effect: () => 'New users get other folders.' },
  {
    option: 'autocreate_subscribe_folders',
    old: 'autosubscribeinboxfolders',
    effect: () => 'New users are subscribed to other folders of their own.',
  },
  {
    option: 'autocreate_subscribe_sharedfolders',
    old: 'autosubscribesharedfolders',
    effect: () => 'New users are subscribed to other shared folders.',
  },
  {
    option: 'autocreate_subscribe_sharedfolders_all',
    old: 'autosubscribe_all_sharedfolders',
    effect: () => 'New users are subscribed to other shared folders.',
  },
  { option: 'autocreate_sieve_script', effect: () => 'New users get another Sieve script.' },
  {
    option: 'autocreate_sieve_folders',
    old: 'autosievefolders',
    effect: () => 'Folders that Sieve scripts file into are created by themselves differently.',
  },
  {
    option: 'anysievefolder',
    effect: (_, to) =>
      to === 'yes'
        ? 'Any folder that a Sieve script files into is created.'
        : 'A Sieve script that files into a missing folder no longer creates it.',
  },
];

/** In the order of the table; Sieve extensions last. */
export function compareConfs(source: CyrusConf, target: CyrusConf): ConfDifference[] {
  const differences: ConfDifference[] = [];
  for (const row of ROWS) {
    const shown = (conf: CyrusConf) => (row.of?.(conf) ?? valueInForce(conf, row)) || '(not set)';
    const [from, to] = [shown(source), shown(target)];
    const text = from === to ? undefined : row.effect(from, to, { source, target });
    if (text !== undefined) differences.push({ option: row.option, source: from, target: to, effect: text });
  }
  return [...differences, ...lostExtensions(source, target)];
}

/** A switch as yes or no; an option that the version does not know is off, or not set. */
function valueInForce(conf: CyrusConf, { option, old }: Row): string {
  const value = conf.option(option) ?? (old === undefined ? undefined : conf.option(old));
  // Known to the newest version: no option of the table ever changed from or to a switch.
  if (optionSpec(option, '3.12')?.type === 'switch') return value?.startsWith('1') ? 'yes' : 'no';
  // A size with a unit since 3.8, KiB without; before, a number of KiB.
  if (option === 'autocreate_quota' && isAtLeast(conf.version, '3.8')) {
    const bytes = parseByteSize(value ?? '-1', 'K') ?? -1n;
    return String(bytes < 0n ? -1n : bytes / 1024n);
  }
  // 2.2 to 2.4 say 0 for "no mailboxes by themselves", later ones -1.
  if (option.startsWith('autocreate_quota'))
    return isAtLeast(conf.version, '2.5') ? (value ?? '-1') : value === '0' || value === undefined ? '-1' : value;
  return value ?? '';
}

function prefixEffect(what: string): Row['effect'] {
  return (_, to, { source, target }) =>
    source.altNamespace && target.altNamespace
      ? `Users find ${what} below "${to}", so clients must look there.`
      : undefined;
}

function adminsEffect(from: readonly string[], to: readonly string[]): string {
  const lost = from.filter((one) => !to.includes(one));
  const won = to.filter((one) => !from.includes(one));
  const parts = [
    ...(lost.length > 0 ? [`${lost.join(', ')} can no longer administer the server`] : []),
    ...(won.length > 0 ? [`${won.join(', ')} can do so now`] : []),
  ];
  return `At the target, ${parts.join(', and ')}.`;
}

/** Names of one extension in different versions. @see cyrus-imapd 3.12.3 lib/imapoptions sieve_extensions (`a=b`) */
const SAME_EXTENSION: Readonly<Record<string, string>> = {
  imapflags: 'imap4flags',
  'x-cyrus-log': 'vnd.cyrus.log',
  'x-cyrus-jmapquery': 'vnd.cyrus.jmapquery',
  'vnd.cyrus.imip': 'processcalendar',
  'vnd.cyrus.snooze': 'snooze',
  'x-cyrus-snooze': 'snooze',
};

/** Only what scripts may use today and could not tomorrow. */
function lostExtensions(source: CyrusConf, target: CyrusConf): ConfDifference[] {
  const words = (conf: CyrusConf) =>
    splitWords(conf.option('sieve_extensions') ?? '').map((word) => SAME_EXTENSION[word] ?? word);
  const [from, to] = [words(source), words(target)];
  const lost = [...new Set(from)].filter((word) => !to.includes(word));
  if (lost.length === 0) return [];
  const effect = `Sieve scripts that use ${lost.join(', ')} fail at delivery, because the target does not allow it.`;
  return [{ option: 'sieve_extensions', source: from.join(' '), target: to.join(' ') || '(not set)', effect }];
}
