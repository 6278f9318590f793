/**
 * Where each mailbox goes on the target: which partition, by which layout. Pure: sizes and capacities in, places out.
 *
 * - `keep`, `map`: the partition follows the source's, by the same or the mapped name.
 * - `balance`: a user's whole tree is one unit, and so is a shared tree; largest first, each to the partition that is
 *   least full by then. What was placed before stays (sticky).
 * - A pin beats all.
 */

import { ConfigError } from '../base/errors.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { type MailboxPlace, placeOf } from '../cyrus/layout/mailbox-place.js';
import { isAtLeast } from '../cyrus/version.js';
import type { SourceMailbox } from '../model/mailbox.js';

export type Policy = 'balance' | 'keep' | 'map';

export interface Placement {
  readonly unit: string;
  readonly partition: string;
  readonly reason: string;
}

export interface PlanInput {
  readonly policy: Policy;
  /** old = new */
  readonly map: Readonly<Record<string, string>>;
  /** unit = partition */
  readonly pins: Readonly<Record<string, string>>;
  readonly mailboxes: readonly SourceMailbox[];
  /** Share of the whole that each target partition should carry; any positive unit. */
  readonly weights: ReadonlyMap<string, number>;
  readonly placed: ReadonlyMap<string, Placement>;
}

/** The policy of a job that names none: partitions of the same names stay, others are balanced. */
export function defaultPolicy(source: CyrusConf, target: CyrusConf): Policy {
  return [...source.partitions.keys()].every((name) => target.partitions.has(name)) ? 'keep' : 'balance';
}

/** The placement key of a mailbox: by user where they are balanced, by source partition where they are kept. */
export function placementKey(mailbox: SourceMailbox, policy: Policy): string {
  return policy === 'balance' ? mailbox.unit : `${mailbox.unit} ${mailbox.place.partition}`;
}

/** A placement for every mailbox, by {@link placementKey}. @throws ConfigError for a partition that is not there. */
export function planPlacements(input: PlanInput): Map<string, Placement> {
  const { policy, weights, placed } = input;
  const need = (partition: string, why: string): string => {
    if (weights.has(partition)) return partition;
    throw new ConfigError(
      `The target has no partition "${partition}"`,
      why,
      'Correct [placement] in the job file, or add the partition to the new imapd.conf.',
    );
  };
  const units = new Map<string, { unit: string; from: string; bytes: number; files: number }>();
  for (const mailbox of input.mailboxes) {
    const key = placementKey(mailbox, policy);
    const sum = units.get(key) ?? { unit: mailbox.unit, from: mailbox.place.partition, bytes: 0, files: 0 };
    sum.bytes += mailbox.summary?.bytes ?? 0;
    sum.files += mailbox.summary?.files ?? 0;
    units.set(key, sum);
  }
  const out = new Map<string, Placement>();
  const load = new Map([...weights.keys()].map((name) => [name, 0]));
  const put = (key: string, partition: string, reason: string, cost: number): void => {
    out.set(key, { unit: key, partition, reason });
    load.set(partition, load.get(partition)! + cost);
  };
  const open: { key: string; cost: number }[] = [];
  for (const [key, { unit, from, bytes, files }] of units) {
    const cost = bytes + files * FILE_COST_BYTES;
    const before = placed.get(key);
    const pin = input.pins[unit];
    if (pin !== undefined) put(key, need(pin, `${unit} is pinned to it`), PINNED, cost);
    else if (policy === 'balance' && before && weights.has(before.partition)) {
      put(key, before.partition, before.reason === PINNED ? 'stays where it was pinned before' : before.reason, cost);
    } else if (policy === 'balance') open.push({ key, cost });
    else {
      const to = input.map[from] ?? from;
      put(
        key,
        need(to, `the source's partition "${from}" maps to it`),
        to === from ? `keeps partition ${from}` : `partition ${from} is mapped to ${to}`,
        cost,
      );
    }
  }
  open.sort((a, b) => b.cost - a.cost || (a.key < b.key ? -1 : 1));
  for (const { key, cost } of open) {
    let best: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [name, weight] of weights) {
      const filled = (load.get(name)! + cost) / weight;
      if (filled < least) {
        least = filled;
        best = name;
      }
    }
    put(key, best!, 'balanced: the least full partition when it was its turn, largest first', cost);
  }
  return out;
}

const PINNED = 'pinned in the job file';

/** What a file costs beside its bytes: half a block and an inode, so that many small mails weigh something. */
const FILE_COST_BYTES = 2304;

/** Whether the target keeps this mailbox by name. */
export function isLegacyOnTarget(
  mailbox: Pick<SourceMailbox, 'place'>,
  layout: 'name' | 'keep' | 'uuid',
  target: CyrusConf,
): boolean {
  if (!isAtLeast(target.version, '3.6')) return true;
  return layout === 'keep' ? mailbox.place.legacy : layout === 'name';
}

/** The place of a mailbox on the target. */
export function targetPlace(
  mailbox: SourceMailbox,
  partition: string,
  layout: 'name' | 'keep' | 'uuid',
  target: CyrusConf,
): MailboxPlace {
  const legacy = isLegacyOnTarget(mailbox, layout, target);
  const place = placeOf(target, { name: mailbox.name, uniqueid: mailbox.uniqueid, partition, legacy });
  if (!place) throw new RangeError(`no partition ${partition}`);
  return place;
}
