/**
 * The source as the state remembers it, row by row: what the last survey, plan or pass saw. Nothing of it is kept, so that
 * a million users are planned in what their columns take.
 */
import { keepHeapSmall } from '../base/heap.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { asInternalName, type InternalName, type User, userOf } from '../cyrus/names/mailbox-name.js';
import { unitOf } from '../inventory/listed-mailbox.js';
import { placeOfSourceKey } from '../inventory/source-key.js';
import type { SeenRow } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import type { PlanInput, PlannedMailbox } from './plan-input.js';

/** @param conf Of the source. */
export function asSeen(state: State, conf: CyrusConf): PlanInput {
  keepHeapSmall();
  return {
    isWave: false,
    count: 0,
    *rows() {
      for (const row of state.mailboxes.seen()) {
        const mailbox = seenMailbox(row, conf);
        if (mailbox) yield { mailbox, lyingOn: row.targetPartition, syncedFiles: row.syncedFiles };
      }
    },
    *lying() {
      for (const row of state.mailboxes.seen(true)) {
        const { targetPartition, targetRelative } = row;
        const mailbox = seenMailbox(row, conf);
        if (mailbox && targetPartition !== null) yield [mailbox, { targetPartition, targetRelative }];
      }
    },
  };
}

/** Undefined on a partition that imapd.conf lost: an inventory has none of it either. */
function seenMailbox(row: SeenRow, conf: CyrusConf): SeenMailbox | undefined {
  const place = placeOfSourceKey(row.sourceKey, conf);
  return place && new SeenMailbox(row, place, conf);
}

class SeenMailbox implements PlannedMailbox {
  readonly #row: SeenRow;
  readonly place: MailboxPlace;
  readonly #conf: CyrusConf;

  constructor(row: SeenRow, place: MailboxPlace, conf: CyrusConf) {
    this.#row = row;
    this.place = place;
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
}
