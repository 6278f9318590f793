/** The whole reasoning about one path: each rule in its order, what it asked and what it saw. */
import type { LeftoverClass } from '../model/leftover-class.js';
import type { Facts, PlaceFacts } from './classify.js';
import type { LiveMailboxes } from './live-mailboxes.js';

export interface Step {
  readonly class: LeftoverClass;
  readonly asks: string;
  readonly saw: string;
  readonly fits: boolean;
}

type Rule = readonly [LeftoverClass, asks: string, test: (facts: Facts) => readonly [fits: boolean, saw: string]];

const kindIs =
  (kinds: readonly Facts['kind'][], saw: (facts: Facts) => string): Rule[2] =>
  (facts) =>
    kinds.includes(facts.kind) ? [true, saw(facts)] : [false, WHAT[facts.kind](facts as never)];

const WHAT: { readonly [K in Facts['kind']]: (facts: Extract<Facts, { kind: K }>) => string } = {
  empty: () => 'a tree of directories without a file',
  debris: ({ what }) =>
    ({
      'unfinished-write': 'a .NEW file',
      staging: 'a file below stage.',
      'out-of-place': 'a meta file that the configuration keeps elsewhere',
    })[what],
  'no-record': ({ mailbox, uid }) => `a message file, UID ${uid}, in a live directory of ${mailbox}`,
  'user-file': ({ of }) => `files of user ${of}`,
  'quota-file': ({ of }) => `the file of quota root ${of}`,
  foreign: ({ what }) => what,
  deleted: ({ mailbox }) => `the directory of ${mailbox}, which mailboxes.db has`,
  place: ({ messages }) =>
    `files of a mailbox (${messages} messages) in a directory that mailboxes.db leads no mailbox to`,
};

const place =
  (test: (facts: PlaceFacts) => readonly [boolean, string]): Rule[2] =>
  (facts) =>
    facts.kind === 'place' ? test(facts) : [false, WHAT[facts.kind](facts as never)];

/** In the order of `classify`, whose class is that of the first that fits. */
const RULES: readonly Rule[] = [
  ['empty-directory', 'is there no file in it nor below it?', kindIs(['empty'], WHAT.empty as () => string)],
  [
    'debris',
    'is it what a write, delivery or replication that did not end leaves?',
    kindIs(['debris'], WHAT.debris as (f: Facts) => string),
  ],
  [
    'message-without-record',
    'is it a message file in a live directory that its index does not name?',
    kindIs(['no-record'], (facts) =>
      facts.kind === 'no-record' ? `no record of UID ${facts.uid}; the last UID given is ${facts.lastUid}` : '',
    ),
  ],
  [
    'stale-user-file',
    'is it a user’s file, where the server does not look for that user?',
    kindIs(['user-file'], (facts) =>
      facts.kind === 'user-file'
        ? `user ${facts.of}: ${facts.computed === undefined ? 'the server looks nowhere' : `the server looks at ${facts.computed}`}`
        : '',
    ),
  ],
  [
    'stale-quota-file',
    'is it a quota root, where the server does not look for that root?',
    kindIs(['quota-file'], (facts) =>
      facts.kind === 'quota-file'
        ? `root ${facts.of}: ${facts.computed === undefined ? 'the server looks nowhere' : `the server looks at ${facts.computed}`}`
        : '',
    ),
  ],
  ['foreign', 'is it nothing that Cyrus writes there?', kindIs(['foreign'], WHAT.foreign as (f: Facts) => string)],
  [
    'deleted-awaiting-expire',
    'is it a live mailbox of the DELETED hierarchy?',
    kindIs(['deleted'], WHAT.deleted as (f: Facts) => string),
  ],
  [
    'wrong-hash',
    'is it a path that no mailbox name or uniqueid of this server leads to?',
    place(({ isWrongPath }) => [
      isWrongPath,
      isWrongPath
        ? 'another hash directory, or one where there should be none'
        : 'the path is where a mailbox of that name would lie',
    ]),
  ],
  [
    'unfinished-rename',
    'is its uniqueid a live mailbox’s, and are messages of its own index missing?',
    place(({ twin, uniqueid, missingMessages }) => [
      twin !== undefined && missingMessages > 0,
      `${twin ? `uniqueid ${uniqueid} is ${twin.name}’s, at ${twin.path}` : `uniqueid ${uniqueid ?? 'unknown'} is no live mailbox’s`}; ${missingMessages} messages of its index are missing`,
    ]),
  ],
  [
    'stale-copy',
    'is its uniqueid a live mailbox’s?',
    place(({ twin, uniqueid }) => [
      twin !== undefined,
      twin
        ? `uniqueid ${uniqueid} is ${twin.name}’s, at ${twin.path}`
        : `uniqueid ${uniqueid ?? 'unknown'} is no live mailbox’s`,
    ]),
  ],
  [
    'replaced',
    'has a live mailbox its name now?',
    place(({ nameLivesAt }) => [
      nameLivesAt !== undefined,
      nameLivesAt === undefined ? 'no live mailbox has the name of this path' : `the name lives at ${nameLivesAt}`,
    ]),
  ],
  [
    'orphan-mailbox',
    'then it is a mailbox that mailboxes.db does not know',
    place(({ record }) => [
      true,
      record === undefined ? 'nothing in mailboxes.db' : `mailboxes.db has its name as ${record}`,
    ]),
  ],
];

/** Every rule up to the one that fits. */
export function reasoning(facts: Facts): Step[] {
  const steps: Step[] = [];
  for (const [name, asks, test] of RULES) {
    const [fits, saw] = test(facts);
    steps.push({ class: name, asks, saw, fits });
    if (fits) break;
  }
  return steps;
}

/** What a path is that is no leftover. */
export function liveReason(live: LiveMailboxes, path: string): string {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const mailbox = live.at(at);
    if (!mailbox) continue;
    const whose = `${mailbox.name}, whose directory mailboxes.db says is ${at}`;
    return at === path
      ? `it is live: ${whose}`
      : `nearest above it is the live ${whose}; of ${path} itself nothing is a leftover`;
  }
  if (live.isAbove(path)) return 'live mailboxes lie below it';
  return 'no live mailbox lies there; it is the server’s own, a user’s, on the way to other directories, or not there';
}
