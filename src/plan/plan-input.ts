/** What a plan is made from, mailbox by mailbox: an inventory of the source, or what the state remembers of it. */
import type { Inventory } from '../inventory/inventory.js';
import type { MailboxSummary, SourceMailbox } from '../model/mailbox.js';
import type { State } from '../state/state.js';

/** What planning looks at of a mailbox. */
export type PlannedMailbox = Pick<SourceMailbox, 'name' | 'uniqueid' | 'unit' | 'user' | 'place' | 'print'> & {
  readonly summary: Pick<MailboxSummary, 'bytes' | 'files'> | undefined;
};

/** Where a mailbox lies on the target. */
export interface LyingAt {
  readonly targetPartition: string;
  readonly targetRelative: string | null;
}

export interface PlanRow {
  readonly mailbox: PlannedMailbox;
  /** Partition of the target that it lies on, and how many files it is known to have there. */
  readonly lyingOn: string | null;
  readonly syncedFiles: number;
}

export interface PlanInput {
  /** Only some users are seen: not how large the source is. */
  readonly isWave: boolean;
  /** How many rows there are; 0: not known beforehand. */
  readonly count: number;
  /** One after the other; nothing may be written to the state meanwhile. */
  rows(): Iterable<PlanRow>;
  /** Of those that lie on the target; nothing may be written to the state meanwhile. */
  lying(): Iterable<readonly [PlannedMailbox, LyingAt]>;
}

type InventoryPart = Pick<Inventory, 'mailboxes' | 'table' | 'selection'>;

export function inputOf({ mailboxes, table, selection }: InventoryPart, state: State): PlanInput {
  return {
    isWave: selection.isWave,
    count: mailboxes.length,
    *rows() {
      const lyingOn = partitionsOfRows(state);
      for (const mailbox of mailboxes)
        yield {
          mailbox,
          lyingOn: lyingOn(table.rowIds[mailbox.at]!),
          syncedFiles: table.syncedFiles[mailbox.at]!,
        };
    },
    *lying() {
      const byUniqueid = new Map(mailboxes.map((mailbox) => [mailbox.uniqueid, mailbox]));
      for (const { uniqueid, targetPartition, targetRelative } of state.mailboxes.standings()) {
        const mailbox = targetPartition === null ? undefined : byUniqueid.get(uniqueid);
        if (mailbox && targetPartition !== null) yield [mailbox, { targetPartition, targetRelative }];
      }
    },
  };
}

/** By row, the partition of the target on which its mailbox lies. Ids are dense: an array is least. */
function partitionsOfRows(state: State): (id: number) => string | null {
  const names: string[] = [];
  let byId = new Int16Array(1024).fill(-1);
  for (const { id, targetPartition } of state.mailboxes.standings()) {
    if (targetPartition === null) continue;
    if (id >= byId.length) {
      const larger = new Int16Array(2 * id).fill(-1);
      larger.set(byId);
      byId = larger;
    }
    const known = names.indexOf(targetPartition);
    byId[id] = known >= 0 ? known : names.push(targetPartition) - 1;
  }
  return (id) => (id > 0 ? (names[byId[id] ?? -1] ?? null) : null);
}
