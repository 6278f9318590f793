import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CYRUS_VERSIONS, isAtLeast, parseCyrusVersion, rowFor } from '../../src/cyrus/version.js';

describe('the version of a server', () => {
  it.each([
    ['3.6.1', '3.6'],
    ['3.6', '3.6'],
    ['v2.3.16', '2.3'],
    ['3.6.1-Debian-3.6.1-4+deb12u3', '3.6'],
    ['Cyrus 3.10.2', '3.10'],
    ['2.2.13p1', '2.2'],
    ['3.1.9', '3.0'],
    ['3.11.0-alpha0', '3.10'],
    ['3.13.7', '3.12'],
    ['3.14.0', undefined],
    ['3.100', undefined],
    ['1.6.24', undefined],
    ['2.1.18', undefined],
    ['', undefined],
    ['three', undefined],
  ])('reads %j as %s', (text, version) => expect(parseCyrusVersion(text)).toBe(version));

  it('puts 3.10 after 3.8, not after 3.0', () => {
    expect(isAtLeast('3.10', '3.8')).toBe(true);
    expect(isAtLeast('3.8', '3.10')).toBe(false);
    expect(isAtLeast('3.6', '3.6')).toBe(true);
  });

  it('takes the newest row that is not newer', () => {
    const rows = { '2.3': 'a', '3.0': 'b' };
    expect(CYRUS_VERSIONS.map((version) => rowFor(rows, version)).join()).toBe(',a,a,a,b,b,b,b,b,b,b');
  });

  it('never throws', () =>
    fc.assert(
      fc.property(fc.string(), (text) => {
        const version = parseCyrusVersion(text);
        return version === undefined || CYRUS_VERSIONS.includes(version);
      }),
    ));
});
