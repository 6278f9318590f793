import { type CyrusVersion, isAtLeast, rowFor } from '../version.js';
import type { OptionSpec } from './option-table.js';

/** A value in its one normal form, or why the server would refuse it. */
export type Checked = { readonly value: string } | { readonly refused: string };

/**
 * Reads a value as libconfig does: switches become `1` or `0`; of words that are names for one thing the first is given.
 * Strings, numbers, durations and sizes are given as they are.
 * @see cyrus-imapd 3.6.1 lib/libconfig.c config_read_file, config_parse_switch
 */
export function checkValue(spec: OptionSpec, value: string, version: CyrusVersion): Checked {
  switch (spec.type) {
    case 'switch': {
      const on = parseSwitch(value);
      return on === undefined ? { refused: 'is neither yes nor no (lower case)' } : { value: on ? '1' : '0' };
    }
    case 'int':
      return checkInt(value);
    case 'enum':
      return checkWords(
        spec,
        [/^(1|yes|t|true)$/.test(value) ? 'on' : /^(0|no|f|false)$/.test(value) ? 'off' : value],
        version,
      );
    case 'word':
      return checkWords(spec, [value], version);
    case 'words':
      return checkWords(spec, splitWords(value), version);
    case 'string':
      return { value };
    // Before these versions the option was a plain number.
    case 'duration':
      if (!isAtLeast(version, '3.2')) return checkInt(value);
      return parseDuration(value) === undefined ? { refused: 'is no duration such as 7d or 1h30m' } : { value };
    case 'size':
      if (!isAtLeast(version, '3.8')) return checkInt(value);
      return parseByteSize(value) === undefined ? { refused: 'is no size such as 512 or 10M' } : { value };
    default:
      return spec.type satisfies never;
  }
}

/** C strtol with base 0: decimal, 0x hexadecimal, 0 octal; all of it. */
function checkInt(value: string): Checked {
  return /^[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.test(value)
    ? { value }
    : { refused: 'is not a whole number' };
}

const SECONDS = { d: 86_400, h: 3_600, m: 60, s: 1 } as const;
const MAX_SECONDS = 0x7fffffff;

/**
 * Seconds; undefined for what the server refuses.
 * @param unit Of digits at the end without one.
 * @see cyrus-imapd 3.12.3 lib/libconfig.c config_parseduration (3.2+)
 */
export function parseDuration(value: string, unit: keyof typeof SECONDS = 's'): number | undefined {
  const groups = /^(-?)((?:[0-9]+[dhms])*)([0-9]*)$/.exec(value);
  if (!groups || groups[2] === groups[3]) return undefined;
  let seconds = 0;
  for (const [, digits, letter] of `${groups[2]}${groups[3] === '' ? '' : groups[3] + unit}`.matchAll(
    /([0-9]+)([dhms])/g,
  ))
    seconds += Number(digits) * SECONDS[letter as keyof typeof SECONDS];
  if (seconds > MAX_SECONDS) return undefined;
  return groups[1] === '-' ? -seconds : seconds;
}

const POWERS = { b: 0, k: 1, m: 2, g: 3 } as const;

/**
 * Bytes; undefined for what the server refuses.
 * @param unit Of a number without one.
 * @see cyrus-imapd 3.12.3 lib/libconfig.c config_parsebytesize (3.8+)
 */
export function parseByteSize(value: string, unit: 'B' | 'K' | 'M' | 'G' = 'B'): bigint | undefined {
  const parts = /^[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*(?:([kmg])i?)?b?$/i.exec(value);
  if (!parts?.[1]) return undefined;
  const written = /[0-9]$/.test(value) ? unit : (parts[2] ?? 'b');
  const bytes = BigInt(parts[1]) * 1024n ** BigInt(POWERS[written.toLowerCase() as keyof typeof POWERS]);
  return BigInt.asIntN(64, bytes) === bytes ? bytes : undefined;
}

/** Only the first one or two bytes count, lower case; undefined: the server refuses it. */
export function parseSwitch(value: string): boolean | undefined {
  if (/^(0|n|of|f)/.test(value)) return false;
  if (/^(1|y|on|t)/.test(value)) return true;
  return undefined;
}

export function splitWords(value: string): string[] {
  return value.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '');
}

function checkWords(spec: OptionSpec, given: readonly string[], version: CyrusVersion): Checked {
  const legal = splitWords((spec.words && rowFor(spec.words, version)) ?? '').map((names) => names.split('='));
  const normal: string[] = [];
  for (const word of given) {
    const names = legal.find((one) => one.includes(word));
    if (!names?.[0]) return { refused: `"${word}" is none of ${legal.map((one) => one[0]).join(', ')}` };
    normal.push(names[0]);
  }
  return { value: normal.join(' ') };
}
