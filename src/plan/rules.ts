/**
 * The job file's rules of placement: which unit a mailbox belongs to, and which partitions that may lie on. The first
 * that fits: a pin (the deepest name; of equals the literal one, then the first glob), the domain, `shared`, and then the
 * policy: the source's partition kept or mapped, or any that is not excluded. Pure.
 */
import picomatch from 'picomatch';
import { ConfigError } from '../base/errors.js';
import { asInternalName, type NameConf, splitName } from '../cyrus/names/mailbox-name.js';
import type { JobFile } from '../job/job-file.js';

/** Names are no file names: a dot at the beginning and a `!` are letters as others. */
const GLOB = { dot: true, nonegate: true } as const;

export type Policy = 'balance' | 'keep' | 'map';
export type PlacementOptions = JobFile['placement'];

export interface Rule {
  /** As the administrator wrote it: `pins "user.ceo" = "fast"`. */
  readonly text: string;
  readonly partitions: readonly string[];
  /** Of the job file, on some mailboxes; that the source's partition counts; any partition will do. */
  readonly kind: 'written' | 'followed' | 'free';
  /** What it has been found to fit; 0 of a rule of the job file: it is written wrong. */
  uses: number;
}

/** What is placed together, and by what. */
export interface Ruled {
  /** Under which the state keeps it. */
  readonly key: string;
  /** What people call it: an internal name. */
  readonly name: string;
  readonly rule: Rule;
}

/** Of a mailbox, what a rule may look at. */
export interface RuledMailbox {
  readonly name: string;
  readonly uniqueid: string;
  /** The user's INBOX, or the top of a shared tree. */
  readonly unit: string;
  readonly sourcePartition: string;
}

interface Pin {
  readonly rule: Rule;
  fits(domain: string, path: string): boolean;
}

export class PlacementRules {
  readonly policy: Policy;
  /** Those of the job file, to tell those that fit nothing. */
  readonly written: readonly Rule[];
  readonly #byMailbox: boolean;
  readonly #conf: NameConf;
  readonly #literal = new Map<string, Rule>();
  readonly #globs: Pin[] = [];
  readonly #domains: Pin[] = [];
  readonly #shared: Rule | undefined;
  readonly #free: Rule;
  readonly #follow = new Map<string, Rule>();
  readonly #options: PlacementOptions;
  readonly #partitions: ReadonlySet<string>;
  /** Whether a pin may name something below a unit. */
  #isDeep = false;
  readonly #ofUnit = new Map<string, Rule | undefined>();

