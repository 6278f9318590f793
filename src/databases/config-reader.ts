/** Reads the source's configdirectory, and others with databases, at cutover; remembers what each file looked like, for the second sweep. */

import type { DbEntry } from '../cyrus/db/entry.js';
import type { CyrusVersion } from '../cyrus/version.js';
import { fingerprintOf } from '../disk/file-stat.js';
import type { SourceEntry, SourceRoot } from '../disk/source.js';
import type { SourceTrees } from '../disk/trees.js';
import { entriesOf } from '../inventory/read-mailboxes-db.js';

/** A reader for each directory: `*_db_path` may put every database elsewhere. */
export class ConfigReaders {
  readonly #trees: SourceTrees;
  readonly #version: CyrusVersion;
  readonly #readers = new Map<string, ConfigReader | undefined>();

  constructor(trees: SourceTrees, version: CyrusVersion) {
    this.#trees = trees;
    this.#version = version;
  }

  /** Undefined where there is no such directory. */
  at(directory: string): ConfigReader | undefined {
    if (!this.#readers.has(directory)) {
      const root = this.#trees.root(directory);
      this.#readers.set(directory, root && new ConfigReader(root, this.#version));
    }
    return this.#readers.get(directory);
  }

  changed(): string[] {
    return [...this.#readers.values()].flatMap((reader) => reader?.changed() ?? []);
  }
}

export class ConfigReader {
  readonly root: SourceRoot;
  readonly #version: CyrusVersion;
  readonly #prints = new Map<string, string>();

  /** @param version Of the server whose files they are. */
  constructor(root: SourceRoot, version: CyrusVersion) {
    this.root = root;
    this.#version = version;
  }

  /** The whole file, or undefined where there is none. */
  bytes(relative: string): Buffer | undefined {
    this.#prints.set(relative, fingerprintOf(this.root.stat(relative)));
    return this.root.read(relative);
  }

  /** All entries of a database of any backend, or undefined where there is none. @throws FormatError */
  entries(relative: string): readonly DbEntry[] | undefined {
    const bytes = this.bytes(relative);
    return bytes && entriesOf(bytes, `${this.root.path}/${relative}`, this.#version);
  }

  /** A file that comes or goes later shows in the directory. */
  list(relative: string): SourceEntry[] {
    this.#prints.set(relative, fingerprintOf(this.root.stat(relative)));
    const dir = this.root.dir(relative);
    if (!dir) return [];
    try {
      return dir.list();
    } finally {
      dir.close();
    }
  }

  /** Files that are not as they were when they were read: somebody still writes. */
  changed(): string[] {
    return [...this.#prints]
      .filter(([relative, print]) => fingerprintOf(this.root.stat(relative)) !== print)
      .map(([relative]) => `${this.root.path}/${relative}`);
  }
}
