/**
 * What mailboxes the source has: mailboxes.db says which, the configuration says where, cyrus.header says which is
 * which in 2.x, the index headers say how large. An unchanged mailbox costs its stats and nothing else.
 *
 * Names that would leave their partition, mailboxes without a directory, two records of one directory, missing and
 * double uniqueids end here as problems; all else goes on.
 */
import { randomBytes } from 'node:crypto';
import { FormatError } from '../base/errors.js';
import { isSafeUniqueid, type MailboxPlace, placeOf } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { readExpunge, readIndexHeader } from '../cyrus/mailbox/index.js';
import {
  checkName,
  type InternalName,
  isDeletedName,
  splitDomain,
  unreachableLogin,
  userOf,
} from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { MailboxSummary, SourceMailbox } from '../model/mailbox.js';
import type { ProblemList } from '../model/problem.js';
import type { MailboxRow } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import { adoptedMailboxes } from './adopted.js';
import { mailboxPrint } from './fingerprint.js';
import { readMailboxesDb } from './read-mailboxes-db.js';

export interface Inventory {
  readonly mailboxes: readonly SourceMailbox[];
  /** Tombstones and intermediates, which have no directory and yet go to the target. */
  readonly nameOnly: readonly MailboxEntry[];
  /** Everything that mailboxes.db says, in the order of its keys. */
  readonly entries: readonly MailboxEntry[];
  /** By uniqueid, as the state knew them before this inventory. */
  readonly rows: ReadonlyMap<string, MailboxRow>;
  /** Whether `rows` is still what the state has: nothing new was seen. */
  readonly rowsStand: boolean;
  readonly databasePrint: string;
  /** Whether a later commit to mailboxes.db is sure to change `databasePrint`. */
  readonly databaseQuiet: boolean;
  readonly dialect: string;
  /** Names whose place the job file says, not mailboxes.db. */
  readonly adopted: ReadonlySet<string>;
  /** Names of live records that could not be migrated, each with a problem. */
  readonly refused: ReadonlySet<string>;
  /** Live directories (data, archive, meta) as the server names them: what must never be called a leftover. */
  readonly hasExpunge: boolean;
}

type Draft = Omit<SourceMailbox, 'uniqueid' | 'summary'> & { sourceId: string | undefined; hasFiles: boolean };

/** The mailbox of such a record is migrated. */
const ADVICE_FOR_RECORD: Readonly<Record<string, string>> = {
  'unknown-key': 'A later Cyrus wrote it, or another program: look whether it matters to the new server.',
  'unknown-type': 'It is migrated as a mailbox without that type: look at it on the old server.',
  'bad-number': 'It is migrated without that number: look at the record on the old server.',
};

