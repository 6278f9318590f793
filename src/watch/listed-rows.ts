/** Which mailbox a hint means, by the list that the last complete pass left; and which mailboxes are the busiest. */
import { withoutLinks } from '../disk/os-path.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import { listedMailboxes } from '../sync/sweep-list.js';

export class ListedRows {
  readonly #state: State;
  readonly #copies = new Map<number, number>();
  #byDirectory = new Map<string, number>();
  #changedSec = new Map<number, number>();

  constructor(state: State) {
    this.#state = state;
  }

  /** To be called after each whole pass. Memory grows with the mailboxes: about 250 bytes each. */
  read({ source }: Job): void {
    const byDirectory = new Map<string, number>();
    const changedSec = new Map<number, number>();
    const roots = new Map<string, string>();
    for (const { row, indexRoot, relative, changedSec: sec } of listedMailboxes(this.#state)) {
      let root = roots.get(indexRoot);
      if (root === undefined) roots.set(indexRoot, (root = withoutLinks(source.real(indexRoot))));
      byDirectory.set(`${root}/${relative}`, row);
      changedSec.set(row, sec);
    }
    if (byDirectory.size === 0) return; // no list now: the next pass makes one, and most rows are as they were
    this.#byDirectory = byDirectory;
    this.#changedSec = changedSec;
  }

  /** @param directory Real path, as the kernel has it: its root without a link. */
  ofDirectory(directory: string): number | undefined {
    return this.#byDirectory.get(directory);
  }

  ofName(name: string): number | undefined {
    return this.#state.mailboxes.byName(name)?.id;
  }

  copied(rows: Iterable<number>): void {
    for (const row of rows) this.#copies.set(row, (this.#copies.get(row) ?? 0) + 1);
  }

  /** Real paths of the indexes of those that were copied most often, then of those that changed last. */
  busiestIndexes(count: number): string[] {
    const rank = (row: number) => (this.#copies.get(row) ?? 0) * 1e12 + (this.#changedSec.get(row) ?? 0);
    return [...this.#byDirectory]
      .sort(([, a], [, b]) => rank(b) - rank(a))
      .slice(0, count)
      .map(([directory]) => `${directory}/cyrus.index`);
  }
}
