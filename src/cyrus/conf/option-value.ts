import { type CyrusVersion, rowFor } from '../version.js';
import type { OptionSpec } from './option-table.js';

/** A value in its one normal form, or why the server would refuse it. */
export type Checked = { readonly value: string } | { readonly refused: string };

/**
 * Reads a value as libconfig does: switches become `1` or `0`; of words that are names for one thing the first is given.
 * Strings, durations and sizes are given as they are.
 * @see cyrus-imapd 3.6.1 lib/libconfig.c config_read_file, config_parse_switch
 */
export function checkValue(spec: OptionSpec, value: string, version: CyrusVersion): Checked {
  switch (spec.type) {
    case 'switch': {
      const on = parseSwitch(value);
      return on === undefined ? { refused: 'is neither yes nor no (lower case)' } : { value: on ? '1' : '0' };
    }
    case 'int':
      return /^[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(value) ? { value } : { refused: 'is not a whole number' };
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
    case 'duration':
    case 'size':
      return { value };
    default:
      return spec.type satisfies never;
  }
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
