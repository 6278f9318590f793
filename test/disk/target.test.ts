import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TargetDir, TargetRoot } from '../../src/disk/target.js';

let base: string;
let root: TargetRoot;
let dir: TargetDir;
/** As this test sees them; the code under test goes through descriptors. */
const at = (path: string) => join(base, 'root', path);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cyrsync-target-'));
  mkdirSync(at(''));
  root = TargetRoot.open('/var/spool/new', at(''), undefined);
  dir = root.makeDir('u/user');
});
afterEach(() => {
  dir.close();
  root.close();
  rmSync(base, { recursive: true });
});

function put(name: string, text: string): void {
  const fd = dir.create(name);
  writeSync(fd, text);
  closeSync(fd);
}

describe.runIf(process.geteuid?.() === 0)('a disk that is full', () => {
  it('keeps the file that was there, and nothing of the one that found no room', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at('u/user')]);
    try {
      const full = root.makeDir('u/user');
      full.replace('cyrus.index', Buffer.from('old'));
      expect(() => full.replace('cyrus.index', Buffer.alloc(1 << 17))).toThrow('ENOSPC');
      expect(full.list()).toEqual(['cyrus.index']);
      expect(readFileSync(at('u/user/cyrus.index'), 'latin1')).toBe('old');
      full.close();
    } finally {
      execFileSync('umount', [at('u/user')]);
    }
  });
});

describe('a directory of the target', () => {
  it('is made with all above it, for its owner only', () => {
    root.makeDir('a/b/c').close();
    expect(['a', 'a/b', 'a/b/c'].map((path) => statSync(at(path)).mode & 0o777)).toEqual([0o700, 0o700, 0o700]);
  });

  it('is made beside one that was just made, also where that and what is above it are gone again', () => {
    root.makeDir('a/b/c').close();
    expect([root.makeDir('a/b/d').isNew, root.makeDir('a/b/d').isNew, root.makeDir('a/b/c').isNew]).toEqual([
      true,
      false,
      false,
    ]);
    rmSync(at('a'), { recursive: true });
    expect(root.makeDir('a/b/e').isNew).toBe(true);
    expect(existsSync(at('a/b/e'))).toBe(true);
  });

  it('is never one that lies behind a link', () => {
    root.makeDir('a/b').close();
    symlinkSync('b', at('a/link'));
    expect(() => root.makeDir('a/link')).toThrow();
  });

  it('is never made below a link', () => {
    mkdirSync(join(base, 'outside'));
    symlinkSync('../outside', at('out'));
    expect(() => root.makeDir('out/a')).toThrow();
    expect(existsSync(join(base, 'outside/a'))).toBe(false);
  });

  it('goes with those above it as far as they are empty', () => {
    root.makeDir('a/b/c').close();
    writeFileSync(at('a/keep'), '');
    root.removeEmpty('a/b/c');
    expect([existsSync(at('a/b')), existsSync(at('a')), existsSync(at(''))]).toEqual([false, true, true]);
  });
});

describe('copying an open file', () => {
  it.each([
    ['shorter than a piece', 1000],
    ['of exactly one piece', 1 << 18],
    ['of three pieces and a bit', 3 * (1 << 18) + 5],
    ['empty', 0],
  ])('copies all of one that is %s', (_, size) => {
    const bytes = Buffer.alloc(size, 'cyrus');
    writeFileSync(at('from'), bytes);
    const fd = openSync(at('from'), 'r');
    const begins: number[] = [];
    const isWanted = (begin: Buffer) => begins.push(begin.length) > 0;
    expect(dir.copyFrom('to', fd, isWanted)).toBe(size);
    closeSync(fd);
    expect(readFileSync(at('u/user/to')).equals(bytes)).toBe(true);
    expect(begins).toEqual([Math.min(size, 1 << 18)]);
  });

  it('leaves what lies there where the other is not wanted', () => {
    put('cyrus.cache', 'here');
    writeFileSync(at('from'), 'another');
    const fd = openSync(at('from'), 'r');
    expect(dir.copyFrom('cyrus.cache', fd, () => false)).toBeUndefined();
    closeSync(fd);
    expect(readFileSync(at('u/user/cyrus.cache'), 'utf8')).toBe('here');
  });
});

