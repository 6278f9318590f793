/** What lies in the directories of a live mailbox beside what is its own. */
import { parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { deletedAtSec } from '../cyrus/names/mailbox-name.js';
import type { CensusRow } from '../state/census-rows.js';
import type { Facts } from './classify.js';
import { plainFinding } from './finding.js';
import type { LiveMailbox } from './live-mailboxes.js';
import { hasRecord, readLiveIndex } from './mailbox-index.js';
import { isUnfinished, type Listed, type PlaceWalk, type Seen, UNFINISHED } from './place.js';

/** Of one directory: all its files, and those that are leftovers by themselves. */
type Summary = Pick<CensusRow, 'files' | 'bytes' | 'messages' | 'odd'>;

/** A file that is a leftover by itself, as the census keeps it. */
interface Odd {
  readonly name: string;
  /** When it was listed: not all of these stay as they are. */
  readonly bytes: number;
  readonly facts: Facts;
  readonly content: boolean;
}

export const STRANGER: Facts = { kind: 'foreign', what: 'nothing that Cyrus writes into a mailbox' };
const OUT_OF_PLACE: Facts = { kind: 'debris', what: 'out-of-place' };

/** Reads the listings of a live mailbox, and its index. */
export function lookAtLivePlace(
  { context }: PlaceWalk,
  relative: string,
  listed: readonly Listed[],
  live: LiveMailbox,
): Map<Listed, Summary> {
  const { place } = live;
  const { canonical } = context.roots;
  const messageRoots = new Set(
    [place.roots.data, place.roots.archive].map((root) => root && (canonical.get(root) ?? root)),
  );
  const odd = new Map<Listed, Odd[]>(listed.map((one) => [one, []]));
  const strays: { one: Listed; name: string; uid: number }[] = [];
  for (const one of listed) {
    for (const name of one.files) {
      const uid = parseMessageFileName(name);
      if (uid !== undefined) strays.push({ one, name, uid });
      else if (isUnfinished(name))
        odd.get(one)!.push({ name, bytes: one.size(name), facts: UNFINISHED, content: false });
      else if (isOutOfPlace(name, one, relative, live, listed, canonical))
        odd.get(one)!.push({ name, bytes: one.size(name), facts: OUT_OF_PLACE, content: false });
      else if (!name.startsWith('cyrus.'))
        odd.get(one)!.push({ name, bytes: one.size(name), facts: STRANGER, content: false });
    }
  }
  // Read after the listing, so that a delivery that ends meanwhile has its record.
  const pair = strays.length === 0 ? undefined : readLiveIndex(context.trees, place);
  const messages = new Map<Listed, number>();
  for (const { one, name, uid } of strays) {
    if (!pair || (messageRoots.has(one.root.path) && hasRecord(pair, uid)))
      messages.set(one, (messages.get(one) ?? 0) + 1);
    else {
      const facts = { kind: 'no-record', mailbox: live.name, uid, lastUid: pair.index.lastUid } as const;
      odd.get(one)!.push({ name, bytes: one.size(name), facts, content: true });
    }
  }
  return new Map(
    listed.map((one) => {
      const own = odd.get(one)!;
      const bytes = context.account ? one.files.reduce((sum, name) => sum + one.size(name), 0) : 0;
      const summary = {
        files: one.files.length,
        bytes,
        messages: messages.get(one) ?? 0,
        odd: own.length === 0 ? '' : JSON.stringify(own),
      };
      return [one, summary] as const;
    }),
  );
}

/** Tells of a live place, just listed or remembered. */
export function tellLivePlace(
  walk: PlaceWalk,
  relative: string,
  live: LiveMailbox,
  seen: readonly Seen[],
  summaryOf: (one: Seen) => Summary,
): void {
  const { context } = walk;
  context.met(live.number);
  const parts = seen.map((one) => {
    const { files, bytes, messages, odd } = summaryOf(one);
    const part = { path: one.path, files, bytes: Math.max(0, bytes), messages, directories: 1 };
    if (one.counts) one.counts.messages += messages;
    for (const { name, bytes: then, facts, content } of odd === '' ? [] : (JSON.parse(odd) as Odd[])) {
      const now = one.root.stat(`${relative}/${name}`)?.sizeBytes ?? 0;
      walk.file(one.root, relative, name, now, facts, { content, mailbox: live });
      part.files--;
      if (!context.account) continue;
      part.bytes -= then;
      if (one.counts) one.counts.bytes += now - then;
    }
    return part;
  });
  if (!live.deleted) {
    for (const part of parts) context.ledger.add('mailbox', part);
    return;
  }
  const { conf } = context.job.source;
  const migrated = context.job.options.migrate.deleted !== 'leave' && context.live.takes(live.name);
  const atSec = deletedAtSec(live.name, conf);
  context.found(
    plainFinding({ kind: 'deleted', mailbox: live.name, atSec, migrated }, parts, {
      mailbox: live.name,
      uniqueid: live.uniqueid,
      owner: live.owner,
      partition: walk.partition.name,
    }),
  );
}

/** A header or index in one directory of a mailbox, where the configuration has it in another and it is there too. */
function isOutOfPlace(
  name: string,
  { root }: Listed,
  relative: string,
  { place }: LiveMailbox,
  listed: readonly Listed[],
  canonical: ReadonlyMap<string, string>,
): boolean {
  const { meta } = place.roots;
  const where = name === 'cyrus.header' ? meta.header : name === 'cyrus.index' ? meta.index : undefined;
  const right = where === undefined ? undefined : (canonical.get(where) ?? where);
  return (
    right !== undefined &&
    right !== root.path &&
    listed.some((one) => one.path === `${right}/${relative}` && one.files.includes(name))
  );
}
