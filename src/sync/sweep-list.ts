/**
 * What a pass may take for granted: the last complete one leaves a list of all files that it went by, each with its
 * stat, and of the inputs that everything else follows from. Where the inputs are as they were, the next pass stats the
 * files and looks at the mailboxes that changed, and at nothing else: no row, record or name of another is read, and
 * what it costs is three stats a mailbox, and up to 2.3 one more a user (seen-list.ts).
 *
 * Any doubt ends in the whole pass (pass.ts), which shares no step with this one. What a pass of the list changes, it
 * first strikes from the list, durably. Whatever else changes a row of a mailbox forgets the list, in the same
 * transaction.
 */
import { atOnce, type Sliced } from '../base/slices.js';
import { AskAhead } from '../disk/ask-ahead.js';
import { nanosecondsOfWords, STAT_WORDS, StatSweep } from '../disk/stat-sweep.js';
import type { SourceTrees } from '../disk/trees.js';
import { mailboxFiles, nameBytes, PRINT_WORDS, type ThirdFile, worthAsking } from '../inventory/fingerprint.js';
import type { Job } from '../job/job.js';
import type { Problem } from '../model/problem.js';
import type { State } from '../state/state.js';
import type { SweepRows } from '../state/sweep-rows.js';
import { type ChangedSeenFile, changedSeenFiles, type Listed, SEEN_PER_PART } from './seen-list.js';
import { type Inputs, inputsOf } from './sweep-inputs.js';

/** One blob: so many mailboxes that it stays below some hundred KiB. */
export const PER_PART = 4096;
/** Of them, between two places to stop. */
const SLICE = 16;
const FILES = PRINT_WORDS / STAT_WORDS;
/** A slice that takes longer has waited for a disk: from memory it takes 0.07 ms. */
const SLICE_WAITED_MS = 0.8;
/** Of the files, which is cyrus.index: mailboxFiles. */
const INDEX = 1;
/** Of a part, before the path of each mailbox: place (u16), length of the path (u16), row (u32). */
export const ENTRY_BYTES = 8;
/** Where more than this share changed, copying is what takes the time, and the whole pass is simpler. */
const MOST_CHANGED = 0.2;

/** @param total Mailboxes of the list. */
export function mostChanged(total: number): number {
  return Math.max(100, total * MOST_CHANGED);
}

/** The list's head; its parts are the mailboxes. */
export interface Head {
  readonly inputs: Inputs;
  /** Entries of the parts: the mailboxes, then places of names that were refused and may come to be mailboxes. */
  readonly entries: number;
  readonly mailboxes: number;
  /** Of these, mailboxes whose files are missing. */
  readonly failed: number;
  /** What a whole pass would say again. */
  readonly problems: readonly Problem[];
  readonly third: ThirdFile;
  /** Roots as the server names them. */
  readonly roots: readonly string[];
  /** Of header, index and the third file, as positions in `roots`. */
  readonly places: readonly (readonly [number, number, number])[];
  /** Seen databases, after the parts of the mailboxes. */
  readonly seenFiles: number;
}

/** Stands for the seen databases where a row stands for a mailbox. */
export const READ_STATES = -1;

/** What a sweep found. */
export interface Swept {
  /** Mailboxes of the list, changed ones too. */
  readonly total: number;
  readonly failed: number;
  readonly problems: readonly Problem[];
  readonly third: ThirdFile;
  /** In the order of the list. */
  readonly changed: readonly SweptMailbox[];
  readonly changedSeen: readonly ChangedSeenFile[];
}

export interface SweptMailbox extends Listed {
  /** The newest mtime or ctime of its files, Unix milliseconds, rounded up; 0 where none is there. */
  readonly changedMs: number;
}

/**
 * Stats every file of the list.
 * @param only Mailboxes to look at, by row, and {@link READ_STATES}; all where it is not given. Whatever else a pass follows from is looked at in any case.
 * @returns undefined where a whole pass is needed
 */
export function sweepByList(job: Job, state: State, trees: SourceTrees, only?: ReadonlySet<number>): Swept | undefined {
  const head = validHead(job, state, trees);
  if (!head) return undefined;
  const isMine = only ? partsWith(only, state.sweep, head) : () => true;
  const found = atOnce(searchParts(state.sweep, head, placesOf(job), isMine, only));
  return found && sweptOf(head, [found]);
}

/** By edition of the list: which rows are in each part of mailboxes. Four bytes a mailbox. */
const rowsOfParts = new WeakMap<object, readonly Uint32Array[]>();

