/** Access control lists as mailboxes.db and cyrus.header hold them. */

import { type CyrusVersion, isAtLeast } from '../version.js';

/** One identifier and its rights; the identifier may begin with `-` (rights taken away) or `group:`. */
export type AclPair = readonly [identifier: string, rights: string];

/**
 * Splits `id TAB rights TAB …`. What follows the last identifier without a TAB is dropped, as Cyrus does.
 * @see cyrus-imapd 3.6.1 imap/mailbox.c mailbox_acl_to_dlist
 */
export function aclPairs(acl: string): AclPair[] {
  const words = acl.split('\t');
  const pairs: AclPair[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    pairs.push([words[i] as string, words[i + 1] as string]);
  }
  return pairs;
}

/** `id TAB rights TAB …`, with the trailing TAB that Cyrus writes. */
export function aclFromPairs(pairs: readonly AclPair[]): string {
  return pairs.map(([identifier, rights]) => `${identifier}\t${rights}\t`).join('');
}

/** Rights of 2.2, in the order it writes them. */
const RIGHTS_OF_22 = 'lrswipcda';

/**
 * The ACL for a server of `version`. Unchanged from 2.3 on, where every letter is understood or ignored;
 * for 2.2, which has one right to create and delete mailboxes and one to delete messages, k and x become c, t and e d.
 * @see cyrus-imapd 2.2.13 lib/acl.c, 3.6.1 lib/acl.c cyrus_acl_strtomask
 */
export function translateAcl(acl: string, version: CyrusVersion): string {
  if (isAtLeast(version, '2.3')) return acl;
  return aclFromPairs(aclPairs(acl).map(([identifier, rights]) => [identifier, rightsOf22(rights)]));
}

function rightsOf22(rights: string): string {
  const has = new Set(rights);
  if (has.has('k') || has.has('x')) has.add('c');
  if (has.has('t') || has.has('e')) has.add('d');
  const digits = [...has].filter((right) => right >= '0' && right <= '9').sort();
  return [...RIGHTS_OF_22].filter((right) => has.has(right)).join('') + digits.join('');
}
