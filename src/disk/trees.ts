/** The roots of one side, opened once each and found by the absolute path that the server names them by. */
import type { Owner } from './file-owner.js';
import { ifThere } from './os-path.js';
import { SourceRoot } from './source.js';
import { TargetRoot } from './target.js';

interface Prefixed {
  real(path: string): string;
}

export class SourceTrees {
  readonly #open = new Map<string, SourceRoot | undefined>();
  readonly #side: Prefixed;

  constructor(side: Prefixed) {
    this.#side = side;
  }

  /** The root, or undefined where there is none. */
  root(path: string): SourceRoot | undefined {
    if (!this.#open.has(path)) {
      this.#open.set(
        path,
        ifThere(() => SourceRoot.open(path, this.#side.real(path))),
      );
    }
    return this.#open.get(path);
  }

  close(): void {
    for (const root of this.#open.values()) root?.close();
    this.#open.clear();
  }
}

export class TargetTrees {
  readonly #open = new Map<string, TargetRoot>();
  readonly #side: Prefixed;
  readonly #owner: Owner | undefined;

  constructor(side: Prefixed, owner: Owner | undefined) {
    this.#side = side;
    this.#owner = owner;
  }

  /** @throws ErrnoException where there is no such directory. */
  root(path: string): TargetRoot {
    let root = this.#open.get(path);
    if (!root) {
      root = TargetRoot.open(path, this.#side.real(path), this.#owner);
      this.#open.set(path, root);
    }
    return root;
  }

  get opened(): Iterable<TargetRoot> {
    return this.#open.values();
  }

  close(): void {
    for (const root of this.#open.values()) root.close();
    this.#open.clear();
  }
}
