import { closeSync, mkdirSync, mkdtempSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TargetRoot } from '../../src/disk/target.js';
import { LinkAnchors } from '../../src/sync/links.js';

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
function place(anchors: LinkAnchors, user: string, internalDateSec: number): number {
  const dir = root.makeDir(`user/${user}`);
  const links = anchors.for(root, dir, '1.', '', internalDateSec);
  if (!links.linkInstead(source)) {
    closeSync(dir.create('1.'));
    links.afterCopy(source);
  }
  dir.close();
  return statSync(join(base, 'root/user', user, '1.')).ino;
}

describe('names of one message in the source', () => {
  it('are one file on the target', () => {
    const anchors = new LinkAnchors();
    expect(place(anchors, 'bob', 1795617804)).toBe(place(anchors, 'alice', 1795617804));
  });

  // 2.2.13 gave one delivery to three users INTERNALDATEs a second apart.
  it('are two where INTERNALDATE differs, since an inode has one mtime', () => {
    const anchors = new LinkAnchors();
    const alice = place(anchors, 'alice', 1795617804);
    expect(place(anchors, 'bob', 1795617805)).not.toBe(alice);
    expect(place(anchors, 'carol', 1795617804)).toBe(alice);
  });
});