/** @returns whether a part has some of these, by its number */
function partsWith(only: ReadonlySet<number>, sweep: SweepRows, head: Head): (part: number) => boolean {
  if (only.size === 0) return () => false;
  let rows = rowsOfParts.get(sweep.edition);
  if (!rows) rowsOfParts.set(sweep.edition, (rows = readRows(sweep, head)));
  const seen = only.has(READ_STATES);
  return (part) => rows[part]?.some((row) => only.has(row)) ?? seen;
}

function readRows(sweep: SweepRows, { entries }: Head): Uint32Array[] {
  const rows: Uint32Array[] = [];
  for (const [, part] of sweep.parts((number) => number * PER_PART < entries)) {
    const { count, end } = wordsOfPart(part);
    const ofPart = new Uint32Array(count);
    let at = end;
    for (let i = 0; i < count; i++) {
      ofPart[i] = part.readUInt32LE(at + 4);
      at += ENTRY_BYTES + part.readUInt16LE(at + 2);
    }
    rows.push(ofPart);
  }
  return rows;
}

/** The list, where all else that a pass follows from is as it was. */
export function validHead(job: Job, state: State, trees: SourceTrees): Head | undefined {
  const text = state.sweep.head();
  if (text === undefined || state.lastPasses(1)[0]?.complete !== 1) return undefined;
  const head = JSON.parse(text) as Head;
  return JSON.stringify(inputsOf(job, trees)) === JSON.stringify(head.inputs) ? head : undefined;
}

/** Where the files of the list are; plain data, for a thread too. */
export interface SourcePlaces {
  /** In front of every path. */
  readonly prefix: string;
  /** As the server names it. */
  readonly configDirectory: string;
}

export function placesOf({ source: { prefix, conf } }: Job): SourcePlaces {
  return { prefix, configDirectory: conf.configDirectory };
}

/** What was found in some parts of a list. */
export type FoundInParts = Pick<Swept, 'changed' | 'changedSeen'>;

/** @param found Of all parts, in any order. @returns undefined where a whole pass is needed */
export function sweptOf(
  { mailboxes: total, failed, problems, third }: Head,
  found: readonly FoundInParts[],
): Swept | undefined {
  const changed = found.flatMap((half) => half.changed).sort((a, b) => a.position - b.position);
  if (changed.length > mostChanged(total)) return undefined;
  return { total, failed, problems, third, changed, changedSeen: found.flatMap((half) => half.changedSeen) };
}

/**
 * @param isMine Asked for each part, from 0: whether it is looked through. @param only As of {@link sweepByList}.
 * @returns undefined where a whole pass is needed
 */
export function* searchParts(
  rows: SweepRows,
  head: Head,
  { prefix, configDirectory }: SourcePlaces,
  isMine: (part: number) => boolean,
  only?: ReadonlySet<number>,
): Sliced<FoundInParts | undefined> {
  const sweep = new StatSweep(FILES * head.entries + head.seenFiles);
  const changedSeen: ChangedSeenFile[] = [];
  const search: Search = {
    head,
    sweep,
    names: mailboxFiles(head.third).map(nameBytes),
    changed: [],
    only,
    most: mostChanged(head.mailboxes),
    ahead: new AskAhead(SLICE_WAITED_MS),
  };
  try {
    for (const root of head.roots) sweep.addRoot(prefix + root);
    const configRoot = head.seenFiles > 0 ? sweep.addRoot(prefix + configDirectory) : -1;
    for (const [number, part] of rows.parts(isMine)) {
      const seen = number - Math.ceil(head.entries / PER_PART);
      if (seen < 0) {
        const first = number * PER_PART;
        if (!(yield* searchPart(part, first, rows.news(first, first + PER_PART), search))) return undefined;
        continue;
      }
      const first = head.entries + seen * SEEN_PER_PART;
      const news = rows.news(first, first + SEEN_PER_PART);
      for (const file of changedSeenFiles(part, first, sweep, configRoot, news)) {
        if (file.dependents.length === 0) return undefined;
        changedSeen.push(file);
      }
    }
  } finally {
    sweep.close();
  }
  return { changed: search.changed, changedSeen };
}

interface Search {
  readonly head: Head;
  readonly sweep: StatSweep;
  readonly names: readonly Buffer[];
  readonly changed: SweptMailbox[];
  readonly only: ReadonlySet<number> | undefined;
  readonly most: number;
  readonly ahead: AskAhead;
}

/**
 * A part: count, then the words of all, then of each mailbox what stands above {@link ENTRY_BYTES}, and the path.
 * @returns false where a whole pass is needed
 */
