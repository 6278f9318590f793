/** Tables with a bar beside some figures, as wide as the terminal has room for. */
import { escapeText } from './text.js';

export interface Terminal {
  /** Columns. */
  readonly width: number;
  readonly color: boolean;
}

/** A figure with its bar. */
export interface Barred {
  readonly text: string;
  /** How much of the bar is full, 0 to 1. */
  readonly part: number;
  readonly color?: Color | undefined;
}

export type Color = 'red' | 'yellow' | 'green' | 'cyan';
const CODES: Readonly<Record<Color, number>> = { red: 31, yellow: 33, green: 32, cyan: 36 };

/** With less a bar shows nothing. */
const LEAST_BAR = 4;
const LONGEST_BAR = 24;

/** A cell is text, which stands left; a figure, which stands right; or a figure with a bar. */
export type Cell = string | { readonly right: string } | Barred;

/**
 * @param leave Columns whose bars go first where the terminal is narrow, in this order.
 */
export function barTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  terminal: Terminal,
  leave: readonly number[] = [],
): string {
  const texts = rows.map((row) => row.map(textOf));
  const widths = head.map((title, i) => Math.max(title.length, ...texts.map((row) => row[i]?.length ?? 0)));
  let barred = head.map((_, i) => i).filter((i) => rows.some((row) => isBarred(row[i]!)));
  const plain = widths.reduce((a, b) => a + b, 0) + 2 * (head.length - 1);
  const barWidth = () => Math.min(LONGEST_BAR, Math.floor((terminal.width - plain - barred.length) / barred.length));
  for (const column of leave)
    if (barred.length > 0 && barWidth() < LEAST_BAR) barred = barred.filter((i) => i !== column);
  const bar = barred.length === 0 || barWidth() < LEAST_BAR ? 0 : barWidth();
  if (bar === 0) barred = [];
  const left = head.map((_, i) => rows.every((row) => typeof row[i] === 'string'));
  const line = (cells: readonly string[], bars: (i: number) => string) =>
    cells
      .map(
        (cell, i) =>
          `${left[i] ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)}${barred.includes(i) ? ` ${bars(i)}` : ''}`,
      )
      .join('  ')
      .trimEnd();
  const noBar = () => ' '.repeat(bar);
  return [
    line(head, noBar),
    line(
      widths.map((width) => '-'.repeat(width)),
      noBar,
    ),
    ...rows.map((row, r) => line(texts[r]!, (i) => drawn(row[i]!, bar, terminal.color))),
  ].join('\n');
}

function isBarred(cell: Cell): cell is Barred {
  return typeof cell !== 'string' && 'part' in cell;
}

function textOf(cell: Cell): string {
  if (typeof cell === 'string') return escapeText(cell);
  return 'right' in cell ? cell.right : cell.text;
}

/** What is there at all shows: the least bar is one mark. */
function drawn(cell: Cell, width: number, color: boolean): string {
  if (!isBarred(cell)) return ' '.repeat(width);
  const part = Math.min(1, Math.max(0, cell.part));
  const marks = part > 0 ? Math.max(1, Math.round(part * width)) : 0;
  const bar = '#'.repeat(marks);
  const shown = color && marks > 0 ? `\x1b[${CODES[cell.color ?? 'cyan']}m${bar}\x1b[0m` : bar;
  return shown + ' '.repeat(width - marks);
}