describe('creating a file', () => {
  it('leaves another name of the same file as it was', () => {
    writeFileSync(at('other'), 'linked elsewhere');
    linkSync(at('other'), at('u/user/1.'));
    put('1.', 'new');
    expect([readFileSync(at('other'), 'latin1'), readFileSync(at('u/user/1.'), 'latin1')]).toEqual([
      'linked elsewhere',
      'new',
    ]);
    expect([statSync(at('other')).nlink, statSync(at('u/user/1.')).nlink]).toEqual([1, 1]);
  });

  it('replaces a link, not what it points to', () => {
    writeFileSync(at('other'), 'pointed to');
    symlinkSync('../../other', at('u/user/1.'));
    put('1.', 'new');
    expect(readFileSync(at('other'), 'latin1')).toBe('pointed to');
    expect(lstatSync(at('u/user/1.')).isFile()).toBe(true);
  });

  it('makes it for its owner only', () => {
    put('1.', 'new');
    expect(statSync(at('u/user/1.')).mode & 0o777).toBe(0o600);
  });

  it('is not done over a directory', () => {
    mkdirSync(at('u/user/1.'));
    expect(() => dir.create('1.')).toThrow();
    expect(statSync(at('u/user/1.')).isDirectory()).toBe(true);
  });
});

describe('replacing a file', () => {
  it('leaves another name of the same file as it was, and nothing temporary', () => {
    writeFileSync(at('other'), 'old');
    linkSync(at('other'), at('u/user/cyrus.index'));
    dir.replace('cyrus.index', Buffer.from('new'));
    expect([readFileSync(at('other'), 'latin1'), readFileSync(at('u/user/cyrus.index'), 'latin1')]).toEqual([
      'old',
      'new',
    ]);
    expect(dir.list()).toEqual(['cyrus.index']);
  });

  it('gets over what a crash left behind', () => {
    writeFileSync(at('other'), 'linked elsewhere');
    linkSync(at('other'), at('u/user/cyrus.index.cyrsync-new'));
    dir.replace('cyrus.index', Buffer.from('new'));
    expect([readFileSync(at('other'), 'latin1'), readFileSync(at('u/user/cyrus.index'), 'latin1')]).toEqual([
      'linked elsewhere',
      'new',
    ]);
  });

  it('takes names in any bytes', () => {
    dir.replace('Entw\xfcrfe', Buffer.from('new'));
    expect(dir.list()).toEqual(['Entw\xfcrfe']);
    expect(
      readFileSync(
        Buffer.concat([Buffer.from(`${at('u/user')}/Entw`), Buffer.from([0xfc]), Buffer.from('rfe')]),
        'latin1',
      ),
    ).toBe('new');
  });

  it('puts a symbolic link in the place of another', () => {
    dir.replaceLink('defaultbc', 'a.bc');
    dir.replaceLink('defaultbc', 'b.bc');
    expect([readlinkSync(at('u/user/defaultbc')), dir.list()]).toEqual(['b.bc', ['defaultbc']]);
  });
});

describe('linking a message that another mailbox has', () => {
  it('makes one file of both', () => {
    put('1.', 'message');
    expect(dir.linkFrom(dir, '1.', '2.')).toBe(true);
    expect(statSync(at('u/user/2.')).ino).toBe(statSync(at('u/user/1.')).ino);
  });

  it('takes the place of what was there, whose other names keep their content', () => {
    put('1.', 'message');
    writeFileSync(at('other'), 'old');
    linkSync(at('other'), at('u/user/2.'));
    expect(dir.linkFrom(dir, '1.', '2.')).toBe(true);
    expect([readFileSync(at('u/user/2.'), 'latin1'), readFileSync(at('other'), 'latin1')]).toEqual(['message', 'old']);
  });

  it('says no where the other is gone', () => expect(dir.linkFrom(dir, 'gone', '2.')).toBe(false));

  it('says no across file systems', (context) => {
    const shm = '/dev/shm';
    if (!existsSync(shm) || statSync(shm).dev === statSync(base).dev)
      context.skip('needs /dev/shm on a file system of its own');
    const far = mkdtempSync(join(shm, 'cyrsync-target-'));
    const farRoot = TargetRoot.open('/far', far, undefined);
    const farDir = farRoot.makeDir('');
    try {
      put('1.', 'message');
      expect(farDir.linkFrom(dir, '1.', '1.')).toBe(false);
      expect(() => dir.renameTo('1.', farDir, '1.')).toThrow('EXDEV');
    } finally {
      farDir.close();
      farRoot.close();
      rmSync(far, { recursive: true });
    }
  });
});

it('removing says whether there was anything', () => {
  put('1.', 'x');
  expect([dir.remove('1.'), dir.remove('1.')]).toEqual([true, false]);
});
