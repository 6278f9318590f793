/**
 * The account of the source: every regular file that `find -type f` sees below the old server's roots, each in exactly
 * one class. It is kept twice, once by root as the directories are listed and once by class as things are recognised,
 * so that what no rule covers shows as a difference.
 */
import {
  type Account,
  type Counts,
  LIVE_CLASSES,
  type LiveClass,
  type RootCounts,
  type RootKind,
  type RootTally,
} from '../model/account.js';
import type { LeftoverTotal } from './leftover.js';

export class Ledger {
  readonly #classes = new Map<string, Counts>();
  readonly #roots = new Map<string, RootCounts & RootTally>();

  /** The counts of a root; the same ones for the same path. */
  root(kind: RootKind, path: string): RootTally {
    let counts = this.#roots.get(path);
    if (!counts) this.#roots.set(path, (counts = { kind, path, directories: 0, files: 0, bytes: 0, messages: 0 }));
    return counts;
  }

  add(name: LiveClass, { directories = 0, files = 0, bytes = 0 }: Partial<Counts>): void {
    let counts = this.#classes.get(name);
    if (!counts) this.#classes.set(name, (counts = { directories: 0, files: 0, bytes: 0 }));
    counts.directories += directories;
    counts.files += files;
    counts.bytes += bytes;
  }

  close(leftovers: readonly LeftoverTotal[]): Account {
    const roots = [...this.#roots.values()].filter(({ directories }) => directories > 0);
    const total = sum(roots);
    const live = LIVE_CLASSES.flatMap((name) => {
      const counts = this.#classes.get(name);
      return counts ? [{ class: name, ...counts }] : [];
    });
    const known = sum([...live, ...leftovers]);
    const structure = { class: 'structure', files: 0, bytes: 0, directories: total.directories - known.directories };
    return {
      ...total,
      classes: [...live, structure, ...leftovers].filter((c) => c.files > 0 || c.directories !== 0),
      roots,
      unaccounted: total.files - known.files,
    };
  }
}

function sum(list: Iterable<Readonly<Counts>>): Counts {
  const total = { directories: 0, files: 0, bytes: 0 };
  for (const { directories, files, bytes } of list) {
    total.directories += directories;
    total.files += files;
    total.bytes += bytes;
  }
  return total;
}
