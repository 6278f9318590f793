/** Numbers and lists for people. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1.4 GiB`; exact below 1 KiB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${UNITS[unit]}`;
}

/** `50 GiB`, `1.5TiB`, `20M`, `1000`: bytes, units of 1024; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?(?:([KMGTP])(?:iB)?|B)?$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  return Math.round(Number(number) * 1024 ** 'BKMGTP'.indexOf(unit || 'B'));
}

/** `1,234,567`. By hand: the first `toLocaleString` of a process takes 10 ms. */
export function formatCount(n: number): string {
  return String(n).replace(/\d(?=(?:\d{3})+$)/g, '$&,');
}

/** `1 message`, `3 messages`: the plural by an added s unless given. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** `a, b, c and 4 more`: the first of a list, and how many it has beside. */
export function firstOf(list: readonly string[], separator = ', ', most = 5): string {
  const more = list.length - most;
  return `${list.slice(0, most).join(separator)}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `2026-11-23`: the day of a Unix time, UTC. */
export function formatDay(sec: number): string {
  return new Date(sec * 1000).toISOString().slice(0, 10);
}

/** A 64-bit count as JSON has it: a number while exact, else a string (cli.md). */
export function jsonInteger(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : String(value);
}
