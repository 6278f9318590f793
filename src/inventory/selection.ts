/**
 * Who comes along. Decided by whole units, for each mailbox the first that fits:
 *
 * | the unit | comes |
 * | --- | --- |
 * | was cut over in an earlier wave | no, never again: the target's is the live one |
 * | `only` is there, and no pattern of it fits | no, in a later wave or job perhaps |
 * | a pattern of `leave_out` fits | no |
 * | is a user's, and nothing of it is newer than `unused_since` or `unused_days` | no |
 * | anything else | yes |
 *
 * What stays behind is live on the old server: it is listed with its size, and never a leftover. A copy that an earlier
 * pass made of it is kept where the unit is final or not chosen; where it is left out or unused it is removed, as a
 * mailbox that is deleted, and by the same guard.
 */
import { ConfigError } from '../base/errors.js';
import type { Sliced } from '../base/slices.js';
import { asInternalName, type InternalName, inboxOf, isInbox, type User, userOf } from '../cyrus/names/mailbox-name.js';
import {
  NamePatterns,
  type NameSubject,
  parseNamePattern,
  subjectOfName,
  subjectOfUser,
  textOfSubject,
} from '../cyrus/names/name-pattern.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import { type DisuseRule, type UseSign, useOf } from './disuse.js';
import { isByName, unitOf } from './listed-mailbox.js';

/** Why a unit does not come. */
export type Stay =
  | { readonly reason: 'final'; readonly since: string }
  | { readonly reason: 'not-chosen' }
  | { readonly reason: 'left-out'; readonly pattern: string }
  | { readonly reason: 'unused'; readonly signs: readonly UseSign[] };

/** A user who would be called unused, and is not, for something could not be looked at. */
export interface Doubt {
  readonly unit: string;
  readonly why: string;
}

export class Selection {
  readonly #job: Job;
  readonly #finals: ReadonlyMap<string, string>;
  readonly #only: NamePatterns | undefined;
  readonly #leaveOut: NamePatterns;
  readonly #unused: ReadonlyMap<string, readonly UseSign[]>;
  readonly #stays = new Map<string, Stay | undefined>();
  /** Whether everything comes; then no name is looked at. */
  readonly #isWhole: boolean;
  readonly doubts: readonly Doubt[];
  /** Some users at a time, into a target that serves others: its databases are added to, not replaced. */
  readonly isWave: boolean;

  constructor(
    job: Job,
    finals: ReadonlyMap<string, string>,
    unused: ReadonlyMap<string, readonly UseSign[]> = new Map(),
    doubts: readonly Doubt[] = [],
  ) {
    const { only, leave_out } = job.options.select;
    if (only?.length === 0)
      throw new ConfigError(
        '`only` in [select] of the job file names nobody',
        'an empty list, or an empty file, chooses no user at all',
        'Name the users of this wave, or take the line away for all of them.',
      );
    this.#job = job;
    this.#finals = finals;
    this.#only = only && patternsOf(only, 'only', job);
    this.#leaveOut = patternsOf(leave_out, 'leave_out', job);
    this.#unused = unused;
    this.doubts = doubts;
    this.#isWhole = finals.size + leave_out.length + unused.size === 0 && only === undefined;
    this.isWave = isWaveOf(job, finals);
  }

  /** Whether it depends on what users do, and so may change though no file of a chosen mailbox does. */
  get hasUnused(): boolean {
    return this.#unused.size > 0;
  }

  /** Of a mailbox, or a quota root within a unit. */
  takes(name: InternalName): boolean {
    return this.#isWhole || this.stayOf(name) === undefined;
  }

