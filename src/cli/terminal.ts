import type { Terminal } from '../report/bars.js';

/** Where nothing says how wide: what a page of mail or a log has room for. */
const WIDTH = 100;

/** What stdout is. Colours only where a person looks, and wants them. @see https://no-color.org */
export function terminalOf(options: { readonly color?: boolean }): Terminal {
  const { isTTY, columns } = process.stdout;
  const isPlain = options.color === false || (process.env.NO_COLOR ?? '') !== '' || process.env.TERM === 'dumb';
  const given = Number(process.env.COLUMNS);
  return {
    width: isTTY && columns > 0 ? columns : Number.isInteger(given) && given > 0 ? given : WIDTH,
    color: isTTY === true && !isPlain,
  };
}
