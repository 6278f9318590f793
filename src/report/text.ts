/** Results as text for people: tables and short sentences. Decides nothing. */
import type { Problem } from '../model/problem.js';

/** Text from outside, safe for a terminal. */
export function escapeText(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Columns under a heading; numbers stand right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-US') : escapeText(cell))),
  );
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const isNumber = head.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

export function problemText(problems: readonly Problem[]): string {
  return problems
    .map(
      ({ code, message, advice, mailbox, path }) =>
        `${code}: ${mailbox === undefined ? '' : `${escapeText(mailbox)}: `}${escapeText(message)}${path === undefined ? '' : ` (${escapeText(path)})`}\n    ${advice}`,
    )
    .join('\n');
}
