/**
 * What a thing found on a partition is, from facts alone. The cases, the first that fits (reference
 * cyrus-mailbox-files.md 7.3):
 *
 * | fact                                                                         | class                   |
 * | ---------------------------------------------------------------------------- | ----------------------- |
 * | a tree of directories without any file, no live mailbox's                    | empty-directory         |
 * | a file of a write, delivery or replication that did not end; a copy of an    |                         |
 * |   index or header where the configuration does not look for it               | debris                  |
 * | a message file in a live directory that no record of its index names         | message-without-record  |
 * | a user's file, or scripts, where the server does not look for that user      | stale-user-file         |
 * | a quota root's file where the server does not look for that root             | stale-quota-file        |
 * | nothing that Cyrus writes; what can't be read                                | foreign                 |
 * | a live mailbox of the DELETED hierarchy                                      | deleted-awaiting-expire |
 * | a mailbox's files in a path that no name or uniqueid of this server leads to | wrong-hash              |
 * | … its uniqueid is a live mailbox's, and messages of its own index are missing| unfinished-rename       |
 * | … its uniqueid is a live mailbox's                                           | stale-copy              |
 * | … its uniqueid is no live mailbox's, but a live one has its name             | replaced                |
 * | … neither                                                                    | orphan-mailbox          |
 *
 * Which of two places is the live one is for mailboxes.db alone to say: never the fuller, never the newer.
 */
import { formatDay } from '../base/units.js';
import type { Evidence, LeftoverClass, LeftoverVerdict } from '../model/leftover-class.js';

/** A directory with files of a mailbox where mailboxes.db knows none. */
export interface PlaceFacts {
  readonly kind: 'place';
  readonly uniqueid: string | undefined;
  /** No name or uniqueid of this server leads to this path. */
  readonly isWrongPath: boolean;
  /** The live mailbox with this uniqueid: its name, and the directory that mailboxes.db says. */
  readonly twin: { readonly name: string; readonly path: string } | undefined;
  /** Where a live mailbox has the name of this place: the directory that mailboxes.db says. */
  readonly nameLivesAt: string | undefined;
  /** What mailboxes.db has of that name, where it is not live. */
  readonly record: 'tombstone' | 'reserved' | undefined;
  /** Records of its own index whose message file is not here. */
  readonly missingMessages: number;
  /** Its index says that the server deleted it (option bit 31). */
  readonly isMarkedDeleted: boolean;
  readonly messages: number;
  /** Unix time in the last part of its name, below the DELETED hierarchy. */
  readonly deletedAtSec: number | undefined;
  /** The live mailbox that this may be: it has no index where mailboxes.db says, and here is one, or mail. */
  readonly mayBeLive: { readonly name: string; readonly path: string } | undefined;
}

/** A file of a user or quota root, or scripts, where the server does not look for them. */
export interface ConfigFileFacts {
  readonly kind: 'user-file' | 'quota-file';
  /** User or root as people name it. */
  readonly of: string;
  /** Where the server looks; undefined: nowhere any more. */
  readonly computed: string | undefined;
  readonly computedExists: boolean;
  readonly why: 'bucket' | 'by-uniqueid' | 'gone' | 'backend';
}

export type Facts =
  | { readonly kind: 'empty' }
  | { readonly kind: 'debris'; readonly what: 'unfinished-write' | 'staging' | 'out-of-place' }
  | { readonly kind: 'no-record'; readonly mailbox: string; readonly uid: number; readonly lastUid: number }
  | ConfigFileFacts
  | {
      readonly kind: 'foreign';
      readonly what: string;
      readonly isUnreadable?: boolean;
      /** Below lost+found. */
      readonly mayHoldMail?: boolean;
    }
  | {
      readonly kind: 'deleted';
      readonly mailbox: string;
      readonly atSec: number | undefined;
      readonly migrated: boolean;
    }
  | PlaceFacts;

export interface Classified {
  readonly class: LeftoverClass;
  readonly evidence: Evidence;
}

