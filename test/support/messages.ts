/** Messages for tests, the same for the same number. */

const WORDS = 'the quick brown fox jumps over a lazy dog while postmen carry letters through rain and snow'.split(' ');

/** A source of numbers that gives the same ones again (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** An RFC 5322 message with CRLFs; lengths from 200 bytes to 6 KiB. */
export function message(number: number): string {
  const random = seeded(number);
  const body = Array.from({ length: 2 + random(90) }, () =>
    Array.from({ length: 3 + random(9) }, () => WORDS[random(WORDS.length)]).join(' '),
  );
  return [
    `From: Writer ${number} <writer@test.example.org>`,
    'To: someone@example.org',
    `Subject: letter ${number}`,
    `Message-ID: <${number}@test.example.org>`,
    `Date: ${new Date(1_420_000_000_000 + number * 7_777_000).toUTCString().replace('GMT', '+0000')}`,
    '',
    ...body,
    '',
  ].join('\r\n');
}

/** A date as APPEND takes it, years ago. */
export function internalDate(number: number): string {
  const [, day, month, year, time] = /, (\d\d) (\w{3}) (\d{4}) (\S+)/.exec(
    new Date(1_420_000_000_000 + number * 7_777_000).toUTCString(),
  )!;
  return `${day}-${month}-${year} ${time} +0000`;
}
