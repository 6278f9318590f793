/** Writes files below a root of the target: temporary name, rename; one barrier at the end makes all of them last. */
import { fsyncPath } from '../disk/barrier.js';
import type { TargetDir, TargetRoot } from '../disk/target.js';

export class ConfigWriter {
  readonly root: TargetRoot;
  /** Files go below this directory of the root; `''` in place. */
  readonly #below: string;
  readonly #written: string[] = [];

  constructor(root: TargetRoot, below = '') {
    this.root = root;
    this.#below = below;
  }

  write(relative: string, bytes: Uint8Array): void {
    this.#in(relative, (dir, name) => dir.replace(name, bytes));
  }

  link(relative: string, pointsTo: string): void {
    this.#in(relative, (dir, name) => dir.replaceLink(name, pointsTo));
  }

  setTimes(relative: string, seconds: number): void {
    this.#in(relative, (dir, name) => dir.setTimes(name, seconds));
  }

  remove(relative: string): boolean {
    let removed = false;
    this.#in(relative, (dir, name) => {
      removed = dir.remove(name);
    });
    return removed;
  }

  #in(relative: string, act: (dir: TargetDir, name: string) => void): void {
    const path = this.#below === '' ? relative : `${this.#below}/${relative}`;
    const cut = path.lastIndexOf('/');
    const dir = this.root.makeDir(cut < 0 ? '' : path.slice(0, cut));
    try {
      act(dir, path.slice(cut + 1));
      this.#written.push(`${this.root.realPath}/${path}`);
    } finally {
      dir.close();
    }
  }

  /** Makes all that was written last. */
  barrier(): void {
    if (this.root.syncFileSystem()) return;
    for (const path of this.#written) {
      fsyncPath(path);
      fsyncPath(path.slice(0, path.lastIndexOf('/')));
    }
  }
}
