import type { AllowedDifference } from './state-diff.js';

/**
 * What a server shows otherwise even of a spool that it upgraded in place itself: found by starting it over
 * copies of each spool and recording. `spools` are names in fixtures/spools, which begin with the version;
 * `targets` release lines of that server.
 */
export const UPGRADE_DIFFERENCES: readonly AllowedDifference[] = [
  {
    spools: /^(2|3\.[0-4]-)/,
    path: / > mailboxid$/,
    from: 'absent',
    why: 'OBJECTID of mailboxes is new in 3.6',
  },
  {
    spools: /^(2|3\.0)/,
    path: / > emailid$/,
    from: 'absent',
    to: /^"M(?!0{24})[0-9a-f]{24}"$/,
    why: 'OBJECTID of messages is new in 3.6',
  },
  {
    spools: /^(2|3\.0)/,
    path: / > metadata > \/shared\/vendor\/cmu\/cyrus-imapd\/(uniqueid|synccrcs|foldermodseq|hasalarms)$/,
    from: 'absent',
    why: 'METADATA entries that 2.x and 3.0 did not have',
  },
  {
    spools: /^2/,
    path: / > (metadata|server_metadata) > \/private\/vendor\/cmu\/cyrus-imapd\/usermodseq$/,
    from: 'absent',
    why: 'entry that 2.x did not have',
  },
  {
    spools: /^2/,
    path: /^users > .* > quota$/,
    from: /user/,
    to: /INBOX/,
    same: /\((?:[A-Z-]+ \d+ \d+ ?)+\)/,
    why: "GETQUOTAROOT names a user's own root INBOX; figures and limits alike",
  },
  {
    spools: /^2\.[23]/,
    path: / > (modseq|highestmodseq)$/,
    from: 'absent',
    to: /^[0-9]+$/,
    why: 'no CONDSTORE in the old mailbox',
  },
  {
    spools: /^2\.[23]/,
    path: / > (modseq|highestmodseq)$/,
    from: /^null$/,
    to: /^[0-9]+$/,
    why: 'no CONDSTORE in the old mailbox',
  },
  {
    spools: /^2\.3/,
    path: / > metadata > \/shared\/vendor\/cmu\/cyrus-imapd\/condstore$/,
    to: 'absent',
    why: 'entry dropped after 2.3',
  },
  {
    spools: /^2\.3/,
    path: / > mailboxes > [^>]*Half New$/,
    from: /currently reserved|Noselect/,
    to: 'absent',
    why: 'record reserved by a RENAME that died: rightly left out',
  },
  {
    spools: /^2\.[2-4].*virt/,
    path: / > attributes$/,
    but: /^\\Has(No)?Children$/,
    why: '3.x shows an administrator no children in other domains, see 3.6-virtdomains',
  },
  {
    spools: /^2\.2/,
    path: / > (metadata|server_metadata)$|^admin > server_metadata$/,
    from: 'absent',
    why: '2.2 had no METADATA',
  },
  {
    spools: /^2\.2/,
    path: /^users > .* > acl$/,
    to: 'absent',
    why: "2.2 answers GETACL to those without the right a; the administrator's view is compared",
  },
  {
    spools: /^2\.5/,
    path: / > metadata > \/private\/specialuse$/,
    from: 'absent',
    why: 'GETMETADATA of 2.5 left it out',
  },
  {
    spools: /^(2\.5|3\.0)/,
    path: / > attributes$/,
    but: /^\\(Has(No)?Children|Drafts|Sent|Trash|Junk|Archive)$/,
    why: 'LIST of 2.5 and 3.0 showed special use only when asked',
  },
  {
    spools: /^(2|3\.0)/,
    targets: /^3\.2$/,
    path: /^(?:admin|users > [^>]+) > mailboxes > [^>]+$/,
    from: 'absent',
    to: /^\{"error":"Mailbox does not exist","attributes":\["\\\\HasChildren","\\\\Noselect"\],"metadata":\{"error":"NO"\}\}$/,
    why: 'ctl_cyrusdb -r of 3.2 makes records of intermediates, which LIST shows',
  },
  {
    spools: /^(2|3\.[0-8]-)/,
    targets: /^3\.1[02]$/,
    path: / > metadata > \/shared\/vendor\/cmu\/cyrus-imapd\/userrawquota$/,
    from: 'absent',
    to: /^"\((?:[A-Z-]+ \d+ \d+ ?)+\)"$/,
    why: 'METADATA entry that is new in 3.10',
  },
  {
    path: / > metadata > \/shared\/vendor\/cmu\/cyrus-imapd\/synccrcs$/,
    why: 'recomputed by the server',
  },
];
