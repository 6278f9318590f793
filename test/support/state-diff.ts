/** Compares two recorded IMAP states. */

/** A value of a state; absent is `undefined` on that side. */
export interface Difference {
  /** `users`, `alice`, `mailboxes`, `INBOX`, `12`, `flags` */
  readonly path: readonly string[];
  readonly want: unknown;
  readonly have: unknown;
}

/** A difference that may be. All conditions that are given must hold. */
export interface AllowedDifference {
  /** Names of spools it is for; all when absent. */
  readonly spools?: RegExp;
  /** Release lines of the server that shows it; all when absent. */
  readonly targets?: RegExp;
  /** Found in the path, joined by ` > `. */
  readonly path: RegExp;
  /** Found in the JSON of the old value; `absent`: there was none. */
  readonly from?: RegExp | 'absent';
  readonly to?: RegExp | 'absent';
  /** What this finds in the JSON is there and alike on both sides. */
  readonly same?: RegExp;
  /** Both are lists, alike but for these items. */
  readonly but?: RegExp;
  readonly why: string;
}

export interface StateDiff {
  readonly differences: readonly Difference[];
  /** How many were allowed, by reason. */
  readonly waived: Readonly<Record<string, number>>;
}

const CMU = '/shared/vendor/cmu/cyrus-imapd/';
/** METADATA entries that differ between two servers that serve the very same mail. */
const VOLATILE: ReadonlySet<string> = new Set([
  ...['lastupdate', 'partition', 'server', 'freespace', 'freespace/total', 'freespace/percent/most'].map(
    (k) => CMU + k,
  ),
  ...['lastpop', 'lastlogin', 'annotsize', 'shutdown'].map((k) => CMU + k),
  '/private/vendor/cmu/cyrus-imapd/usercounters',
]);

/** Everything that differs between what was shown (`want`) and what is shown now, but for what is allowed. */
export function diffStates(want: unknown, have: unknown, allowed: readonly AllowedDifference[] = []): StateDiff {
  const differences: Difference[] = [];
  const waived: Record<string, number> = {};
  walk(want, have, [], (found) => {
    const rule = allowed.find((r) => isAllowed(r, found));
    if (rule) waived[rule.why] = (waived[rule.why] ?? 0) + 1;
    else differences.push(found);
  });
  return { differences, waived };
}

/** The rules that hold for a spool of this name, served by a Cyrus of the release line `target`. */
export function rulesFor(spool: string, rules: readonly AllowedDifference[], target = '3.6'): AllowedDifference[] {
  return rules.filter((r) => (!r.spools || r.spools.test(spool)) && (!r.targets || r.targets.test(target)));
}

/** Lines for people, one for each of the first `limit` differences, and the count. */
export function describeDiff(diff: StateDiff, limit = 40): string {
  const lines = diff.differences
    .slice(0, limit)
    .map((d) => `${d.path.join(' > ')}: ${short(d.want)} -> ${short(d.have)}`);
  return [...lines, `${diff.differences.length} difference(s), allowed: ${JSON.stringify(diff.waived)}`].join('\n');
}

/** @throws with the first differences, a line for each. */
export function requireSame(want: unknown, have: unknown, allowed: readonly AllowedDifference[] = []): StateDiff {
  const diff = diffStates(want, have, allowed);
  if (diff.differences.length > 0) throw new Error(`IMAP shows something else:\n${describeDiff(diff)}`);
  return diff;
}

function short(value: unknown): string {
  const text = json(value);
  return text.length < 160 ? text : `${text.slice(0, 157)}...`;
}

function json(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(value);
}

function isAllowed(rule: AllowedDifference, { path, want, have }: Difference): boolean {
  if (!rule.path.test(path.join(' > '))) return false;
  if (rule.from && !matches(rule.from, want)) return false;
  if (rule.to && !matches(rule.to, have)) return false;
  if (rule.same) {
    const all = new RegExp(rule.same.source, 'g');
    const [a, b] = [json(want).match(all), json(have).match(all)];
    if (!a || !b || a.join('\0') !== b.join('\0')) return false;
  }
  if (rule.but) {
    if (!Array.isArray(want) || !Array.isArray(have)) return false;
    const rest = (list: unknown[]) => json(list.filter((v) => !rule.but!.test(String(v))));
    if (rest(want) !== rest(have)) return false;
  }
  return true;
}

function matches(condition: RegExp | 'absent', value: unknown): boolean {
  return condition === 'absent' ? value === undefined : value !== undefined && condition.test(json(value));
}

function walk(want: unknown, have: unknown, path: readonly string[], found: (d: Difference) => void): void {
  if (isMap(want) && isMap(have)) {
    for (const key of [...new Set([...Object.keys(want), ...Object.keys(have)])].sort()) {
      if (!VOLATILE.has(key)) walk(want[key], have[key], [...path, key], found);
    }
  } else if (Array.isArray(want) && Array.isArray(have)) {
    const both = [...want, ...have];
    if (want.length > 0 && have.length > 0 && both.every((v) => isMap(v) && 'uid' in v)) {
      walk(byUid(want), byUid(have), path, found);
    } else if (json(want) !== json(have)) {
      found({ path, want, have });
    }
  } else if (want !== have) {
    found({ path, want, have });
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function byUid(messages: readonly { uid: number }[]): Record<string, unknown> {
  return Object.fromEntries(messages.map((m) => [String(m.uid), m]));
}
