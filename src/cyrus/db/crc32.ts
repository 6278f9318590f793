/** CRC-32 of zlib and IEEE 802.3, table by byte. */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

/**
 * HOT: twice for each record of a twoskip file. CRC-32 of `bytes[from, to)`; the caller knows the range is inside.
 * For the 20 to 200 bytes of a record head three times as fast as zlib.crc32 over a subarray (40 bytes: 0.1 µs
 * against 0.32 µs, Node 20).
 */
export function crc32(bytes: Buffer, from: number, to: number): number {
  let crc = -1;
  for (let i = from; i < to; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
