import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { disksOf, probeDisk, reservedBytes } from '../../src/plan/disks.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const dir = mkdtempSync(join(tmpdir(), 'cyrsync-disks-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('the disks of a server', () => {
  it('are those that statfs names, of what is not there yet too', () => {
    const fs = statfsSync(dir);
    const here = probeDisk(dir);
    expect(here.totalBytes).toBe(fs.blocks * fs.bsize);
    expect(here.freeBytes).toBeLessThanOrEqual(here.totalBytes);
    expect(probeDisk(join(dir, 'not/there/yet')).id).toBe(here.id);
    expect(probeDisk('/proc').id).not.toBe(here.id);
  });

  it('are one for partitions on one file system, and for all kinds of files that have no root of their own', () => {
    mkdirSync(join(dir, 'p1'));
    const conf = confOf('3.6', {
      'partition-p1': join(dir, 'p1'),
      'partition-p2': join(dir, 'p2'),
      'partition-default': '/dev/shm/x',
      'metapartition-p2': '/dev/shm/meta',
      metapartition_files: 'header index',
    });
    const { disks, partitions } = disksOf({ conf, real: (path) => path }, probeDisk);
    const of = (name: string) => partitions.find((p) => p.name === name)!.disk;
    expect(of('p1')).toEqual({
      data: of('p2').data,
      archive: of('p2').data,
      index: of('p2').data,
      cache: of('p2').data,
    });
    expect(of('p2')).toMatchObject({ index: of('default').data, cache: of('p1').data });
    expect(disks).toHaveLength(2);
  });

  it('keep a reserve of a share or of bytes', () => {
    const space = { ...probeDisk(dir), totalBytes: 1000 };
    expect(reservedBytes(space, { part: 0.02 })).toBe(20);
    expect(reservedBytes(space, { bytes: 7 })).toBe(7);
    expect(reservedBytes({ ...space, totalBytes: Number.POSITIVE_INFINITY }, { part: 0.02 })).toBe(0);
  });
});
