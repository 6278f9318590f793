/** Writes files below a root of the target: temporary name, rename; one barrier at the end makes all of them last. */
import { fsyncPath } from '../disk/barrier.js';
import type { TargetDir, TargetRoot } from '../disk/target.js';
import type { TargetTrees } from '../disk/trees.js';

/** A writer for each directory: `*_db_path` may put every database elsewhere. */
export class ConfigWriters {
  readonly #trees: TargetTrees;
  readonly #below: string;
  readonly #writers = new Map<string, ConfigWriter>();

  /** @param below Files go below this directory of each; `''` in place. */
  constructor(trees: TargetTrees, below = '') {
    this.#trees = trees;
    this.#below = below;
  }

  /** @throws ErrnoException where there is no such directory. */
  at(directory: string): ConfigWriter {
    let writer = this.#writers.get(directory);
    if (!writer) {
      writer = new ConfigWriter(this.#trees.root(directory), this.#below);
      this.#writers.set(directory, writer);
    }
    return writer;
  }

  /** Of all that was written, as the server names it. */
  paths(): string[] {
    return [...this.#writers.values()].flatMap((writer) => [...writer.paths()]);
  }

  barrier(): void {
    for (const writer of this.#writers.values()) writer.barrier();
  }
}

export class ConfigWriter {
  readonly root: TargetRoot;
  /** Files go below this directory of the root; `''` in place. */
  readonly #below: string;
  /** Below the root. */
  readonly #written = new Set<string>();
  readonly #removed = new Set<string>();

  constructor(root: TargetRoot, below = '') {
    this.root = root;
    this.#below = below;
  }

  write(relative: string, bytes: Uint8Array): void {
    this.#make(relative, (dir, name) => dir.replace(name, bytes));
  }

  link(relative: string, pointsTo: string): void {
    this.#make(relative, (dir, name) => dir.replaceLink(name, pointsTo));
  }

  setTimes(relative: string, seconds: number): void {
    this.#make(relative, (dir, name) => dir.setTimes(name, seconds));
  }

  /** @returns false where there was none. */
  remove(relative: string): boolean {
    const path = this.#pathOf(relative);
    const cut = path.lastIndexOf('/');
    const dir = this.root.dir(cut < 0 ? '' : path.slice(0, cut));
    if (!dir) return false;
    try {
      const removed = dir.remove(path.slice(cut + 1));
      if (removed) this.#removed.add(path);
      return removed;
    } finally {
      dir.close();
    }
  }

  /** Of all that was written, as the server names it. */
  *paths(): Iterable<string> {
    for (const path of this.#written) yield `${this.root.path}/${path}`;
  }

  #pathOf(relative: string): string {
    return this.#below === '' ? relative : `${this.#below}/${relative}`;
  }

  #make(relative: string, act: (dir: TargetDir, name: string) => void): void {
    const path = this.#pathOf(relative);
    const cut = path.lastIndexOf('/');
    const dir = this.root.makeDir(cut < 0 ? '' : path.slice(0, cut));
    try {
      act(dir, path.slice(cut + 1));
      this.#written.add(path);
    } finally {
      dir.close();
    }
  }

  /** Makes all that was written and removed last. */
  barrier(): void {
    if (this.root.syncFileSystem()) return;
    for (const path of this.#written) fsyncPath(`${this.root.realPath}/${path}`);
    const directories = new Set(
      [...this.#written, ...this.#removed].map((path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))),
    );
    for (const directory of directories) fsyncPath(`${this.root.realPath}/${directory}`);
  }
}