  /**
   * @param partitions Of the target.
   * @param bytesOf Turns text of the job file into names as they are on disk.
   * @throws ConfigError for a partition that is not there, or where nothing is left to place on.
   */
  constructor(
    options: PlacementOptions,
    policy: Policy,
    partitions: readonly string[],
    conf: NameConf,
    bytesOf: (text: string) => string,
  ) {
    this.policy = policy;
    this.#options = options;
    this.#conf = conf;
    this.#byMailbox = options.unit === 'mailbox';
    this.#partitions = new Set(partitions);
    const rule = (text: string, to: string | readonly string[]): Rule => ({
      text,
      partitions: this.#known([to].flat(), text),
      kind: 'written',
      uses: 0,
    });
    const written: Rule[] = [];
    for (const [pattern, to] of Object.entries(options.pins)) {
      const made = rule(`pins ${quoted(pattern)} = ${quoted(to)}`, to);
      written.push(made);
      const name = bytesOf(pattern);
      const { domain, path } = splitPath(name);
      const depth = path.split('/').length;
      if (isGlob(name)) {
        this.#isDeep ||= path.includes('**') || !path.startsWith('user/');
        this.#globs.push({ rule: made, fits: matcher(domain, path) });
      }
      this.#isDeep ||= depth > (path.startsWith('user/') ? 2 : 1);
      this.#literal.set(name, made); // a glob too: there are names such as [Gmail]
    }
    for (const [domain, to] of Object.entries(options.domains)) {
      const made = rule(`domains ${quoted(domain)} = ${quoted(to)}`, to);
      written.push(made);
      const fits = picomatch(bytesOf(domain).toLowerCase(), GLOB);
      this.#domains.push({ rule: made, fits: (name) => name !== '' && fits(name.toLowerCase()) });
    }
    this.#shared =
      options.shared === undefined ? undefined : rule(`shared = ${quoted(options.shared)}`, options.shared);
    if (this.#shared) written.push(this.#shared);
    const excluded = new Set(this.#known([options.exclude].flat(), `exclude = ${quoted(options.exclude)}`));
    const free = partitions.filter((name) => !excluded.has(name));
    this.#free = { text: 'policy = "balance"', partitions: free, kind: 'free', uses: 0 };
    this.written = written;
    for (const [from, to] of Object.entries(options.map)) this.#known([to], `map ${quoted(from)} = ${quoted(to)}`);
    if (policy === 'balance' && free.length === 0)
      throw new ConfigError(
        'Every partition of the target is excluded',
        `exclude = ${quoted(options.exclude)} leaves none for what no rule names a partition for`,
        'Take one out of `exclude` in [placement].',
      );
  }

  #known(names: readonly string[], text: string): string[] {
    const lower = names.map((name) => name.toLowerCase());
    const unknown = lower.find((name) => !this.#partitions.has(name));
    if (unknown === undefined) return [...new Set(lower)];
    throw new ConfigError(
      `The target has no partition "${unknown}"`,
      `[placement] ${text}; the new imapd.conf has ${[...this.#partitions].join(', ')}`,
      'Correct [placement] in the job file, or add the partition to the new imapd.conf.',
    );
  }

  of(mailbox: RuledMailbox): Ruled {
    const { unit, name, uniqueid, sourcePartition } = mailbox;
    let key = unit;
    let rule: Rule | undefined;
    if (this.#isDeep) {
      const found = this.#deepest(name);
      if (found) ({ rule } = found);
      if (found && isBelow(found.name, unit)) key = found.name;
    } else rule = this.#pinOfUnit(unit);
    const ofUnit = key;
    if (this.#byMailbox) key = `mailbox/${uniqueid}`;
    rule ??= this.#wide(unit);
    if (!rule && this.policy !== 'balance') {
      rule = this.#followed(sourcePartition);
      if (!this.#byMailbox) key = `${unit}\t${sourcePartition}`; // no name has a tab
    }
    rule ??= this.#free;
    rule.uses++;
    return { key, name: this.#byMailbox ? name : ofUnit, rule };
  }

  /** By domain, or because it is nobody's. */
  #wide(unit: string): Rule | undefined {
    if (this.#domains.length === 0 && !this.#shared) return undefined;
    const { domain, path } = splitPath(unit);
    const inDomain = domain === '' ? (this.#conf.defaultDomain ?? '') : domain;
    return (
      this.#domains.find(({ fits }) => fits(inDomain, ''))?.rule ??
      (path.startsWith('user/') ? undefined : this.#shared)
    );
  }

  #followed(from: string): Rule {
    let rule = this.#follow.get(from);
    if (!rule) {
      const to = this.#options.map[from] ?? from;
      const isMapped = this.#options.map[from] !== undefined;
      const text = isMapped ? `map ${quoted(from)} = ${quoted(to)}` : `policy = "${this.policy}"`;
      if (!this.#partitions.has(to.toLowerCase()))
        throw new ConfigError(
          `The target has no partition "${to}"`,
          `[placement] ${text}: the source's partition "${from}" goes to one of ${isMapped ? 'that' : 'the same'} name`,
          'Correct [placement] in the job file (map, or policy = "balance"), or add the partition to the new imapd.conf.',
        );
      rule = { text, partitions: [to.toLowerCase()], kind: 'followed', uses: 0 };
      this.#follow.set(from, rule);
    }
    return rule;
  }

  #pinOfUnit(unit: string): Rule | undefined {
    if (this.#literal.size === 0 && this.#globs.length === 0) return undefined;
    if (!this.#ofUnit.has(unit)) this.#ofUnit.set(unit, this.#deepest(unit)?.rule);
    return this.#ofUnit.get(unit);
  }

  /** The pin of the mailbox or of what it lies below, the deepest; a deleted one has those of its name before. */
  #deepest(name: string): { name: string; rule: Rule } | undefined {
    const { domain, parts } = splitName(asInternalName(name), this.#conf);
    const inDomain = domain === undefined ? '' : `${domain}!`;
    for (let depth = parts.length; depth > 0; depth--) {
      const above = parts.slice(0, depth);
      const known = inDomain + above.join('.');
      const rule =
        this.#literal.get(known) ?? this.#globs.find(({ fits }) => fits(domain ?? '', above.join('/')))?.rule;
      if (rule) return { name: known, rule };
    }
    return undefined;
  }
}

function isBelow(name: string, unit: string): boolean {
  return name.length > unit.length && name.startsWith(`${unit}.`);
}

function isGlob(text: string): boolean {
  return /[*?[\]{}()]/.test(text);
}

/** `one.example!user.a` as domain and `user/a`: a star of a glob stays within a part, two go across. */
function splitPath(name: string): { domain: string; path: string } {
  const at = name.indexOf('!');
  return { domain: name.slice(0, Math.max(0, at)), path: name.slice(at + 1).replaceAll('.', '/') };
}

/** Without a domain a glob is for names without one. */
function matcher(domain: string, path: string): Pin['fits'] {
  const fitsPath = picomatch(path, GLOB);
  const fitsDomain = domain === '' ? (name: string) => name === '' : picomatch(domain, GLOB);
  return (inDomain, name) => fitsDomain(inDomain) && fitsPath(name);
}

function quoted(value: string | readonly string[]): string {
  return JSON.stringify(value);
}
