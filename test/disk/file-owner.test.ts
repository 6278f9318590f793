/** Files created as their owner, by a thread of root's that keeps its other rights. */
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFilesAs, ownerOfNewFiles } from '../../src/disk/file-owner.js';
import { TargetRoot } from '../../src/disk/target.js';

/** Nobody's here: what matters is that they are not root's. */
const OWNER = { uid: 2345, gid: 2346 };
const ANOTHER = { uid: 3456, gid: 3457 };
const ME = { uid: process.geteuid!(), gid: process.getegid!() };
const isRoot = ME.uid === 0;

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cyrsync-owner-'));
});
afterEach(() => {
  createFilesAs(ME);
  rmSync(base, { recursive: true });
});

const ownerOf = (path: string) => {
  const { uid, gid } = statSync(path);
  return { uid, gid };
};

/** A directory and a file in it, as the pass makes them. */
function makeBoth(relative: string): { dir: typeof OWNER; file: typeof OWNER } {
  const root = TargetRoot.open('/var/spool/new', base, OWNER);
  const dir = root.makeDir(relative);
  closeSync(dir.create('1.'));
  dir.close();
  root.close();
  return { dir: ownerOf(join(base, relative)), file: ownerOf(join(base, relative, '1.')) };
}

describe.runIf(isRoot)('a thread of root that creates files as their owner', () => {
  it("makes directories and files theirs, also where it may not write as that user, and reads others' files", () => {
    chmodSync(base, 0o700); // root's own: the owner alone could not even look in
    writeFileSync(join(base, 'secret'), 'mail', { mode: 0o600 });
    createFilesAs(OWNER);
    expect(ownerOfNewFiles()).toEqual(OWNER);
    writeFileSync(join(base, 'born'), '');
    expect(ownerOf(join(base, 'born'))).toEqual(OWNER);
    expect(readFileSync(join(base, 'secret'), 'latin1')).toBe('mail');
    expect(makeBoth('u/user')).toEqual({ dir: OWNER, file: OWNER });
  });

  it('gives the right group below a directory that hands down its own', () => {
    mkdirSync(join(base, 'shared'));
    chownSync(join(base, 'shared'), 0, ANOTHER.gid);
    chmodSync(join(base, 'shared'), 0o2755);
    createFilesAs(OWNER);
    writeFileSync(join(base, 'shared/born'), '');
    expect(ownerOf(join(base, 'shared/born'))).toEqual({ uid: OWNER.uid, gid: ANOTHER.gid });
    expect(makeBoth('shared/user')).toEqual({ dir: OWNER, file: OWNER });
  });

  it('gives a directory its owner that a killed run had left to root', () => {
    mkdirSync(join(base, 'user'));
    createFilesAs(OWNER);
    expect(makeBoth('user')).toEqual({ dir: OWNER, file: OWNER });
  });

  it('does the same by chown where it acts as root', () => {
    expect(makeBoth('u/user')).toEqual({ dir: OWNER, file: OWNER });
  });
});

it('as the owner that it is anyway, it goes on as it was', () => {
  createFilesAs(ME);
  expect(ownerOfNewFiles()).toEqual(ME);
});
