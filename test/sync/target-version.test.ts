import { expect, it } from 'vitest';
import { newestIndexOf } from '../../src/cyrus/mailbox/index-release.js';
import { indexVersions } from '../../src/sync/target-version.js';

// reference cyrus-mailbox-files.md 10.2
it.each([
  ['2.4', 12],
  ['2.5', 13],
  ['3.0', 13],
  ['3.2', 16],
  ['3.4', 17],
  ['3.8', 17],
  ['3.10', 19],
  ['3.12', 19],
] as const)('a server of %s writes indexes of version %i', (version, minor) => {
  expect(newestIndexOf(version)).toBe(minor);
  expect(indexVersions('all', version).raiseTo).toBe(minor);
});

it('only what 2.2 and 2.3 wrote must be written anew', () => {
  expect(indexVersions('needed', '3.6')).toEqual({ oldest: 12, raiseTo: 0, countsAnnotations: true });
  expect(indexVersions('never', '3.6')).toEqual({ oldest: 0, raiseTo: 0, countsAnnotations: false });
  expect(indexVersions('needed', '3.0').countsAnnotations).toBe(false);
});
