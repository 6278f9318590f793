/** Damage to real files, by a seed: the same seed gives the same inputs on every machine. */

/** Numbers from 0 to below 1, 32 bits each (mulberry32). */
export type Random = () => number;

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Words that lengths, offsets and counts are most often wrong by. */
const WORDS = [0, 1, 2, 4, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xfffffffc, 0xfffffffe, 0xffffffff];
/** What the text formats are made of. */
const TEXT = [
  '%(',
  ')',
  '(',
  ' ',
  '\t',
  '\n',
  '\r\n',
  '"',
  '\\',
  '{9999999999}\r\n',
  '{3+}\r\n',
  'NIL',
  ':',
  ',',
  '*',
  '-',
];

/**
 * One of the inputs damaged in one to eight places, put together from two of them, cut off, or nothing of them at all.
 * Never longer than twice the longest and 64 KiB.
 */
export function mutate(inputs: readonly Buffer[], random: Random): Buffer {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const upTo = (n: number) => Math.floor(random() * (n + 1));
  const kind = random();
  if (kind < 0.05) return Buffer.from(Array.from({ length: upTo(300) }, () => upTo(255)));
  if (kind < 0.1) return Buffer.from(Array.from({ length: upTo(40) }, () => pick(TEXT)).join(''), 'latin1');
  let bytes: Buffer = Buffer.from(pick(inputs));
  if (kind < 0.25) return bytes.subarray(0, upTo(bytes.length));
  if (kind < 0.3) {
    const other = pick(inputs);
    return Buffer.concat([bytes.subarray(0, upTo(bytes.length)), other.subarray(upTo(other.length))]);
  }
  for (let places = 1 + upTo(7); places > 0; places--) {
    // headers decide most: half of the damage goes there
    const at = random() < 0.5 ? upTo(Math.min(bytes.length, 256)) : upTo(bytes.length);
    const how = upTo(6);
    if (how <= 1 && at < bytes.length) bytes[at] = upTo(255);
    else if (how === 2 && at + 4 <= bytes.length) bytes.writeUInt32BE(pick(WORDS), at - (at % 4));
    else if (how === 3 && at + 4 <= bytes.length)
      bytes.writeUInt32BE((bytes.readUInt32BE(at - (at % 4)) + upTo(16) - 8) >>> 0, at - (at % 4));
    else if (how === 4) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + upTo(32))]);
    else if (how === 5)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(TEXT), 'latin1'), bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(upTo(at), at + upTo(64)), bytes.subarray(at)]);
  }
  return bytes;
}
