import { expect, it } from 'vitest';
import { crc32, crc32Ascii } from '../../src/base/crc32.js';

it('is the CRC-32 of zlib: check value of "123456789"', () => {
  expect(crc32('123456789')).toBe(0xcbf43926);
  expect(crc32Ascii('123456789')).toBe(0xcbf43926);
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
});

it('goes on from the bytes before', () => {
  expect(crc32('6789', crc32('12345'))).toBe(0xcbf43926);
});

it('takes a string as one byte per character', () => {
  expect(crc32('\xe9')).toBe(crc32(Buffer.of(0xe9)));
});