export function classify(facts: Facts): Classified {
  switch (facts.kind) {
    case 'empty':
      return { class: 'empty-directory', evidence: ['there is no file in it, and no live mailbox keeps files in it'] };
    case 'debris':
      return { class: 'debris', evidence: [DEBRIS[facts.what]] };
    case 'no-record':
      return {
        class: 'message-without-record',
        evidence: [
          `the index of ${facts.mailbox} has no record of UID ${facts.uid}`,
          facts.uid > facts.lastUid
            ? `the last UID it gave is ${facts.lastUid}: a delivery that did not end, or a file put here by hand`
            : `the last UID it gave is ${facts.lastUid}: a message that was expunged, but not removed`,
        ],
      };
    case 'user-file':
    case 'quota-file':
      return classifyConfigFile(facts);
    case 'foreign':
      return { class: 'foreign', evidence: [facts.what] };
    case 'deleted':
      return {
        class: 'deleted-awaiting-expire',
        evidence: [
          `${facts.mailbox} was deleted${facts.atSec === undefined ? '' : ` on ${formatDay(facts.atSec)}`} and waits for cyr_expire`,
          facts.migrated ? 'it goes to the target like any other mailbox' : 'the job file says to leave it',
        ],
      };
    case 'place':
      return classifyPlace(facts);
    default:
      return facts satisfies never;
  }
}

const DEBRIS = {
  'unfinished-write': 'a file being written when the server stopped; the server makes it anew and never reads it',
  staging: 'a message on its way in when the server stopped: the sender was not told that it had arrived',
  'out-of-place': 'the configuration keeps this file of the mailbox elsewhere, and there is one there',
} as const;

function classifyConfigFile(facts: ConfigFileFacts): Classified {
  const what = facts.kind === 'user-file' ? `user ${facts.of}` : `quota root ${facts.of}`;
  const evidence: [string, ...string[]] = [
    {
      bucket: `the server looks for ${what} in another hash directory`,
      'by-uniqueid': `the INBOX of ${what} is kept by uniqueid, and so are that user's files`,
      gone: `${what} was renamed or deleted`,
      backend: 'quota roots are kept in another database here (quota_db)',
    }[facts.why],
  ];
  if (facts.computed !== undefined) {
    evidence.push(
      facts.computedExists
        ? `the file in use is ${facts.computed}`
        : `there is no ${facts.computed}, where it would be in use`,
    );
  }
  return { class: facts.kind === 'user-file' ? 'stale-user-file' : 'stale-quota-file', evidence };
}

function classifyPlace(facts: PlaceFacts): Classified {
  const { twin, missingMessages: missing } = facts;
  const evidence: string[] = [];
  if (twin)
    evidence.push(`uniqueid ${facts.uniqueid} is that of ${twin.name}, which mailboxes.db keeps at ${twin.path}`);
  else if (facts.uniqueid !== undefined) evidence.push(`no live mailbox has uniqueid ${facts.uniqueid}`);
  else evidence.push('nothing here says which mailbox it was: there is no header');
  if (facts.isWrongPath) evidence.push('no mailbox of this server is kept below this hash directory');
  if (!twin && facts.nameLivesAt !== undefined)
    evidence.push(`the mailbox of this name lies at ${facts.nameLivesAt} now`);
  if (facts.record === 'tombstone') evidence.push('mailboxes.db says that this name was deleted or renamed');
  if (facts.record === 'reserved')
    evidence.push('mailboxes.db has this name as reserved: a RENAME or CREATE that did not end');
  if (facts.isMarkedDeleted) evidence.push('its index is marked as deleted by the server');
  if (missing > 0)
    evidence.push(
      missing === 1
        ? '1 message that its index lists is not here'
        : `${missing} messages that its index lists are not here`,
    );
  if (facts.deletedAtSec !== undefined)
    evidence.push(`its path says it was deleted on ${formatDay(facts.deletedAtSec)}; mailboxes.db has it no more`);
  if (facts.messages === 0) evidence.push('it holds no message');
  return { class: classOfPlace(facts), evidence: evidence as unknown as Evidence };
}

function classOfPlace({ isWrongPath, twin, missingMessages, nameLivesAt }: PlaceFacts): LeftoverClass {
  if (isWrongPath) return 'wrong-hash';
  if (twin) return missingMessages > 0 ? 'unfinished-rename' : 'stale-copy';
  return nameLivesAt !== undefined ? 'replaced' : 'orphan-mailbox';
}

/** Where each message file of a leftover was found again; sums to all of them. */
export interface Proof {
  /** In the live mailbox with the same uniqueid. */
  readonly inTwin: number;
  /** In another live mailbox of the same user (of anyone, where it is nobody's). */
  readonly elsewhere: number;
  /** The live mailbox is known to have expunged it: same uniqueid and UIDVALIDITY, the UID is past, the stale index knew it. */
  readonly expunged: number;
  readonly onlyHere: number;
  readonly unreadable: number;
  /** Of those that are only here, as far as their names are UIDs; ascending. */
  readonly uids?: readonly number[];
}

