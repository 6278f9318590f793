/**
 * Stale directories whose messages were all found in live mail: nothing of that is done again while the directories and
 * the index, and on the other side the indexes and directories of the live mailboxes, are as they were. So a proof that
 * stands costs a stat for each live directory, however many messages there are. What is nowhere else is not remembered:
 * it is looked for again each time, for it may have come anywhere. Where messages were found stays as it was first told,
 * though by now they may be in other mailboxes too.
 */
import { fingerprintOf } from '../disk/file-stat.js';
import type { SourceTrees } from '../disk/trees.js';
import type { ProofRows, ProvenPlace } from '../state/proof-rows.js';
import type { Proof } from './classify.js';
import type { Finding } from './finding.js';
import type { LiveMailboxes } from './live-mailboxes.js';
import { isSettled } from './walk-context.js';

/** One live directory in which messages were found, and when it was so. JSON. */
type Rest = readonly [mailbox: string, mailboxPrint: string, root: string, directoryPrint: string];

/** Found in this live mailbox, below this root. */
export interface Found {
  readonly number: number;
  readonly root: string;
}

const BATCH = 500;

export class ProvenPlaces {
  readonly #proofs: ProofRows;
  readonly #trees: SourceTrees;
  readonly #live: LiveMailboxes;
  #fresh: ProvenPlace[] = [];

  constructor(proofs: ProofRows, trees: SourceTrees, live: LiveMailboxes) {
    this.#proofs = proofs;
    this.#trees = trees;
    this.#live = live;
  }

  /** The proof that still stands. */
  recall(finding: Finding): Proof | undefined {
    const print = this.#printOf(finding);
    const known = print === undefined ? undefined : this.#proofs.proven(finding.parts[0]!.path);
    if (!known || known.print !== print) return undefined;
    const stands = (JSON.parse(known.rests) as Rest[]).every(([mailbox, mailboxPrint, root, directoryPrint]) => {
      const live = this.#live.named(mailbox);
      return (
        live?.print === mailboxPrint &&
        fingerprintOf(this.#trees.root(root)?.stat(live.place.relative)) === directoryPrint
      );
    });
    return stands ? (JSON.parse(known.proof) as Proof) : undefined;
  }

  /** @returns False where nothing is remembered: a change could go unseen. */
  remember(finding: Finding, proof: Proof, found: readonly Found[]): boolean {
    const print = this.#printOf(finding);
    if (print === undefined) return false;
    const rests = new Map<string, Rest>();
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    for (const { number, root } of found) {
      const key = `${number} ${root}`;
      if (rests.has(key)) continue;
      const live = this.#live.get(number);
      const stat = this.#trees.root(root)?.stat(live.place.relative);
      if (!stat || live.print === undefined || !isSettled(stat, nowNs)) return false;
      rests.set(key, [live.name, live.print, root, fingerprintOf(stat)]);
    }
    const path = finding.parts[0]!.path;
    this.#fresh.push({ path, print, proof: JSON.stringify(proof), rests: JSON.stringify([...rests.values()]) });
    if (this.#fresh.length >= BATCH) this.save();
    return true;
  }

  save(): void {
    this.#proofs.save({ places: this.#fresh });
    this.#fresh = [];
  }

  #printOf({ print, twin, owner }: Finding): string | undefined {
    if (print === undefined) return undefined;
    return JSON.stringify([print, twin === undefined ? null : this.#live.get(twin).name, owner ?? null]);
  }
}
