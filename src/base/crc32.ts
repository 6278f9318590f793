import { crc32 as zlibCrc32 } from 'node:zlib';

/**
 * CRC-32 of zlib and IEEE 802.3 (reflected polynomial 0xEDB88320), as an unsigned number.
 * `previous` continues the CRC of the bytes before `bytes`. A string counts as latin1.
 * @see cyrus-imapd 3.6.1 lib/crc32.c: the only CRC of Cyrus's own files
 */
export function crc32(bytes: Uint8Array | string, previous = 0): number {
  return zlibCrc32(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, previous);
}

/** The same for ASCII text, without a buffer in between: half the time for a line of sync_crc. */
export function crc32Ascii(text: string): number {
  return zlibCrc32(text);
}
