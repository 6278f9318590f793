/**
 * Hard links within one pass: the first of a group is copied and gets an anchor, a second name below
 * `PARTITION/.cyrsync/links/`, of the first partition on that file system, so that users who were spread over partitions
 * of one still share; every other of the group is linked to the anchor. The file system itself is the table,
 * so workers need not speak with each other and memory does not grow. Anchors hold for one pass only: ext4 gives a
 * freed inode number to the next file at once. The anchors of a pass that died or was stopped are kept, and each link
 * to one is compared by content: they are as little proof as the files themselves.
 */
import type { Stats } from 'node:fs';
import { ifThere } from '../disk/os-path.js';
import type { TargetDir, TargetRoot } from '../disk/target.js';
import type { TargetTrees } from '../disk/trees.js';

export const STAGING = '.cyrsync';
export const LINKS = `${STAGING}/links`;

/** The hooks for one message. */
export type MessageAnchor = ReturnType<LinkAnchors['for']>;

export class LinkAnchors {
  readonly #byRoot = new Map<TargetRoot, TargetDir>();
  readonly #homeOf: (root: TargetRoot) => TargetRoot;

  /** @param homeOf Where the anchors of a root are: the same for all that links can join. */
  constructor(homeOf: (root: TargetRoot) => TargetRoot) {
    this.#homeOf = homeOf;
  }

  /**
   * The hooks for one message of `dir`, to be copied as `name`. INTERNALDATE tells groups apart as well: a delivery to
   * many gives each its own second, and an inode has but one mtime.
   */
  for(root: TargetRoot, dir: TargetDir, name: string, guid: string, internalDateSec: number) {
    const anchorOf = (s: Stats) => `${s.dev}-${s.ino}-${s.size}-${s.mtimeMs}-${internalDateSec}-${guid}`;
    let hadAnchor = false;
    return {
      linkInstead: (s: Stats): boolean => {
        const anchors = this.#anchors(root);
        const linked = dir.linkFrom(anchors, anchorOf(s), name);
        hadAnchor = linked || anchors.stat(anchorOf(s)) !== undefined;
        return linked;
      },
      /**
       * The copy is the anchor now.
       * @returns true where another worker copied the same meanwhile (one delivery to many lies at the same place of many
       * mailboxes): the copy made way for a link to its.
       */
      afterCopy: (s: Stats): boolean => {
        const anchors = this.#anchors(root);
        if (anchors.linkNew(dir, name, anchorOf(s))) return false;
        if (!hadAnchor && dir.linkFrom(anchors, anchorOf(s), name)) return true;
        anchors.linkFrom(dir, name, anchorOf(s)); // one that has all links it can have, or was found to be wrong
        return false;
      },
      /** For a file that is in place already: the others of its group can be links to it. */
      keepAnchor: (s: Stats): void => {
        this.#anchors(root).linkNew(dir, name, anchorOf(s));
      },
    };
  }

  #anchors(root: TargetRoot): TargetDir {
    let dir = this.#byRoot.get(root);
    if (!dir) {
      dir = this.#homeOf(root).makeDir(LINKS);
      this.#byRoot.set(root, dir);
    }
    return dir;
  }
}

/** The first of the target's roots on each file system. @param paths Of all roots, in an order that all workers have. */
export function firstOfFileSystem(paths: readonly string[], trees: TargetTrees): (root: TargetRoot) => TargetRoot {
  const first = new Map<bigint, TargetRoot>();
  const open = () => {
    for (const path of paths) {
      const root = ifThere(() => trees.root(path));
      const device = root?.identity().dev;
      if (root && device !== undefined && !first.has(device)) first.set(device, root);
    }
  };
  return (root) => {
    if (first.size === 0) open();
    return first.get(root.identity().dev) ?? root;
  };
}

/** Forgets all anchors: at the end of a pass, and at the beginning of one unless the last one did not end. */
export function clearAnchors(root: TargetRoot): void {
  const dir = root.dir(LINKS);
  if (!dir) return;
  for (const name of dir.list()) dir.remove(name);
  dir.close();
  root.removeEmpty(LINKS);
}
