/** How long the cutover may take, by what the passes before it did and took. */

/** The phase of a cutover that is a pass. */
export const LAST_PASS = 'last pass';

/** A complete pass. */
export interface PastPass {
  readonly startedAtMs: number;
  readonly seconds: number;
  /** Changed, created and moved. */
  readonly mailboxes: number;
  /** Copied. */
  readonly messages: number;
}

export interface ForecastInput {
  /** The oldest first. */
  readonly passes: readonly PastPass[];
  /** Of the source. */
  readonly mailboxes: number;
  /** When the cutover would begin. */
  readonly nowMs: number;
  /** What a rehearsal (or a cutover that did not end) took beside its pass, seconds. */
  readonly restSec: number | undefined;
}

export interface Forecast {
  readonly seconds: number;
  readonly low: number;
  readonly high: number;
  /** By what it was guessed. */
  readonly basis: string;
}

/** A pass in which nothing changed takes so much a mailbox at least, seconds; 0.00024 were seen on two slow cores. */
const PASS_SEC = 0.0001;
/** Databases, checks and sweep, seconds a mailbox: a guess; of 100,000 a rehearsal took 0.0003, checks not counted. */
const REST_SEC = 0.001;
/** A changed mailbox beside its messages, in messages. */
const MAILBOX_WORK = 8;
const HOUR_MS = 3_600_000;
/** An interval shorter than this says nothing about an hour. */
const SHORTEST_HOURS = 1 / 60;

/** @returns undefined where there is no ground for a guess: two complete passes are the least */
export function forecastCutover({ passes, mailboxes, nowMs, restSec }: ForecastInput): Forecast | undefined {
  const last = passes.at(-1);
  if (!last || passes.length < 2) return undefined;
  const workOf = (pass: PastPass) => MAILBOX_WORK * pass.mailboxes + pass.messages;
  const least = mailboxes * PASS_SEC;
  const costOf = (some: readonly PastPass[]) => {
    const work = some.reduce((sum, pass) => sum + workOf(pass), 0);
    return work === 0 ? undefined : some.reduce((sum, { seconds }) => sum + Math.max(0, seconds - least), 0) / work;
  };
  const secondsPerWork = costOf(passes.slice(1)) ?? costOf(passes) ?? 0;
  const base = Math.max(least, Math.min(...passes.map((pass) => pass.seconds - workOf(pass) * secondsPerWork)));
  // The first pass brought all that there was: it says how fast copying is, not how much changes.
  const intervals = passes.slice(1).map((pass, i) => ({
    hours: Math.max(SHORTEST_HOURS, (pass.startedAtMs - passes[i]!.startedAtMs) / HOUR_MS),
    work: workOf(pass),
    mailboxes: pass.mailboxes,
  }));
  const sum = (pick: (interval: (typeof intervals)[number]) => number) =>
    intervals.reduce((s, one) => s + pick(one), 0);
  const hours = Math.max(0, nowMs - last.startedAtMs) / HOUR_MS;
  const rates = intervals.map(({ work, hours: of }) => work / of);
  const rest = restSec ?? mailboxes * REST_SEC;
  const at = (rate: number) => base + rate * hours * secondsPerWork + rest;
  const seconds = at(sum(({ work }) => work) / sum(({ hours: of }) => of));
  const doubt = restSec === undefined ? 2 : 1.3;
  const perHour = sum(({ mailboxes: changed }) => changed) / sum(({ hours: of }) => of);
  return {
    seconds,
    low: Math.min(seconds, at(Math.min(...rates))) / doubt,
    high: Math.max(seconds, at(Math.max(...rates))) * doubt,
    basis: [
      `${passes.length} complete passes`,
      `${perHour.toFixed(perHour < 10 ? 1 : 0)} mailboxes changed an hour`,
      `the last pass began ${hours.toFixed(1)} h ago`,
      restSec === undefined
        ? 'databases and checks are a guess that `cutover --rehearse` would replace'
        : 'databases and checks as they were measured',
    ].join(', '),
  };
}
