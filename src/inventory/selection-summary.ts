/** Who comes along and who does not, with sizes: what survey, plan and cutover show of {@link Selection}. */
import { FormatError } from '../base/errors.js';
import { firstOf, formatDay } from '../base/units.js';
import { userOf } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { Problem } from '../model/problem.js';
import type { SelectionSummary, StayingUnit, UnitCounts } from '../model/selection-summary.js';
import type { Inventory } from './inventory.js';
import { placeOfEntry, unitOf } from './listed-mailbox.js';
import { type Stay, textOfUnit } from './selection.js';
import { readSummary } from './summary.js';

/** Reads the header of each index that stays behind by rule or disuse. */
export function summariseSelection(job: Job, trees: SourceTrees, inventory: Inventory): SelectionSummary {
  const { selection } = inventory;
  const units = new Map<string, Unit>();
  for (const entry of inventory.entries) {
    if (!isLive(entry)) continue;
    const name = unitOf(entry.name, job.source.conf);
    let unit = units.get(name);
    if (!unit) {
      const isUser = userOf(entry.name, job.source.conf) !== undefined;
      units.set(name, (unit = { isUser, stay: selection.stayOf(entry.name), mailboxes: 0, entries: [] }));
    }
    unit.mailboxes++;
    if (isLeft(unit.stay)) unit.entries.push(entry);
  }
  const all = [...units];
  const count = (pick: (stay: Stay | undefined) => boolean): UnitCounts => {
    const mine = all.filter(([, { stay }]) => pick(stay));
    return {
      users: mine.filter(([, { isUser }]) => isUser).length,
      shared: mine.filter(([, { isUser }]) => !isUser).length,
      mailboxes: mine.reduce((sum, [, { mailboxes }]) => sum + mailboxes, 0),
    };
  };
  const staying: StayingUnit[] = [];
  for (const [unit, { stay, entries }] of all) {
    if (!isLeft(stay)) continue;
    const sizes = entries.map((entry) => sizeOf(job, trees, entry));
    staying.push({
      who: textOfUnit(unit, job),
      name: unit,
      reason: stay.reason,
      evidence: evidenceOf(stay),
      mailboxes: entries.length,
      messages: sizes.reduce((sum, { messages }) => sum + messages, 0),
      bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    });
  }
  staying.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  return {
    chosen: count((stay) => stay === undefined),
    staying,
    stayingTotal: {
      ...count(isLeft),
      messages: staying.reduce((sum, { messages }) => sum + messages, 0),
      bytes: staying.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    notChosen: count((stay) => stay?.reason === 'not-chosen'),
    final: count((stay) => stay?.reason === 'final'),
    doubts: selection.doubts.map(({ unit, why }) => ({ who: textOfUnit(unit, job), why })),
    unmet: selection.unmet,
  };
}

/** What a person should look at: names in the job file that nobody has. */
export function selectionProblem({ unmet }: SelectionSummary): Problem[] {
  if (unmet.length === 0) return [];
  const names = unmet.map((text) => `"${text}"`);
  return [
    {
      code: 'select-nobody',
      message: `[select] in the job file names ${firstOf(names, ', ', 10)}, which the source does not have`,
      advice: 'Write users as they log in (anna, anna@one.example), shared mailboxes as shared:NAME; or take it out.',
    },
  ];
}

interface Unit {
  readonly isUser: boolean;
  readonly stay: Stay | undefined;
  mailboxes: number;
  /** Of those that are left out, whose sizes are shown. */
  readonly entries: MailboxEntry[];
}

type Left = Stay & { reason: 'left-out' | 'unused' };

function isLeft(stay: Stay | undefined): stay is Left {
  return stay?.reason === 'left-out' || stay?.reason === 'unused';
}

function evidenceOf(stay: Left): string[] {
  if (stay.reason === 'left-out') return [`leave_out has "${stay.pattern}"`];
  return stay.signs.map(({ kind, atSec, what }) => `${kind} ${formatDay(atSec)}: ${what}`);
}

function sizeOf(job: Job, trees: SourceTrees, entry: MailboxEntry): { messages: number; bytes: number } {
  const { conf } = job.source;
  const place = placeOfEntry(conf, entry);
  try {
    return place ? readSummary(place, conf.version, trees) : NOTHING;
  } catch (error) {
    // It stays where it is: that it can't be read is no problem of this migration.
    if (error instanceof FormatError || errnoOf(error) !== undefined) return NOTHING;
    throw error;
  }
}

const NOTHING = { messages: 0, bytes: 0 };