/** Reads the source and records in the state what it showed. */
export function takeInventory(job: Job, state: State, trees: SourceTrees, problems: ProblemList): Inventory {
  const { conf } = job.source;
  const list = readMailboxesDb(job, trees);
  const rowsByName = new Map<string, MailboxRow>();
  const rows = new Map<string, MailboxRow>();
  for (const row of state.mailboxes.all()) {
    rows.set(row.uniqueid, row);
    rowsByName.set(row.name, row);
  }
  if (list.behind) problems.add(list.behind);
  for (const problem of list.problems) {
    // Shared ids are mended below; id records without a name are leftovers of the server's own, not mailboxes.
    if (/^(duplicate-uniqueid|no-uniqueid|id-record-)/.test(problem.code)) continue;
    problems.add({
      code: `mailboxes-db-${problem.code}`,
      message: problem.message,
      advice: ADVICE_FOR_RECORD[problem.code] ?? 'Look at this record on the old server; it is not migrated.',
      // each bad record is a problem of its own, be its name readable or not
      mailbox: problem.name ?? problem.key,
    });
  }
  const hasExpunge = !isAtLeast(conf.version, '2.4');
  const drafts: Draft[] = [];
  const refused = new Set<string>();
  const byDirectory = new Map<string, InternalName>();
  const adopted = adoptedMailboxes(job, trees, list.mailboxes);
  const entries = [
    ...[...adopted.values()].map(({ entry }) => entry),
    ...list.mailboxes.filter((entry) => isLive(entry) && !adopted.has(entry.name)),
  ];
  for (const entry of entries) {
    const draft = draftOf(job, trees, entry, adopted.get(entry.name)?.place, rowsByName, hasExpunge, problems);
    if (!draft) {
      refused.add(entry.name);
      continue;
    }
    if (draft.deleted && job.options.migrate.deleted === 'leave') continue;
    const key = `${draft.place.partition} ${draft.place.relative}`;
    const other = byDirectory.get(key);
    if (other !== undefined) {
      refused.add(entry.name);
      problems.add({
        code: 'one-directory-two-names',
        message: `its directory is that of ${other}`,
        advice: 'Delete one of the two records on the old server.',
        mailbox: entry.name,
        path: draft.place.data,
      });
      continue;
    }
    byDirectory.set(key, entry.name);
    drafts.push(draft);
  }
  const mailboxes = identify(drafts, state, problems).map(({ draft, uniqueid }) => {
    const row = rows.get(uniqueid);
    const unchanged = row !== undefined && row.print === draft.print && row.sourceKey === sourceKey(draft);
    const summary = unchanged ? row : draft.hasFiles ? summarise(job, trees, draft, problems) : undefined;
    // the state's own strings, so that they are in memory once
    const prints = unchanged ? { print: row.print, headerPrint: row.headerPrint } : undefined;
    return { ...draft, ...prints, uniqueid, summary };
  });
  const sightings = mailboxes.flatMap((m) => {
    const row = rows.get(m.uniqueid);
    if (row && row.print === m.print && row.name === m.name && row.sourceKey === sourceKey(m)) return [];
    const known: MailboxSummary = m.summary ??
      row ?? { indexVersion: 0, uidvalidity: 0, lastUid: 0, messages: 0, files: 0, bytes: 0 };
    const { indexVersion, uidvalidity, lastUid, messages, files, bytes } = known;
    return [
      {
        uniqueid: m.uniqueid,
        name: m.name,
        sourceKey: sourceKey(m),
        headerPrint: m.headerPrint,
        print: m.print,
        indexVersion,
        uidvalidity,
        lastUid,
        messages,
        files,
        bytes,
      },
    ];
  });
  state.mailboxes.sight(sightings);
  return {
    mailboxes,
    nameOnly: list.mailboxes.filter(
      (entry) => (entry.deleted || entry.intermediate) && !entry.remote && !entry.reserved,
    ),
    entries: list.mailboxes,
    rows,
    rowsStand: sightings.length === 0,
    databasePrint: list.print,
    databaseQuiet: list.quiet,
    dialect: list.dialect,
    adopted: new Set(adopted.keys()),
    refused,
    hasExpunge,
  };
}

function sourceKey(mailbox: { place: SourceMailbox['place'] }): string {
  return `${mailbox.place.partition} ${mailbox.place.relative}`;
}

