/**
 * Patterns by which a job names users and shared mailboxes, as people write them:
 *
 * | pattern | fits |
 * | --- | --- |
 * | `carol.smith`, `test*`, `user?` | users without a domain (those of the default domain), by what they log in as |
 * | `anna@one.example`, `*@*.example` | users of domains |
 * | `shared:lists` | the shared mailbox `lists`, with all below it; `shared:lists@one.example` that of a domain |
 * | `@one.example`, `@*` | all of a domain, users and shared mailboxes |
 *
 * `*` stands for any characters, `?` for one, neither for the `@`. The default domain is meant by its name or by none,
 * never by a `*`. A dot is a dot: Cyrus's `^` may stand for it.
 */
import { isAtLeast } from '../version.js';
import { decodePart, type InternalName, type NameConf, splitDomain, splitName, type User } from './mailbox-name.js';

/** What a pattern is held against: whose a mailbox is, or the top of its shared tree. */
export interface NameSubject {
  readonly kind: 'user' | 'shared';
  /** With dots as dots. */
  readonly local: string;
  /** Undefined for the default domain. */
  readonly domain: string | undefined;
}

export interface NamePattern {
  readonly text: string;
  /** Without `*` and `?`, where one user or mailbox is meant: its {@link textOfSubject}, so that it can be looked up. */
  readonly literal: string | undefined;
  fits(subject: NameSubject): boolean;
}

/** DELETED mailboxes are whose they were. A quota root of a whole domain (`dom!`) is a shared one without a name. */
export function subjectOfName(name: InternalName, conf: NameConf): NameSubject {
  const { domain, userLocalpart } = splitName(name, conf);
  if (userLocalpart !== undefined) return subjectOfUser({ localpart: userLocalpart, domain }, conf);
  return { kind: 'shared', local: decodePart(sharedTop(name, conf)), domain: ownDomain(domain, conf) };
}

export function subjectOfUser({ localpart, domain }: User, conf: NameConf): NameSubject {
  return { kind: 'user', local: decodePart(localpart), domain: ownDomain(domain, conf) };
}

/** The first part of a shared mailbox's name, of a deleted one too. */
export function sharedTop(name: InternalName, conf: NameConf): string {
  const { rest } = splitDomain(name, conf);
  const prefix = `${conf.deletedPrefix}.`;
  return (rest.startsWith(prefix) ? rest.slice(prefix.length) : rest).split('.')[0]!;
}

function ownDomain(domain: string | undefined, conf: NameConf): string | undefined {
  return domain === conf.defaultDomain ? undefined : domain;
}

/** What people call it, and what the same text as a pattern fits. */
export function textOfSubject({ kind, local, domain }: NameSubject): string {
  return `${kind === 'shared' ? 'shared:' : ''}${local}${domain === undefined ? '' : `@${domain}`}`;
}

/** @returns why it is no pattern, where it is none. */
export function parseNamePattern(text: string, conf: NameConf): NamePattern | { readonly wrong: string } {
  const isShared = text.startsWith('shared:');
  const rest = isShared ? text.slice('shared:'.length) : text;
  // 2.x without virtdomains knows no domains: there an @ is a letter of the name.
  const at = isAtLeast(conf.version, '3.0') || conf.virtDomains !== 'off' ? rest.lastIndexOf('@') : -1;
  const local = at < 0 ? rest : rest.slice(0, at);
  const domain = at < 0 ? undefined : rest.slice(at + 1);
  if (domain === '') return { wrong: 'nothing stands after the @' };
  if (local === '' && (domain === undefined || isShared)) return { wrong: 'it names nobody' };
  if (rest.includes('/')) return { wrong: 'a slash: a user, or a shared mailbox, comes with all folders below it' };
  const wholeDomain = local === '';
  const localFits = wholeDomain ? /^/ : globOf(decodePart(local));
  const own = ownDomain(domain, conf);
  const domainFits = own === undefined ? undefined : globOf(own);
  const kind = isShared ? 'shared' : 'user';
  return {
    text,
    literal:
      wholeDomain || /[*?]/.test(rest) ? undefined : textOfSubject({ kind, local: decodePart(local), domain: own }),
    fits: (subject) => {
      if (!wholeDomain && subject.kind !== kind) return false;
      if (!localFits.test(subject.local)) return false;
      if (domainFits === undefined) return subject.domain === undefined;
      return subject.domain !== undefined && domainFits.test(subject.domain);
    },
  };
}

function globOf(text: string): RegExp {
  const source = [...text].map((c) => (c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[\\^$.|+()[\]{}]/, '\\$&')));
  return new RegExp(`^${source.join('')}$`, 's');
}

/** Many patterns: literal ones cost nothing each. */
export class NamePatterns {
  readonly #literals = new Map<string, NamePattern>();
  readonly #globs: NamePattern[] = [];
  readonly #met = new Set<NamePattern>();

  constructor(patterns: readonly NamePattern[]) {
    for (const pattern of patterns) {
      if (pattern.literal === undefined) this.#globs.push(pattern);
      else this.#literals.set(pattern.literal, pattern);
    }
  }

  /** The text of the first pattern that fits, a literal one before the others. */
  find(subject: NameSubject): string | undefined {
    const found = this.#literals.get(textOfSubject(subject)) ?? this.#globs.find((glob) => glob.fits(subject));
    if (found) this.#met.add(found);
    return found?.text;
  }

  /** Literal ones that no subject so far was found by: most likely misspelt. */
  get unmet(): string[] {
    return [...this.#literals.values()].filter((pattern) => !this.#met.has(pattern)).map(({ text }) => text);
  }
}