/** What the proof says, in one sentence; none where there was no message. */
function proofText(facts: Facts, { inTwin, elsewhere, expunged, onlyHere, unreadable, uids = [] }: Proof): string[] {
  const all = inTwin + elsewhere + expunged + onlyHere + unreadable;
  if (all === 0) return [];
  const twin = (facts.kind === 'place' && facts.twin?.name) || 'the live mailbox';
  const found: [number, string, string][] = [
    [inTwin, 'in', twin],
    [elsewhere, 'in', 'other live mailboxes'],
    [expunged, 'expunged', `in ${twin} since`],
  ];
  const some = found.filter(([count]) => count > 0);
  const [first] = some;
  const parts = some.map(([count, how, where]) => `${count} ${how === 'in' ? are(count) : were(count)}${how} ${where}`);
  if (onlyHere + unreadable > 0) {
    const numbers = uids.slice(0, SHOWN_UIDS).join(', ') + (uids.length > SHOWN_UIDS ? ', …' : '');
    const which = uids.length === 0 ? '' : `: UID${uids.length === 1 ? '' : 's'} ${numbers}`;
    if (onlyHere > 0) {
      const of =
        all === onlyHere ? (all === 1 ? 'its message' : `all ${all} messages`) : `${onlyHere} of ${all} messages`;
      parts.unshift(`${of} exist${onlyHere === 1 ? 's' : ''} nowhere else (by SHA-1)${which}`);
    }
    if (unreadable > 0) parts.push(`${unreadable} of ${all} could not be read`);
    return [parts.join('; ')];
  }
  if (some.length === 1 && first) {
    const [, how, where] = first;
    const verb = how === 'in' ? are(all) : were(all);
    return [
      `harmless: ${all === 1 ? 'its message' : `all ${all} messages`} ${verb}${how} ${where}${how === 'in' ? ' (by SHA-1)' : ''}`,
    ];
  }
  return [`harmless: of ${all} messages ${parts.join(', ')} (by SHA-1)`];
}

const SHOWN_UIDS = 20;
const are = (count: number) => (count === 1 ? 'is ' : 'are ');
const were = (count: number) => (count === 1 ? 'was ' : 'were ');

/** Two places claim to be one mailbox, and the disk does not say which is. */
export function isStructural(facts: Facts, doubts: Pick<Doubts, 'rivals'>): boolean {
  return (facts.kind === 'place' && facts.mayBeLive !== undefined) || doubts.rivals.length > 0;
}

export interface Doubts {
  /** The configuration may not be that of this spool: nothing is safe to pass over. */
  readonly isDoubtful: boolean;
  /** Other directories with mail of the same uniqueid, where no live mailbox has it. */
  readonly rivals: readonly string[];
}

/**
 * What is to be done with it, and the evidence from the messages.
 * @param proof Undefined where contents were not compared.
 */
export function judge(
  facts: Facts,
  proof: Proof | undefined,
  doubts: Doubts,
): { verdict: LeftoverVerdict; evidence: string[] } {
  if (facts.kind === 'deleted') return { verdict: facts.migrated ? 'migrate' : 'skip', evidence: [] };
  const evidence: string[] = [];
  let verdict: LeftoverVerdict = 'skip';
  if (doubts.isDoubtful && facts.kind !== 'empty') {
    verdict = 'person';
    evidence.push('fewer than half of the mailboxes lie where this imapd.conf says: is it the right one?');
  }
  if (facts.kind === 'foreign') verdict = 'person';
  if (facts.kind === 'place' && facts.mayBeLive) {
    const { name, path } = facts.mayBeLive;
    evidence.push(`mailboxes.db keeps ${name} at ${path}, where there is no index: this may be the live one`);
  }
  if (doubts.rivals.length > 0) {
    evidence.push(`${doubts.rivals.join(', ')} has mail of the same uniqueid: nothing says which is the mailbox`);
  }
  if (
    (facts.kind === 'user-file' || facts.kind === 'quota-file') &&
    facts.computed !== undefined &&
    !facts.computedExists
  )
    verdict = 'person';
  if (!proof) {
    if (
      'messages' in facts
        ? facts.messages > 0
        : facts.kind === 'no-record' || (facts.kind === 'debris' && facts.what === 'staging')
    ) {
      return { verdict: 'person', evidence: [...evidence, 'its messages were not compared with live ones'] };
    }
    return { verdict: isStructural(facts, doubts) ? 'person' : verdict, evidence };
  }
  evidence.push(...proofText(facts, proof));
  if (proof.unreadable > 0) verdict = 'person';
  if (proof.onlyHere > 0) verdict = 'rescue';
  if (isStructural(facts, doubts)) {
    verdict = 'person';
    if (proof.onlyHere > 0) evidence.push('until a rule of the job file decides, copies of these are rescued');
  }
  return { verdict, evidence };
}
