/**
 * The pass in which nothing changed, without a look at anything else: the last complete pass leaves a list of all files
 * that it went by, each with its stat, and of the inputs that everything else follows from. Where all of that is as it
 * was, the pass is done: no row, record or name is read, and what it costs is three stats a mailbox.
 *
 * Any difference at all, and any doubt, ends in the whole pass (pass.ts), which shares no step with this one. The list
 * is made only of a complete pass without a problem; whatever changes a row of a mailbox forgets it, in the same
 * transaction.
 */
import { readdirSync } from 'node:fs';
import { VERSION } from '../base/version.js';
import { quotaDirectory } from '../cyrus/layout/config-paths.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { fingerprintOf } from '../disk/file-stat.js';
import { ifThere, osPath } from '../disk/os-path.js';
import { STAT_WORDS, StatSweep } from '../disk/stat-sweep.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import type { ListedMailbox } from '../inventory/listed-mailbox.js';
import {
  FILES,
  type MailboxTable,
  mailboxFiles,
  nameBytes,
  type ThirdFile,
  thirdFile,
} from '../inventory/mailbox-table.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';

/** One blob: so many mailboxes that it stays below some hundred KiB. */
const PER_PART = 4096;
/** 32-bit words of a mailbox's three files. */
const WORDS = FILES * STAT_WORDS;

/** What all else of a pass follows from, apart from the mailboxes' own files. */
interface Inputs {
  readonly program: string;
  readonly texts: readonly string[];
  readonly mailboxesDb: string;
  readonly quotaRoots: string;
}

/** The list's head; its parts are the mailboxes. */
interface Head {
  readonly inputs: Inputs;
  readonly mailboxes: number;
  readonly third: ThirdFile;
  /** Roots as the server names them. */
  readonly roots: readonly string[];
  /** Of header, index and the third file, as positions in `roots`. */
  readonly places: readonly (readonly [number, number, number])[];
}

/** @returns undefined where this source has something that stats can't vouch for. */
function inputsOf(job: Job, trees: SourceTrees): Inputs | undefined {
  if (job.options.source.mailboxes_dump !== undefined) return undefined;
  const { conf } = job.source;
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  const stat = trees.root(dir)?.stat(name);
  if (!stat || conf.databases.quota.backend !== 'quotalegacy') return undefined;
  return {
    program: VERSION,
    texts: job.texts,
    mailboxesDb: fingerprintOf(stat),
    quotaRoots: quotaNames(job.source.real(quotaDirectory(conf))),
  };
}

/** Which quota roots there are; what they hold is no part of a pass. Their directories change with each delivery. */
function quotaNames(base: string): string {
  const out: string[] = [];
  const list = (path: string): string[] =>
    ifThere(() => readdirSync(osPath(path), { encoding: 'latin1' as BufferEncoding }).sort()) ?? [];
  const visit = (path: string, depth: number) => {
    for (const name of list(path)) {
      if (name.endsWith('.NEW')) continue; // one that is being replaced
      out.push(name);
      if (depth > 0) visit(`${path}/${name}`, depth - 1);
    }
    out.push('/');
  };
  visit(`${base}/quota`, 1);
  for (const hash of list(`${base}/domain`))
    for (const domain of list(`${base}/domain/${hash}`)) {
      out.push(domain);
      visit(`${base}/domain/${hash}/${domain}/quota`, 1);
    }
  return out.join('\n');
}

/** @returns how many mailboxes there are, all of them as they were; undefined where a whole pass is needed. */
export function countIfIdle(job: Job, state: State, trees: SourceTrees): number | undefined {
  const text = state.sweep.head();
  if (text === undefined) return undefined;
  const head = JSON.parse(text) as Head;
  if (JSON.stringify(inputsOf(job, trees)) !== JSON.stringify(head.inputs)) return undefined;
  const names = mailboxFiles(head.third).map(nameBytes);
  const sweep = new StatSweep(FILES * head.mailboxes);
  try {
    for (const root of head.roots) sweep.addRoot(job.source.real(root));
    for (const part of state.sweep.parts()) if (!isPartAsBefore(part, head, sweep, names)) return undefined;
  } finally {
    sweep.close();
  }
  return head.mailboxes;
}

/** A part: count, then the words of all, then of each mailbox its place, the length of its path, the path. */
function isPartAsBefore(part: Buffer, head: Head, sweep: StatSweep, names: readonly Buffer[]): boolean {
  const count = part.readUInt32LE(0);
  const words = new Int32Array(count * WORDS);
  Buffer.from(words.buffer).set(part.subarray(4, 4 + 4 * words.length));
  let at = 4 + 4 * words.length;
  for (let i = 0; i < count; i++) {
    const place = head.places[part.readUInt16LE(at)]!;
    const from = at + 4;
    const to = from + part.readUInt16LE(at + 2);
    at = to;
    for (let file = 0; file < FILES; file++)
      if (!sweep.isAsBefore(place[file]!, part, from, to, names[file]!, words, i * WORDS + file * STAT_WORDS))
        return false;
  }
  return true;
}

/** Leaves the list for the next pass. To be called only at the end of a complete pass that met no problem. */
export function rememberForIdle(job: Job, state: State, trees: SourceTrees, inventory: Inventory): void {
  const { mailboxes, table } = inventory;
  const inputs = inputsOf(job, trees);
  if (inputs?.mailboxesDb !== inventory.databasePrint) {
    state.sweep.forget();
    return;
  }
  const third = thirdFile(inventory.hasExpunge);
  const roots: string[] = [];
  const places: [number, number, number][] = [];
  const placeOf = new Map<string, number>();
  const numberOf = (root: string): number => {
    if (!roots.includes(root)) roots.push(root);
    return roots.indexOf(root);
  };
  const numberOfPlace = ({ partition, roots: { meta } }: MailboxPlace): number => {
    const known = placeOf.get(partition);
    if (known !== undefined) return known;
    placeOf.set(partition, places.length);
    return places.push([numberOf(meta.header), numberOf(meta.index), numberOf(meta[third])]) - 1;
  };
  function* parts(): Iterable<Buffer> {
    for (let at = 0; at < mailboxes.length; at += PER_PART)
      yield partOf(mailboxes.slice(at, at + PER_PART), table, numberOfPlace);
  }
  const head = (): Head => ({ inputs, mailboxes: mailboxes.length, third, roots, places });
  state.sweep.save(parts(), () => JSON.stringify(head()));
}

function partOf(
  mailboxes: readonly ListedMailbox[],
  table: MailboxTable,
  numberOfPlace: (place: MailboxPlace) => number,
): Buffer {
  const words = new Int32Array(mailboxes.length * WORDS);
  const count = Buffer.alloc(4);
  count.writeUInt32LE(mailboxes.length);
  const paths: Buffer[] = [];
  for (const [i, { at, place }] of mailboxes.entries()) {
    words.set(table.words.subarray(at * WORDS, (at + 1) * WORDS), i * WORDS);
    const head = Buffer.alloc(4);
    const path = Buffer.from(place.relative, 'latin1');
    head.writeUInt16LE(numberOfPlace(place), 0);
    head.writeUInt16LE(path.length, 2);
    paths.push(head, path);
  }
  return Buffer.concat([count, Buffer.from(words.buffer), ...paths]);
}