function* searchPart(
  part: Buffer,
  first: number,
  news: ReadonlyMap<number, Buffer | null>,
  search: Search,
): Sliced<boolean> {
  const { head, sweep, names, changed, only, most, ahead } = search;
  const { count, words, bytes, end } = wordsOfPart(part);
  const askFor = filesAhead(part, end, search);
  ahead.beginList();
  let at = end;
  for (let i = 0; i < count; i++) {
    if (i % SLICE === 0) {
      if (i > 0) ahead.after();
      yield { what: 'looking for what changed', done: first + i, of: head.entries };
      ahead.before(i, only ? 0 : count, askFor);
    }
    const place = head.places[part.readUInt16LE(at)]!;
    const row = part.readUInt32LE(at + 4);
    const from = at + ENTRY_BYTES;
    const to = from + part.readUInt16LE(at + 2);
    at = to;
    if (only?.has(row) === false) continue;
    const newer = news.size === 0 ? undefined : news.get(first + i);
    if (newer) bytes.set(newer, i * PRINT_WORDS * 4);
    let same = newer !== null;
    sweep.enter(part, from, to);
    for (let file = 0; same && file < FILES; file++)
      same = sweep.isAsBefore(place[file]!, names[file]!, words, i * PRINT_WORDS + file * STAT_WORDS);
    if (same) continue;
    if (row === 0 || changed.length >= most) return false;
    changed.push({ position: first + i, row, changedMs: newestMs(sweep, place, names) });
  }
  return true;
}

/** Asks for the files of a part's mailboxes, called with later and later positions. */
function filesAhead(part: Buffer, begin: number, { head, sweep, names }: Search): (n: number) => void {
  let next = 0;
  let at = begin;
  return (n) => {
    for (; next < n; next++) at += ENTRY_BYTES + part.readUInt16LE(at + 2);
    const place = head.places[part.readUInt16LE(at)]!;
    const from = at + ENTRY_BYTES;
    const to = from + part.readUInt16LE(at + 2);
    for (const file of worthAsking(place)) sweep.askFor(place[file]!, part, from, to, names[file]!);
  };
}

/** The stats of a part's mailboxes, {@link PRINT_WORDS} each, also as bytes; where they end, the places begin. */
function wordsOfPart(part: Buffer): { count: number; words: Int32Array; bytes: Buffer; end: number } {
  const count = part.readUInt32LE(0);
  const words = new Int32Array(count * PRINT_WORDS);
  const bytes = Buffer.from(words.buffer);
  bytes.set(part.subarray(4, 4 + bytes.length));
  return { count, words, bytes, end: 4 + bytes.length };
}

/** Of the mailbox entered. */
function newestMs(sweep: StatSweep, place: Head['places'][number], names: readonly Buffer[]): number {
  let newest = 0;
  for (let file = 0; file < FILES; file++) newest = Math.max(newest, sweep.changedMs(place[file]!, names[file]!));
  return newest;
}

/** A mailbox of the list, and where its index is. */
export interface ListedPlace {
  readonly row: number;
  /** As the server names it. */
  readonly indexRoot: string;
  /** Below the root. */
  readonly relative: string;
  /** When its index had last changed, as the list has it, Unix seconds. */
  readonly changedSec: number;
}

/** Who is in the list, for those who look in other ways whether something changes; nobody where there is none. */
export function* listedMailboxes(state: State): Iterable<ListedPlace> {
  const text = state.sweep.head();
  if (text === undefined) return;
  const { roots, places, entries } = JSON.parse(text) as Head;
  for (const [number, part] of state.sweep.parts((part) => part * PER_PART < entries)) {
    const first = number * PER_PART;
    const news = state.sweep.news(first, first + PER_PART);
    const { count, words, bytes, end } = wordsOfPart(part);
    let at = end;
    for (let i = 0; i < count; i++) {
      const place = places[part.readUInt16LE(at)]!;
      const row = part.readUInt32LE(at + 4);
      const from = at + ENTRY_BYTES;
      at = from + part.readUInt16LE(at + 2);
      const newer = news.get(first + i);
      if (row === 0) continue;
      if (newer) bytes.set(newer, i * PRINT_WORDS * 4);
      const [mtimeNs] = nanosecondsOfWords(words, i * PRINT_WORDS + INDEX * STAT_WORDS);
      yield {
        row,
        indexRoot: roots[place[INDEX]]!,
        relative: part.toString('latin1', from, at),
        changedSec: Number(mtimeNs / 1_000_000_000n),
      };
    }
  }
}