  /** Of files, which a user has without any mailbox as well; the read state that all share is `anyone`'s. */
  takesUser(user: User): boolean {
    if (this.#isWhole || (user.localpart === 'anyone' && user.domain === undefined)) return true;
    return this.#stay(inboxOf(user), () => subjectOfUser(user, this.#job.source.conf)) === undefined;
  }

  get hasFinal(): boolean {
    return this.#finals.size > 0;
  }

  isFinal(name: InternalName): boolean {
    return this.#finals.size > 0 && this.#finals.has(unitOf(name, this.#job.source.conf));
  }

  /** Not this pass's: what the target has of it is left as it is, live or for a later wave. */
  keepsCopyOf(name: InternalName): boolean {
    const reason = this.stayOf(name)?.reason;
    return reason === 'final' || reason === 'not-chosen';
  }

  stayOf(name: InternalName): Stay | undefined {
    if (this.#isWhole) return undefined;
    return this.#stay(unitOf(name, this.#job.source.conf), () => subjectOfName(name, this.#job.source.conf));
  }

  /** Literal patterns that nobody fitted so far. */
  get unmet(): string[] {
    return [...(this.#only?.unmet ?? []), ...this.#leaveOut.unmet];
  }

  #stay(unit: string, subject: () => NameSubject): Stay | undefined {
    if (!this.#stays.has(unit)) this.#stays.set(unit, this.#decide(unit, subject()));
    return this.#stays.get(unit);
  }

  #decide(unit: string, subject: NameSubject): Stay | undefined {
    // All patterns are asked, so that one that fits nobody shows.
    const isChosen = this.#only === undefined || this.#only.find(subject) !== undefined;
    const pattern = this.#leaveOut.find(subject);
    const since = this.#finals.get(unit);
    if (since !== undefined) return { reason: 'final', since };
    if (!isChosen) return { reason: 'not-chosen' };
    if (pattern !== undefined) return { reason: 'left-out', pattern };
    const signs = this.#unused.get(unit);
    return signs && { reason: 'unused', signs };
  }
}

function patternsOf(texts: readonly string[], key: string, { source: { conf } }: Job): NamePatterns {
  return new NamePatterns(
    texts.map((text) => {
      const pattern = parseNamePattern(text, conf);
      if (!('wrong' in pattern)) return pattern;
      throw new ConfigError(
        `${key} = "${text}" in [select] of the job file`,
        pattern.wrong,
        'Write users as they log in (anna, anna@one.example, test*), shared mailboxes as shared:NAME, domains as @one.example.',
      );
    }),
  );
}

/** What {@link Selection.isWave} will say, before mailboxes.db is read. */
export function isWave(job: Job, state: State): boolean {
  return isWaveOf(job, finalUnits(job, state));
}

function isWaveOf({ options }: Job, finals: ReadonlyMap<string, string>): boolean {
  return options.select.only !== undefined || finals.size > 0;
}

/**
 * Units whose live place is the target, and since when. A whole cutover counts where `only` goes on after it; without,
 * nothing is copied any more, and all that came along is shown.
 */
function finalUnits(job: Job, state: State): ReadonlyMap<string, string> {
  const whole = state.fact('final');
  if (whole !== undefined && job.options.select.only === undefined) return new Map();
  const finals = state.units.finals();
  if (finals.size > 0 || whole === undefined) return finals;
  const units = new Map<string, string>();
  for (const { name, targetPartition } of state.mailboxes.known())
    if (targetPartition !== null) units.set(unitOf(asInternalName(name), job.source.conf), whole);
  return units;
}

/** @param entries All of mailboxes.db. */
export function* selectUsers(
  job: Job,
  state: State,
  trees: SourceTrees,
  entries: readonly MailboxEntry[],
): Sliced<Selection> {
  const rule = disuseRule(job);
  const finals = finalUnits(job, state);
  if (!rule) return new Selection(job, finals);
  const byRules = new Selection(job, finals);
  const users = new Map<string, { user: User; entries: MailboxEntry[] }>();
  const inboxes = new Map<string, MailboxEntry>();
  for (const entry of entries) {
    const user = isLive(entry) ? userOf(entry.name, job.source.conf) : undefined;
    if (!user) continue;
    const unit = inboxOf(user);
    // Of those who stay as well: they may be readers of others' mail.
    if (isInbox(entry.name, job.source.conf)) inboxes.set(unit, entry);
    if (!byRules.takes(entry.name)) continue;
    const known = users.get(unit);
    if (known) known.entries.push(entry);
    else users.set(unit, { user, entries: [entry] });
  }
  const inboxIdOf = (user: User) => {
    const inbox = inboxes.get(inboxOf(user));
    return inbox && !isByName(job.source.conf, inbox.legacy) ? inbox.uniqueid : undefined;
  };
  const kinds = [...rule.kinds].sort().join(' ');
  if (state.fact('useKinds') !== kinds) state.units.forgetLastUses();
  state.setFact('useKinds', kinds);
  const before = state.units.lastUses();
  const met: [string, number][] = [];
  const unused = new Map<string, readonly UseSign[]>();
  const doubts: Doubt[] = [];
  let done = 0;
  for (const [unit, { user, entries: own }] of users) {
    yield { what: 'looking when users were last at work', done: done++, of: users.size };
    // Signs only get newer: who was seen at work since the limit is not looked at again.
    if ((before.get(unit) ?? 0) >= rule.limitSec) continue;
    const use = useOf(job, trees, user, own, inboxIdOf, rule);
    if (use.kind === 'unused') unused.set(unit, use.signs);
    else if (use.kind === 'used') met.push([unit, use.sign.atSec]);
    else doubts.push({ unit, why: use.why });
  }
  state.units.saveLastUses(met);
  return new Selection(job, finals, unused, doubts);
}

function disuseRule(job: Job): DisuseRule | undefined {
  const { unused_since, unused_days, unused_by } = job.options.select;
  const kinds = new Set(unused_by);
  if (unused_since) return { limitSec: unused_since.getTime() / 1000, kinds };
  if (unused_days === undefined) return undefined;
  return { limitSec: Math.floor(Date.now() / 1000) - unused_days * 86_400, kinds };
}

/** What people call a unit: the user as at login, or `shared:NAME`. */
export function textOfUnit(unit: string, { source: { conf } }: Job): string {
  return textOfSubject(subjectOfName(asInternalName(unit), conf));
}
