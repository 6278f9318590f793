/** Why a unit lies where it does: all that the planner looked at for it. */
import type { Inventory } from '../inventory/inventory.js';
import type { SourceMailbox } from '../model/mailbox.js';
import type { Explanation } from '../model/placement-view.js';
import type { State } from '../state/state.js';
import { type DetailedPlan, keyOf } from './plan.js';
import type { Reason } from './reason.js';

/** Undefined where there is neither such a mailbox nor such a unit. */
export function explain(plan: DetailedPlan, inventory: Inventory, state: State, name: string): Explanation | undefined {
  const { collected, decision } = plan.details;
  let mailbox: SourceMailbox | undefined;
  let ofUnit: SourceMailbox | undefined;
  for (const candidate of inventory.mailboxes) {
    if (candidate.name === name) mailbox = candidate;
    if (candidate.unit === name) ofUnit ??= candidate;
  }
  const shown = mailbox ?? ofUnit;
  if (!shown) return undefined;
  const key = keyOf(plan, shown);
  const u = collected.positions.get(key)!;
  const { loads, reasonOf, bytesThen } = decision;
  const { columns, rules, rule, bytesOf } = collected;
  let rank = 1;
  for (let other = 0; other < collected.keys.length; other++) if (bytesOf(other) > bytesOf(u)) rank++;
  const at = loads.assignment[u]!;
  const ruled = rules[rule[u]!]!;
  const sourcePartitions = new Set<string>();
  const moves = new Map<string, { from: string; to: string; mailboxes: number; bytes: number }>();
  const partition = plan.disks.partitions[at]!.name;
  for (const one of inventory.mailboxes) {
    if (keyOf(plan, one) !== key) continue;
    sourcePartitions.add(one.place.partition);
    const lies = state.mailboxes.get(inventory.table.rowIds[one.at]!)?.targetPartition;
    if (lies === undefined || lies === null || lies === partition) continue;
    const move = moves.get(lies) ?? { from: lies, to: partition, mailboxes: 0, bytes: 0 };
    move.mailboxes++;
    move.bytes += one.summary?.bytes ?? 0;
    moves.set(lies, move);
  }
  return {
    name,
    unit: collected.nameOf(u),
    partition,
    reason: reasonText(reasonOf(u), ruled.text, ruled.kind),
    from: mailbox?.place.data ?? null,
    to: mailbox ? plan.placeOf(mailbox).data : null,
    mailboxes: columns.mailboxes[u]!,
    bytes: bytesOf(u),
    files: collected.filesOf(u),
    sourcePartitions: [...sourcePartitions].sort(),
    rank,
    units: collected.keys.length,
    bytesWhenPlaced: bytesThen[u]! < 0 ? null : bytesThen[u]!,
    rule: ruled.text,
    partitions: plan.disks.partitions.map(({ name: other }, p) => {
      const allowed = ruled.partitions.includes(other);
      const fits = p === at ? !loads.isOver(p) : loads.fits(u, p, u, at);
      return {
        name: other,
        allowed,
        because: allowed
          ? `${ruled.text} allows it`
          : `${ruled.text} does not name it${ruled.kind === 'free' ? ': it is excluded' : ''}`,
        without: loads.measure(p, p === at ? u : -1),
        with: loads.measure(p, -1, p === at ? -1 : u),
        fits,
      };
    }),
    moves: [...moves.values()],
  };
}

function reasonText(reason: Reason, rule: string, kind: 'written' | 'followed' | 'free'): string {
  switch (reason) {
    case 'balanced':
      return kind === 'written'
        ? `balanced over the partitions of ${rule}: the least loaded when it was its turn, largest first`
        : 'balanced: the least loaded by bytes and files when it was its turn, largest first; it has stayed there since';
    case 'lying':
      return 'most of its mail lies there already';
    case 'csv':
      return 'a person said so: plan --from-csv';
    case 'rebalanced':
      return 'moved by plan --rebalance';
    case 'rule':
      if (kind === 'free') return 'the job file left no other when it was placed; it has stayed there since';
      return kind === 'followed' ? `${rule}: the source's partition decides` : `${rule} in the job file`;
    default:
      return reason satisfies never;
  }
}
