import { describe, expect, it } from 'vitest';
import { cyrusConf, imapdConf } from './cyrus-conf.js';

describe('the imapd.conf of a test server', () => {
  it('names a data, meta and archive partition each where they are asked for', () => {
    const conf = imapdConf({ dir: '/d', partitions: ['a', 'b'], meta: ['b'], archiveAfter: '1d' }, 'p');
    expect(conf).toContain('partition-a: /d/spool/a\n');
    expect(conf).toContain('metapartition-b: /d/meta/b\n');
    expect(conf).not.toContain('metapartition-a');
    expect(conf).toContain('archivepartition-a: /d/archive/a\n');
    expect(conf).toContain('metapartition_files: header index cache');
  });

  it.each([
    ['full', 'yes', 'yes'],
    ['basic', 'yes', 'no'],
    ['none', 'no', 'no'],
  ] as const)('hashing %s is hashimapspool %s, fulldirhash %s', (hash, spool, full) => {
    const conf = imapdConf({ dir: '/d', hash }, 'p');
    expect(conf).toContain(`hashimapspool: ${spool}\n`);
    expect(conf).toContain(`fulldirhash: ${full}\n`);
  });

  it('an option of the test replaces the usual one and stands once', () => {
    const conf = imapdConf({ dir: '/d', options: { altnamespace: 'yes' } }, 'p');
    expect(conf.match(/^altnamespace:.*$/gm)).toEqual(['altnamespace: yes']);
  });
});

it('every service listens on the loopback address only', () => {
  const conf = cyrusConf('/d/imapd.conf', { imap: 1, lmtp: 2, sieve: 3 });
  expect([...conf.matchAll(/listen="([^"]*)"/g)].map((m) => m[1])).toEqual([
    '127.0.0.1:1',
    '127.0.0.1:2',
    '127.0.0.1:3',
  ]);
});
