import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { isWrapped, parseQuota, printQuotaFile, printQuotaValue } from '../../../src/cyrus/records/quota.js';
import { fixtureText, SERVERS } from './fixture.js';

const roots = SERVERS.flatMap(([server, version, slashes]) =>
  readdirSync(new URL(`../../../fixtures/records/${server}/quota`, import.meta.url)).map(
    (root) => [server, root, version, slashes] as const,
  ),
);

/** `limit, % used, used, resource, root` of quota.txt; 3.10 has other names for the last two resources. */
function quotaTool(server: string, root: string): Record<string, [limit: string, used: string]> {
  const found: Record<string, [string, string]> = {};
  for (const line of fixtureText(`${server}/quota.txt`).split('\n').slice(1)) {
    const match = /^ *(?:(\d+) +\d+)? +(\d+) (?:([A-Z -]{20}) )?(.*)$/.exec(line);
    if (match?.[4] !== root) continue;
    const resource = match[3]?.trim() ?? 'STORAGE';
    const names: Record<string, string> = { 'ANNOTATION-STORAGE': 'X-ANNOTATION-STORAGE', MAILBOX: 'X-NUM-FOLDERS' };
    found[names[resource] ?? resource] = [match[1] ?? '', match[2] ?? ''];
  }
  return found;
}

describe('quota', () => {
  it.each(roots)('%s: %s says what its own `quota` says', (server, root, _version, slashes) => {
    const quota = parseQuota(fixtureText(`${server}/quota/${root}`), root);
    const external = slashes ? root.replaceAll('.', '/').replaceAll('^', '.') : root;
    const inKiB = (resource: string, used: bigint) => String(resource.includes('STORAGE') ? used / 1024n : used);
    const ours = Object.entries(quota?.resources ?? {}).map(([resource, { used, limit }]) => [
      resource,
      [limit === undefined ? '' : String(limit), inKiB(resource, used)],
    ]);
    expect(Object.fromEntries(ours)).toEqual(quotaTool(server, external));
    expect(ours.length).toBeGreaterThan(0);
  });

  it.each(roots)('%s: %s is written as it was', (server, root, version) => {
    const text = fixtureText(`${server}/quota/${root}`);
    expect(printQuotaFile(parseQuota(text, root)!, version)).toBe(text);
  });

  it.each([
    ['123 456', { STORAGE: { used: 123n, limit: 456n } }],
    ['123\n-1\n', { STORAGE: { used: 123n, limit: undefined } }],
    ['-5\n10', { STORAGE: { used: -5n, limit: 10n } }],
    ['1 2 3', { STORAGE: { used: 1n, limit: 2n } }],
    ['1 2 3 M 4 5', { STORAGE: { used: 1n, limit: 2n }, MESSAGE: { used: 4n, limit: 5n } }],
    [
      '1 2 m 4 -1 as 6 7',
      {
        STORAGE: { used: 1n, limit: 2n },
        MESSAGE: { used: 4n, limit: undefined },
        'X-ANNOTATION-STORAGE': { used: 6n, limit: 7n },
      },
    ],
    [
      '%(S (18446744073709551611 18446744073709551615) M (1) SCAN %(MBOX a S 1 M 2) MODSEQ 7)',
      {
        STORAGE: { used: 18446744073709551611n, limit: undefined },
        MESSAGE: { used: 1n, limit: undefined },
      },
    ],
  ])('reads %j, a form that quota_parseval takes', (text, resources) => {
    expect(parseQuota(text, 'q')?.resources).toEqual(resources);
  });

  it('has no root in an empty file', () =>
    expect(['', '\n'].map((text) => parseQuota(text, 'q'))).toEqual([undefined, undefined]));

  it.each(['1', 'x 1', '1 2 X 1 2', '1 2 M 1', '%(S 1)', '%(S (x))', '(1 2)', '%(S ('])('refuses %j', (text) =>
    expect(() => parseQuota(text, 'q')).toThrow(FormatError),
  );

  it('becomes what each version can hold', () => {
    const quota = parseQuota('%(S (2048 7) M (3 9) AS (0) NF (1) MODSEQ 5)', 'q')!;
    expect(printQuotaFile(quota, '2.4')).toBe('2048\n7\n');
    expect(printQuotaValue(quota, '2.4')).toBe('2048 7');
    expect(printQuotaFile(quota, '3.0')).toBe('%(S (2048 7) M (3 9) AS (0) NF (1))\n');
    expect(printQuotaValue(parseQuota('5\n-1\n', 'q')!, '3.6')).toBe('%(S (5) M (0) AS (0) NF (0) MODSEQ 0)');
    expect(printQuotaFile({ resources: {} }, '2.3')).toBe('0\n-1\n');
  });

  it('throws nothing but FormatError', () =>
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'%() SMANF-129\n'.split('')), maxLength: 30 }), (text) => {
        try {
          parseQuota(text, 'q');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    ));

  it.each([
    [100n, 100n, false],
    [100n, 4294967396n, true], // overflowed once
    [100n, 8589934692n, true],
    [4294967196n, 0n, true], // went 100 below zero
    [4294967196n, 5000n, true],
    [5000n, 4000n, false],
    [2147483648n, 2147483647n, true],
    [3000000000n, 2500000000n, false],
    [-4294967196n, 100n, true],
  ])('recorded %s where %s is right: wrapped %s', (recorded, actual, wrapped) =>
    expect(isWrapped(recorded, actual)).toBe(wrapped),
  );
});
