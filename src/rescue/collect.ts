/** Which messages are to be rescued, and what their own index still tells of them. */
import { parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { asInternalName, inboxOf, type User, userOf } from '../cyrus/names/mailbox-name.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { LeftoversResult } from '../survey/leftover.js';
import { type IndexPair, readIndexPair } from '../survey/mailbox-index.js';
import type { RescueItem } from './rescue-item.js';

/** In a fixed order: by owner, then date, then content. The same content is one item for one owner. */
export function itemsToRescue(job: Job, trees: SourceTrees, found: LeftoversResult): RescueItem[] {
  const items = new Map<string, RescueItem & { from: { root: string; relative: string }[] }>();
  for (const [leftover, { finding, rescue }] of found.details) {
    if (rescue.length === 0 || (leftover.verdict !== 'rescue' && leftover.verdict !== 'person')) continue;
    const { index, owner, candidates } = finding;
    const pair = index && readIndexPair(trees, index, index);
    const user = owner === undefined ? undefined : userOf(asInternalName(owner), job.source.conf);
    const home = user && found.live.named(inboxOf(user)) ? user : undefined;
    for (const { path, guid, bytes } of rescue) {
      const root = candidates.find((one) => path.startsWith(`${one.root}/${one.relative}/`))?.root;
      if (root === undefined) continue;
      const relative = path.slice(root.length + 1);
      const key = `${home ? inboxOf(home) : ''}\0${guid}`;
      const known = items.get(key);
      if (known) {
        known.from.push({ root, relative });
        continue;
      }
      const told = pair && recordOf(pair, path, bytes);
      items.set(key, {
        user: home,
        mailbox: leftover.mailbox ?? undefined,
        guid,
        bytes,
        from: [{ root, relative }],
        dateSec: told?.dateSec ?? Number((trees.root(root)?.stat(relative)?.mtimeNs ?? 0n) / 1_000_000_000n),
        flags: told?.flags ?? 0,
        class: leftover.class,
        why: leftover.evidence.find((text) => text.includes('nowhere else')) ?? leftover.evidence[0],
      });
    }
  }
  const order = (item: RescueItem) => (item.user ? inboxOf(item.user) : '');
  return [...items.values()].sort(
    (a, b) => compare(order(a), order(b)) || a.dateSec - b.dateSec || compare(a.guid, b.guid),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A record of the same UID and length: nothing else of an old index is believed. */
function recordOf(
  { index, expunge }: IndexPair,
  path: string,
  bytes: number,
): { dateSec: number; flags: number } | undefined {
  const uid = parseMessageFileName(path.slice(path.lastIndexOf('/') + 1));
  if (uid === undefined) return undefined;
  for (const view of [index, expunge]) {
    const i = view?.find(uid) ?? -1;
    if (!view || i < 0 || view.size(i) !== bytes) continue;
    return { dateSec: view.internalDate(i), flags: view.systemFlags(i) };
  }
  return undefined;
}

/** The user as a key of names and files. */
export function ownerKey(user: User | undefined): string {
  return user ? inboxOf(user) : '';
}
