import { expect, it } from 'vitest';
import { aclFromPairs, aclPairs, translateAcl } from '../../../src/cyrus/records/acl.js';

it.each([
  [
    'alice\tlrswipkxtecda\t-dave\tw\tgroup:mail\tlrs\t',
    [
      ['alice', 'lrswipkxtecda'],
      ['-dave', 'w'],
      ['group:mail', 'lrs'],
    ],
  ],
  ['John Doe\tlr\t', [['John Doe', 'lr']]],
  ['', []],
])('the ACL %j has its pairs', (acl, pairs) => {
  expect(aclPairs(acl)).toEqual(pairs);
  expect(aclFromPairs(aclPairs(acl))).toBe(acl);
});

it('an ACL without its last TAB is read like Cyrus reads it', () => {
  expect(aclPairs('a\tlrs')).toEqual([['a', 'lrs']]);
  expect(aclPairs('a\tlrs\tb')).toEqual([['a', 'lrs']]);
});

it.each([
  ['lrswipkxtecdan', 'lrswipcda'],
  ['lrswipkxtecda', 'lrswipcda'],
  ['lrswipcda', 'lrswipcda'],
  ['lrsk', 'lrsc'],
  ['lrx', 'lrc'],
  ['lrst', 'lrsd'],
  ['lren5', 'lrd5'],
])('rights %s of 2.3 and later are %s in 2.2, and stay as they are elsewhere', (rights, old) => {
  expect(translateAcl(`bob\t${rights}\t`, '2.2')).toBe(`bob\t${old}\t`);
  for (const version of ['2.3', '3.12'] as const)
    expect(translateAcl(`bob\t${rights}\t`, version)).toBe(`bob\t${rights}\t`);
});
