import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TargetRoot } from '../../src/disk/target.js';
import { TargetTrees } from '../../src/disk/trees.js';
import { clearAnchors, firstOfFileSystem, LinkAnchors } from '../../src/sync/links.js';

let base: string;
let root: TargetRoot;
/** One message file of the source, with other links. */
let source: Stats;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cyrsync-links-'));
  mkdirSync(join(base, 'root'));
  root = TargetRoot.open('/var/spool/new', join(base, 'root'), undefined);
  writeFileSync(join(base, '1.'), 'Subject: to many\r\n\r\n');
  source = statSync(join(base, '1.'));
});
afterEach(() => {
  root.close();
  rmSync(base, { recursive: true });
});

/** What a worker does with a message: a link where there is an anchor, else a copy that becomes one. */
function place(anchors: LinkAnchors, user: string, internalDateSec: number, on = root): number {
  const dir = on.makeDir(`user/${user}`);
  const links = anchors.for(on, dir, '1.', '', internalDateSec);
  if (!links.linkInstead(source)) {
    closeSync(dir.create('1.'));
    links.afterCopy(source);
  }
  dir.close();
  return statSync(join(on.realPath, 'user', user, '1.')).ino;
}

describe('names of one message in the source', () => {
  it('are one file on the target', () => {
    const anchors = new LinkAnchors((home) => home);
    expect(place(anchors, 'bob', 1795617804)).toBe(place(anchors, 'alice', 1795617804));
  });

  // 2.2.13 gave one delivery to three users INTERNALDATEs a second apart.
  it('are two where INTERNALDATE differs, since an inode has one mtime', () => {
    const anchors = new LinkAnchors((home) => home);
    const alice = place(anchors, 'alice', 1795617804);
    expect(place(anchors, 'bob', 1795617805)).not.toBe(alice);
    expect(place(anchors, 'carol', 1795617804)).toBe(alice);
  });

  // A delivery to many lies at the same place of many mailboxes: workers come to it at the same time.
  it('are one file though two workers began to copy it at once', () => {
    const [one, two] = [new LinkAnchors((home) => home), new LinkAnchors((home) => home)];
    const copying = (
      [
        ['alice', one],
        ['bob', two],
      ] as const
    ).map(([user, anchors]) => {
      const dir = root.makeDir(`user/${user}`);
      const links = anchors.for(root, dir, '1.', '', 1795617804);
      expect(links.linkInstead(source)).toBe(false);
      closeSync(dir.create('1.'));
      return { user, dir, links };
    });
    expect(copying.map(({ links }) => links.afterCopy(source))).toEqual([false, true]);
    const inodes = copying.map(({ user }) => statSync(join(root.realPath, 'user', user, '1.')).ino);
    expect(inodes[1]).toBe(inodes[0]);
    expect(copying.map(({ dir }) => dir.list())).toEqual([['1.'], ['1.']]);
    for (const { dir } of copying) dir.close();
    expect(place(one, 'carol', 1795617804)).toBe(inodes[0]);
  });

  it('have a new anchor where the one of a pass that died was found to be another message', () => {
    const anchors = new LinkAnchors((home) => home);
    const alice = place(anchors, 'alice', 1795617804);
    const dir = root.makeDir('user/bob');
    const links = anchors.for(root, dir, '1.', '', 1795617804);
    expect(links.linkInstead(source)).toBe(true);
    closeSync(dir.create('1.')); // content was compared, and was not the source's
    expect(links.afterCopy(source)).toBe(false);
    dir.close();
    const bob = statSync(join(root.realPath, 'user/bob/1.')).ino;
    expect(bob).not.toBe(alice);
    expect(place(anchors, 'carol', 1795617804)).toBe(bob);
  });

  it('are one file on all partitions of a file system, and a copy on another', () => {
    const elsewhere = mkdtempSync('/dev/shm/cyrsync-links-');
    for (const name of ['p1', 'p2']) mkdirSync(join(base, name));
    symlinkSync(elsewhere, join(base, 'p3'));
    const trees = new TargetTrees({ real: (path) => base + path }, undefined);
    try {
      const anchors = new LinkAnchors(firstOfFileSystem(['/gone', '/p1', '/p2', '/p3'], trees));
      const alice = place(anchors, 'alice', 1795617804, trees.root('/p2'));
      expect(place(anchors, 'bob', 1795617804, trees.root('/p1'))).toBe(alice);
      const carol = place(anchors, 'carol', 1795617804, trees.root('/p3'));
      expect(place(anchors, 'dave', 1795617804, trees.root('/p3'))).toBe(carol);
      expect(statSync(join(base, 'p3/user/carol/1.')).dev).not.toBe(statSync(join(base, 'p2/user/alice/1.')).dev);
      for (const name of ['/p1', '/p2', '/p3']) clearAnchors(trees.root(name));
      expect(['p1', 'p2', 'p3'].filter((name) => existsSync(join(base, name, '.cyrsync')))).toEqual([]);
    } finally {
      trees.close();
      rmSync(elsewhere, { recursive: true });
    }
  });
});