function draftOf(
  job: Job,
  trees: SourceTrees,
  entry: MailboxEntry,
  adoptedPlace: MailboxPlace | undefined,
  rowsByName: ReadonlyMap<string, MailboxRow>,
  hasExpunge: boolean,
  problems: ProblemList,
): Draft | undefined {
  const { conf } = job.source;
  const { name } = entry;
  const refuse = (code: string, message: string, advice: string, path?: string): undefined => {
    problems.add({ code, message, advice, mailbox: name, path });
  };
  const bad = checkName(name);
  if (bad !== undefined)
    return refuse('name-refused', bad, 'Rename it on the old server; a path made of it would leave the partition.');
  if (entry.partition === undefined)
    return refuse('no-partition', 'its record names no partition', 'Look at the record on the old server.');
  const legacy = !isAtLeast(conf.version, '3.6') || entry.legacy;
  if (!legacy && (entry.uniqueid === undefined || !isSafeUniqueid(entry.uniqueid))) {
    return refuse(
      'uniqueid-refused',
      `its uniqueid "${entry.uniqueid ?? ''}" makes no directory name`,
      'Look at the record on the old server.',
    );
  }
  const place = adoptedPlace ?? placeOf(conf, { name, uniqueid: entry.uniqueid, partition: entry.partition, legacy });
  if (!place)
    return refuse(
      'unknown-partition',
      `imapd.conf has no partition "${entry.partition}"`,
      'Add the partition to the old imapd.conf that the job names.',
    );
  const print = mailboxPrint(place, job.source.real, hasExpunge);
  let sourceId = entry.uniqueid;
  if (!print.hasIndex || !print.hasHeader) {
    const missing = print.hasHeader ? 'cyrus.index' : print.hasIndex ? 'cyrus.header' : 'directory';
    problems.add({
      code: 'mailbox-files-missing',
      message: `it has no ${missing}`,
      advice: 'Run reconstruct for it on the old server, or delete it there; what the target has of it is kept.',
      mailbox: name,
      path: place.meta.index,
    });
    // 3.x knows which mailbox it is and keeps its place; of 2.x nothing is known without a header.
    if (!rowsByName.has(name) || sourceId === undefined) sourceId = rowsByName.get(name)?.uniqueid ?? sourceId;
    if (sourceId === undefined || !rowsByName.has(name)) return undefined;
  }
  if (sourceId === undefined) {
    const known = rowsByName.get(name);
    if (known && known.headerPrint === print.header && known.sourceKey === sourceKey({ place }))
      sourceId = known.uniqueid;
    else {
      const read = readUniqueid(trees, place.roots.meta.header, place.relative, name, problems);
      // A header that can't be read is not a mailbox without uniqueid: go by what it was, else leave it out.
      if (read === 'unreadable' && !known) return undefined;
      sourceId = read === 'unreadable' ? known?.uniqueid : read;
    }
  }
  return {
    name,
    entry,
    user: userOf(name, conf),
    unit: unitOf(name, job),
    deleted: isDeletedName(name, conf),
    place,
    headerPrint: print.header,
    print: print.all,
    sourceId,
    hasFiles: print.hasIndex && print.hasHeader,
  };
}

/** A user's whole tree with what was deleted of it, or a shared mailbox with all below it. */
export function unitOf(name: InternalName, job: Job): string {
  const user = userOf(name, job.source.conf);
  if (user) return `${user.domain === undefined ? '' : `${user.domain}!`}user.${user.localpart}`;
  const { domain, rest } = splitDomain(name, job.source.conf);
  const prefix = `${job.source.conf.deletedPrefix}.`;
  const top = (rest.startsWith(prefix) ? rest.slice(prefix.length) : rest).split('.')[0]!;
  return `${domain === undefined ? '' : `${domain}!`}${top}`;
}

function readUniqueid(
  trees: SourceTrees,
  rootPath: string,
  relative: string,
  name: InternalName,
  problems: ProblemList,
): string | undefined | 'unreadable' {
  const path = `${rootPath}/${relative}/cyrus.header`;
  try {
    const bytes = trees.root(rootPath)?.read(`${relative}/cyrus.header`);
    return bytes ? readMailboxHeader(bytes, path).uniqueid : 'unreadable';
  } catch (error) {
    problems.add(readProblem(error, name, path));
    return 'unreadable';
  }
}

function readProblem(error: unknown, name: InternalName, path: string) {
  if (errnoOf(error) === 'ELOOP') {
    return {
      code: 'link-refused',
      message: 'a symbolic link stands in its path',
      advice: 'Put the directory where the link is, or make the place it points to a partition.',
      mailbox: name,
      path,
    };
  }
  if (error instanceof FormatError || errnoOf(error) !== undefined) {
    return {
      code: 'mailbox-unreadable',
      message: (error as Error).message,
      advice: 'Run reconstruct for it on the old server; what the target has of it is kept.',
      mailbox: name,
      path,
    };
  }
  throw error;
}

