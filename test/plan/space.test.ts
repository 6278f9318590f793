import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/base/errors.js';
import { type DiskSpace, disksOf, type ProbeDisk } from '../../src/plan/disks.js';
import { plainFootprint } from '../../src/plan/footprint.js';
import { SpaceNeeds } from '../../src/plan/space.js';
import type { Room } from '../../src/plan/units.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const GIB = 2 ** 30;
const disk = (id: string, free: number, change: Partial<DiskSpace> = {}): DiskSpace => ({
  id,
  totalBytes: 100 * GIB,
  freeBytes: free,
  totalInodes: 1e7,
  freeInodes: 1e6,
  blockBytes: 4096,
  ...change,
});

/** p1 and p2 on one file system, p3 on another; the archive and the metadata of p3 each on their own. */
const CONF = confOf('3.6', {
  'partition-p1': '/a/p1',
  'partition-p2': '/a/p2',
  'partition-p3': '/b/p3',
  archive_enabled: 'yes',
  'archivepartition-p3': '/c/p3',
  'metapartition-p3': '/d/p3',
  metapartition_files: 'header index cache annotations',
  'partition-default': '/a/default',
  defaultpartition: 'p1',
});

function needs(
  disks: Partial<Record<'a' | 'b' | 'c' | 'd', DiskSpace>>,
  reserve = { part: 0 },
  saved: readonly Room[] = [],
) {
  const asked: string[] = [];
  const probe: ProbeDisk = (path) => {
    asked.push(path);
    const id = path.split('/')[2] as 'a';
    return disks[id] ?? disk(id, 90 * GIB);
  };
  const found = disksOf({ conf: CONF, real: (path) => `/new${path}` }, probe);
  expect(asked.every((path) => path.startsWith('/new/'))).toBe(true);
  return new SpaceNeeds(found, reserve, saved);
}

function refusal(space: SpaceNeeds): string {
  try {
    space.check();
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(RefusedError);
    return `${(error as RefusedError).code}: ${(error as RefusedError).message}: ${(error as RefusedError).why}`;
  }
}

/** Ten messages of 100 MiB. */
const GIB_OF_MAIL = plainFootprint(GIB, 10);

describe('what is to be copied', () => {
  it('is let through while it fits, to the last byte', () => {
    const space = needs({ b: disk('b', GIB) });
    space.copy(plainFootprint(GIB - 10 * (2048 + 64), 10), 1, 'p3');
    expect(refusal(space)).toBe('');
  });

  it('is refused with the shortfall, and by the names of the partitions that share the disk', () => {
    const space = needs({ a: disk('a', 1.5 * GIB) });
    space.copy(GIB_OF_MAIL, 1, 'p1');
    expect(refusal(space)).toBe('');
    space.copy(GIB_OF_MAIL, 1, 'p2');
    expect(refusal(space)).toMatch(
      /^no-space: It does not fit on partition p1, p2: 2\.0 GiB are to be copied, 1\.5 GiB are free: 512 MiB short$/,
    );
  });

  it('counts the blocks that many small messages take', () => {
    const space = needs({ b: disk('b', GIB) });
    space.copy(plainFootprint(0.5 * GIB, 500_000), 1, 'p3');
    expect(refusal(space)).toContain('no-space');
  });

  it('counts inodes', () => {
    const space = needs({ b: disk('b', 90 * GIB, { freeInodes: 1000 }) });
    space.copy(plainFootprint(1000, 1500), 1, 'p3');
    expect(refusal(space)).toBe(
      'no-inodes: It does not fit on partition p3: 1,500 files are to be made, 1,000 inodes are free: 500 short',
    );
  });

  it('does not count what hard links save, on the disk where they save it', () => {
    const saved = [
      { bytes: 0.5 * GIB, inodes: 100 },
      { bytes: 0, inodes: 0 },
    ];
    const space = needs({ a: disk('a', 1.5 * GIB), b: disk('b', 0.5 * GIB) }, undefined, saved);
    space.copy(GIB_OF_MAIL, 1, 'p1');
    space.copy(plainFootprint(GIB - 100_000, 10), 1, 'p2');
    expect(refusal(space)).toBe('');
    space.copy(GIB_OF_MAIL, 1, 'p3');
    expect(refusal(space)).toContain('partition p3');
  });

  it('counts only what is not there yet', () => {
    const space = needs({ b: disk('b', 0.2 * GIB) });
    space.copy(GIB_OF_MAIL, 0.1, 'p3');
    space.copy(GIB_OF_MAIL, 0, 'p3');
    expect(refusal(space)).toBe('');
  });

  it('leaves the reserve alone, as a share or in bytes', () => {
    for (const reserve of [{ part: 0.02 }, { bytes: 2 * GIB } as unknown as { part: number }]) {
      const space = needs({ b: disk('b', 2.5 * GIB) }, reserve);
      space.copy(GIB_OF_MAIL, 0.4, 'p3');
      expect(refusal(space)).toBe('');
      space.copy(GIB_OF_MAIL, 0.4, 'p3');
      expect(refusal(space)).toContain('512 MiB are free');
    }
  });

  it('counts archived messages and metadata on their own disks', () => {
    const archived = { ...GIB_OF_MAIL, dataBytes: 0, dataFiles: 0, archivedBytes: GIB, archivedFiles: 10 };
    const toArchive = needs({ b: disk('b', 1), c: disk('c', 0.5 * GIB) });
    toArchive.copy(archived, 1, 'p3');
    expect(refusal(toArchive)).toContain('512 MiB short');
    const toOne = needs({ a: disk('a', 0.5 * GIB) }); // p1 has no archive of its own
    toOne.copy(archived, 1, 'p1');
    expect(refusal(toOne)).toContain('partition p1');
    const toMeta = needs({ d: disk('d', 1000) });
    toMeta.copy(GIB_OF_MAIL, 1, 'p3');
    expect(refusal(toMeta)).toContain('partition p3');
  });

  it('fits where a file system does not say how large it is', () => {
    const unknown = { totalBytes: Infinity, freeBytes: Infinity, totalInodes: Infinity, freeInodes: Infinity };
    const space = needs({ b: disk('b', 0, unknown) }, { part: 0.02 });
    space.copy(GIB_OF_MAIL, 1, 'p3');
    expect(refusal(space)).toBe('');
  });
});

