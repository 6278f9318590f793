/**
 * The source as the state remembers it, row by row: what the last survey, plan or pass saw. Nothing of it is kept, so that
 * a million users are planned in what their columns take.
 */
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { type MailboxPlace, placeBelow, uniqueidOfDir } from '../cyrus/layout/mailbox-place.js';
import { asInternalName, type InternalName, type User, userOf } from '../cyrus/names/mailbox-name.js';
import { unitOf } from '../inventory/listed-mailbox.js';
import type { SeenRow } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import type { PlanInput, PlannedMailbox } from './plan-input.js';

/** @param conf Of the source. */
export function asSeen(state: State, conf: CyrusConf): PlanInput {
  /** A partition that imapd.conf lost has no mailboxes for an inventory either. */
  const isThere = ({ sourceKey }: SeenRow) => conf.partitions.has(sourceKey.slice(0, sourceKey.indexOf(' ')));
  return {
    isWave: false,
    count: 0,
    *rows() {
      for (const row of state.mailboxes.seen())
        if (isThere(row))
          yield {
            mailbox: new SeenMailbox(row, conf),
            lyingOn: row.targetPartition,
            syncedFiles: row.targetPartition === null ? -1 : row.syncedFiles,
          };
    },
    *lying() {
      for (const row of state.mailboxes.seen(true)) {
        const { targetPartition, targetRelative } = row;
        if (isThere(row) && targetPartition !== null)
          yield [new SeenMailbox(row, conf), { targetPartition, targetRelative }];
      }
    },
  };
}

class SeenMailbox implements PlannedMailbox {
  readonly #row: SeenRow;
  readonly #conf: CyrusConf;

  constructor(row: SeenRow, conf: CyrusConf) {
    this.#row = row;
    this.#conf = conf;
  }

  get name(): InternalName {
    return asInternalName(this.#row.name);
  }

  get uniqueid(): string {
    return this.#row.uniqueid;
  }

  get unit(): string {
    return unitOf(this.name, this.#conf);
  }

  get user(): User | undefined {
    return userOf(this.name, this.#conf);
  }

  get print(): string {
    return this.#row.print;
  }

  get summary(): SeenRow {
    return this.#row;
  }

  get place(): MailboxPlace {
    const { sourceKey } = this.#row;
    const cut = sourceKey.indexOf(' ');
    const relative = sourceKey.slice(cut + 1);
    const roots = this.#conf.partitions.get(sourceKey.slice(0, cut))!; // asSeen has looked
    return placeBelow(roots, uniqueidOfDir(relative) === undefined, relative);
  }
}