/** The longest header of any version. */
const HEADER_BYTES = 192;

function summarise(job: Job, trees: SourceTrees, draft: Draft, problems: ProblemList): MailboxSummary | undefined {
  const { place, name } = draft;
  const path = `${place.meta.index}/cyrus.index`;
  try {
    const bytes = trees.root(place.roots.meta.index)?.readStart(`${place.relative}/cyrus.index`, HEADER_BYTES);
    if (!bytes) throw new FormatError(path, 0, 'an index', 'nothing');
    const header = readIndexHeader(bytes, path);
    let files: number = header.count;
    if (!isAtLeast(job.source.conf.version, '2.4')) {
      const expunge = trees.root(place.roots.meta.expunge)?.read(`${place.relative}/cyrus.expunge`);
      files += expunge ? (readExpunge(expunge, `${place.meta.expunge}/cyrus.expunge`)?.count ?? 0) : 0;
    }
    return {
      indexVersion: header.minorVersion,
      uidvalidity: header.uidvalidity,
      lastUid: header.lastUid,
      messages: header.exists,
      files,
      bytes: Number(header.quotaUsedBytes),
    };
  } catch (error) {
    const problem = readProblem(error, name, path);
    problems.add(error instanceof FormatError ? { ...problem, code: 'index-damaged' } : problem);
    return undefined;
  }
}

/**
 * Gives each mailbox one uniqueid of its own. Of two with the same, the one outside DELETED keeps it, else the first
 * by name; a missing one is made. What is made is remembered, so that every pass gives the same.
 */
function identify(drafts: readonly Draft[], state: State, problems: ProblemList): { draft: Draft; uniqueid: string }[] {
  const owners = new Map<string, Draft>();
  for (const draft of [...drafts].sort((a, b) => Number(a.deleted) - Number(b.deleted) || (a.name < b.name ? -1 : 1))) {
    if (draft.sourceId !== undefined && !owners.has(draft.sourceId)) owners.set(draft.sourceId, draft);
  }
  return drafts.map((draft) => {
    const { sourceId, name } = draft;
    const owner = sourceId === undefined ? undefined : owners.get(sourceId);
    if (sourceId !== undefined && owner === draft) return { draft, uniqueid: sourceId };
    const key = sourceId ?? '';
    let uniqueid = state.assignedUniqueid(key, name);
    if (uniqueid === undefined) {
      uniqueid = newUniqueid();
      state.assignUniqueid(key, name, uniqueid);
      problems.add(
        sourceId === undefined
          ? {
              code: 'uniqueid-missing',
              message: `it had no uniqueid; the target's is ${uniqueid}`,
              advice: 'Nothing to do: it is mended on the target.',
              mailbox: name,
            }
          : {
              code: 'uniqueid-double',
              message: `its uniqueid ${sourceId} is that of ${owner?.name} too; the target's is ${uniqueid}`,
              advice: 'Nothing to do: it is mended on the target.',
              mailbox: name,
            },
      );
    }
    return { draft, uniqueid };
  });
}

/** 24 characters of a-z and 0-9, as Cyrus without libuuid makes them. @see cyrus-imapd 3.0.18 lib/util.c makeuuid */
function newUniqueid(): string {
  return [...randomBytes(24)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');
}

/** Users that no login reaches on the target: for survey and init. */
export function unreachableUsers(job: Job, inventory: Inventory): { name: InternalName; why: string }[] {
  const found = new Map<string, { name: InternalName; why: string }>();
  for (const { name, unit, user, deleted } of inventory.mailboxes) {
    if (!user || deleted || found.has(unit)) continue;
    const why = unreachableLogin(name, job.target.conf);
    if (why !== undefined) found.set(unit, { name, why });
  }
  return [...found.values()];
}