describe('what is to be moved', () => {
  it('takes nothing within a file system, and its whole size on another', () => {
    const within = needs({ a: disk('a', 1000) });
    within.move(GIB_OF_MAIL, 1, 'p1', 'p2');
    expect(refusal(within)).toBe('');
    const across = needs({ b: disk('b', 0.5 * GIB) });
    across.move(GIB_OF_MAIL, 1, 'p1', 'p3');
    expect(refusal(across)).toContain('512 MiB short');
    const part = needs({ b: disk('b', 0.5 * GIB) });
    part.move(GIB_OF_MAIL, 0.25, 'p1', 'p3');
    expect(refusal(part)).toBe('');
  });

  it('has the room that others leave, in the order that makes it', () => {
    const space = needs({ a: disk('a', 0.2 * GIB), b: disk('b', 1.1 * GIB) });
    space.move(plainFootprint(0.9 * GIB, 10), 1, 'p3', 'p1');
    space.move(GIB_OF_MAIL, 1, 'p1', 'p3');
    expect(refusal(space)).toBe('');
    expect(space.moveOrder()).toEqual([1, 0]);
  });

  it('is refused where all would fit in the end, and none can be the first', () => {
    const space = needs({ a: disk('a', 0.5 * GIB), b: disk('b', 0.5 * GIB), d: disk('d', GIB) });
    space.move(GIB_OF_MAIL, 1, 'p3', 'p1');
    space.move(GIB_OF_MAIL, 1, 'p1', 'p3');
    expect(refusal(space)).toMatch(
      /^moves-wait-for-each-other: 2 mailboxes can not be moved to partition p1, p3: .* the smallest takes 1\.0 GiB$/,
    );
    expect(() => space.moveOrder()).toThrow(RefusedError);
  });

  it('counts messages that come to a disk on which only metadata of theirs lay', () => {
    const space = needs({ d: disk('d', 0.5 * GIB) });
    // from p3, whose metadata are on d, to a partition with its messages there
    const onMeta = disksOf(
      {
        conf: confOf('3.6', {
          'partition-p3': '/b/p3',
          'metapartition-p3': '/d/p3',
          metapartition_files: 'header index cache annotations',
          'partition-p4': '/d/p4',
          'partition-default': '/d/p4',
        }),
        real: (path) => path,
      },
      (path) => disk(path.split('/')[1]!, path.startsWith('/d') ? 0.5 * GIB : 90 * GIB),
    );
    const across = new SpaceNeeds(onMeta, { part: 0 });
    across.move(GIB_OF_MAIL, 1, 'p3', 'p4');
    expect(refusal(across)).toContain('512 MiB short');
    expect(refusal(space)).toBe('');
  });
});
