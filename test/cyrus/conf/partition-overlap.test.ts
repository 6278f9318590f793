import { describe, expect, it } from 'vitest';
import { describeOverlap } from '../../../src/cyrus/conf/partition-overlap.js';
import { confOf } from './conf-of.js';

/** The keys of each overlap, the outer one first. */
function overlaps(options: Record<string, string>): string[] {
  return confOf('3.6', options).overlaps.map(({ kind, first, second }) => `${first.key} ${kind} ${second.key}`);
}

// The rule of cyrus-imapd 3.13.1 lib/libconfig.c config_check_partitions.
describe('partitions overlap', () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['not: one beside the other', { 'partition-p2': '/D/spool2' }, []],
    ['not: a name that only begins like the other', { 'partition-p2': '/D/spool-2' }, []],
    ['one path twice', { 'partition-p2': '/D/spool' }, ['partition-default same partition-p2']],
    ['one path twice but for slashes', { 'partition-p2': '/D//spool/' }, ['partition-default same partition-p2']],
    ['one path twice but for dots', { 'partition-p2': '/D/x/../spool/.' }, ['partition-default same partition-p2']],
    ['one within the other', { 'partition-p2': '/D/spool/p2' }, ['partition-default within partition-p2']],
    ['the earlier one within the later', { 'partition-p2': '/D' }, ['partition-p2 within partition-default']],
    ['all within the root', { 'partition-p2': '/' }, ['partition-p2 within partition-default']],
    [
      'a metapartition within its own partition, used or not',
      { 'metapartition-default': '/D/spool/meta' },
      ['partition-default within metapartition-default'],
    ],
    [
      'search databases',
      { 't1searchpartition-default': '/D/spool' },
      ['partition-default same t1searchpartition-default'],
    ],
    ['an archive', { 'archivepartition-default': '/D/spool' }, ['partition-default same archivepartition-default']],
    ['for one service only', { 'imap_partition-p2': '/D/spool' }, ['partition-default same imap_partition-p2']],
    ['not: one metadir for two kinds', { 'metadir-index-default': '/M', 'metadir-header-default': '/M' }, []],
    [
      'one metadir for two partitions',
      { 'partition-p2': '/D/p2', 'metadir-index-default': '/M', 'metadir-index-p2': '/M/' },
      ['metadir-index-default same metadir-index-p2'],
    ],
  ])('%s', (_, options, expected) => expect(overlaps(options)).toEqual(expected));

  it('and the message names both, with their lines', () => {
    const conf = confOf('3.6', { 'partition-p2': '/D/spool/p2' });
    expect(conf.overlaps.map(describeOverlap)).toEqual([
      'partition-p2 (line 4), /D/spool/p2, lies within partition-default (line 2), /D/spool',
    ]);
    expect(conf.issues).toMatchObject([{ code: 'partitions-overlap', line: 4, fatalForServer: false }]);
  });
});
