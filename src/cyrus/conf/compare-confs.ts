/** Where two configurations differ in what users see or in what gets lost, each version's defaults counted in. */
import type { CyrusConf } from './cyrus-conf.js';

export interface ConfDifference {
  readonly option: string;
  readonly source: string;
  readonly target: string;
  /** One plain sentence for the administrator. */
  readonly effect: string;
}

const EFFECTS: readonly (readonly [option: string, effect: string])[] = [
  ['unixhierarchysep', 'Users and scripts see another separator in mailbox names; with "no", names with a dot can not be reached.'],
  ['altnamespace', 'Users see their folders beside or below INBOX, not as before; clients may have to be set up anew.'],
  ['virtdomains', 'Logins and mailboxes of domains are looked for in another place.'],
  ['defaultdomain', 'Users of that domain are looked for with or without a domain prefix, not as before.'],
  ['username_tolower', 'Logins with capital letters reach another mailbox, or none.'],
  ['lmtp_downcase_rcpt', 'Deliveries to addresses with capital letters reach another mailbox, or bounce.'],
  ['delete_mode', 'Deleted mailboxes can or can not be brought back, not as before.'],
  ['expunge_mode', 'Expunged messages can or can not be brought back, not as before.'],
  ['sieve_extensions', 'A script that needs an extension which is off fails at delivery.'],
  ['admins', 'Other accounts administer the server; ACLs name the old ones.'],
  ['autocreate_quota', 'New users get another quota, or no mailbox at all.'],
  ['autocreate_inbox_folders', 'New users get other folders.'],
  ['autocreate_sieve_folders', 'Sieve makes other folders by itself.'],
];

const SAME_WORDS: Readonly<Record<string, string>> = { semidelayed: 'default', yes: '1', on: '1', true: '1', t: '1', y: '1', no: '0', off: '0', false: '0', f: '0', n: '0' };

export function compareConfs(source: CyrusConf, target: CyrusConf): ConfDifference[] {
  const differences: ConfDifference[] = [];
  for (const [option, effect] of EFFECTS) {
    const [from, to] = [shown(source, option), shown(target, option)];
    if ((SAME_WORDS[from] ?? from) !== (SAME_WORDS[to] ?? to)) differences.push({ option, source: from, target: to, effect });
  }
  return differences;
}

function shown(conf: CyrusConf, option: string): string {
  const value = conf.option(option) ?? '';
  if (option === 'defaultdomain' && (conf.virtDomains === 'off' || value === 'internal')) return '';
  return value.split(/\s+/).sort().join(' ');
}
