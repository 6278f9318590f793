import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseByteSize, parseDuration } from '../../../src/cyrus/conf/option-value.js';
import { confOf } from './conf-of.js';

// As cyrus-imapd 3.12.3 lib/libconfig.c config_parseduration and config_parsebytesize read them.
describe('a duration', () => {
  it.each([
    ['1s', 1],
    ['2m', 120],
    ['3h', 10_800],
    ['4d', 345_600],
    ['1d12h30m', 131_400],
    ['30', 30],
    ['1h1', 3_601],
    ['-1d', -86_400],
    ['0', 0],
    ['', undefined],
    ['-', undefined],
    ['d', undefined],
    ['1w', undefined],
    ['1 d', undefined],
    ['1d-2h', undefined],
    ['1dh', undefined],
    ['2147483647', 2_147_483_647],
    ['2147483648', undefined],
    ['24856d', undefined],
  ])('%j is %s seconds', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  it('without a unit at its end has the option’s', () => {
    expect(parseDuration('7', 'd')).toBe(604_800);
    expect(parseDuration('7h', 'd')).toBe(25_200);
    expect(parseDuration('1h7', 'm')).toBe(4_020);
  });
});

describe('a size', () => {
  it.each([
    ['0', 0n],
    ['512', 512n],
    ['1k', 1024n],
    ['1 K', 1024n],
    ['1KiB', 1024n],
    ['1kb', 1024n],
    ['10 MB', 10_485_760n],
    ['2G', 2_147_483_648n],
    ['-1', -1n],
    ['5b', 5n],
    ['5B', 5n],
    ['', undefined],
    ['k', undefined],
    ['1ib', undefined],
    ['1T', undefined],
    ['1 k b', undefined],
    ['1.5M', undefined],
    ['9223372036854775807', 9_223_372_036_854_775_807n],
    ['9223372036854775808', undefined],
    ['9223372036854775807k', undefined],
  ])('%j is %s bytes', (text, bytes) => expect(parseByteSize(text)).toBe(bytes));

  it('of digits alone has the option’s unit', () => {
    expect(parseByteSize('1024', 'K')).toBe(1_048_576n);
    expect(parseByteSize('1024B', 'K')).toBe(1024n);
  });

  it('of any text is a number of 64 bits, or none', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^-?[0-9]{0,22} ?[kKmMgGibB]{0,3}$/)), (text) => {
        const bytes = parseByteSize(text);
        return bytes === undefined || BigInt.asIntN(64, bytes) === bytes;
      }),
    ));
});

describe('a value that the server refuses', () => {
  const isRefused = (version: Parameters<typeof confOf>[0], option: string, value: string) =>
    confOf(version, { [option]: value }).issues.some(({ code }) => code === 'invalid-value');

  // Durations came in 3.2, sizes in 3.8; before, these options were numbers (lib/imapoptions of each version).
  it.each([
    ['3.0', 'archive_days', '7d', true],
    ['3.2', 'archive_days', '7d', false],
    ['3.2', 'archive_after', '7 days', true],
    ['3.6', 'archive_maxsize', '10M', true],
    ['3.8', 'archive_maxsize', '10M', false],
    ['3.8', 'archive_maxsize', '10 mega', true],
    ['3.6', 'sieve_maxscripts', '0x10', false],
    ['3.6', 'sieve_maxscripts', '010', false],
    ['3.6', 'sieve_maxscripts', '08', true], // octal: strtol stops at the 8
    ['3.6', 'sieve_maxscripts', '5k', true],
  ] as const)('in %s, %s: %s: %s', (version, option, value, refused) =>
    expect(isRefused(version, option, value)).toBe(refused),
  );
});
