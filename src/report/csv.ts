/**
 * Tables as spreadsheets read and write them (RFC 4180). Names are bytes and go out as ASCII, so that no program's idea
 * of a character set, of a number, a date or a formula changes them, and come back as they were.
 */
import { ConfigError } from '../base/errors.js';

/** `\xNN` for what is not printable ASCII, for the backslash, and for a first character that is no letter: spreadsheets run `=…` and shorten `007`. */
export function csvName(name: string): string {
  return name.replace(/[^\x20-\x7e]|\\|^[^A-Za-z]|^ | $/g, hex);
}

function hex(c: string): string {
  return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** The name that {@link csvName} wrote. A backslash that begins no escape is itself. */
export function nameOfCsv(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/gi, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

export function printCsv(head: readonly string[], rows: Iterable<readonly (string | number)[]>): string {
  const line = (cells: readonly (string | number)[]) => cells.map((cell) => quoted(String(cell))).join(',');
  let out = `${line(head)}\r\n`;
  for (const row of rows) out += `${line(row)}\r\n`;
  return out;
}

function quoted(cell: string): string {
  return /[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export interface CsvRow {
  /** Of the file, from 1. */
  readonly line: number;
  /** By the heading of its column, lower case. */
  readonly cells: Readonly<Record<string, string>>;
}

/**
 * Separated by commas, semicolons or tabs, whichever the heading has; with or without a byte order mark. Empty lines count
 * for nothing. @throws ConfigError where a quote is left open, or a needed column is missing.
 */
export function readCsv(text: string, file: string, needed: readonly string[]): CsvRow[] {
  const body = text.replace(/^\uFEFF|^\xef\xbb\xbf/, '');
  const firstLine = /^[^\r\n]*/.exec(body)![0];
  const separator = [',', ';', '\t'].find((c) => firstLine.includes(c)) ?? ',';
  const [head, ...rows] = recordsOf(body, separator, file);
  const columns = (head?.cells ?? []).map((cell) => cell.trim().toLowerCase());
  const missing = needed.find((column) => !columns.includes(column));
  if (missing !== undefined)
    throw new ConfigError(
      `${file} has no column "${missing}"`,
      `its first line is ${JSON.stringify(firstLine.slice(0, 200))}`,
      `Keep the heading that \`cyrsync plan --csv\` wrote; columns may be left out but not these: ${needed.join(', ')}.`,
    );
  return rows.map(({ line, cells }) => ({
    line,
    cells: Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? ''])),
  }));
}

function recordsOf(text: string, separator: string, file: string): { line: number; cells: string[] }[] {
  const records: { line: number; cells: string[] }[] = [];
  const token = new RegExp(`"((?:[^"]|"")*)"|([^"${separator}\\r\\n][^${separator}\\r\\n]*)?`, 'y');
  let line = 1;
  let begun = 1;
  let cells: string[] = [];
  for (let at = 0; at <= text.length; ) {
    token.lastIndex = at;
    const found = token.exec(text)!;
    const cell = found[1] === undefined ? (found[2] ?? '') : found[1].replaceAll('""', '"');
    line += found[0].split('\n').length - 1;
    at += found[0].length;
    cells.push(cell);
    const next = text[at];
    if (next === separator) at++;
    else if (next === undefined || next === '\r' || next === '\n') {
      if (cells.some((c) => c !== '')) records.push({ line: begun, cells });
      cells = [];
      at += next === '\r' && text[at + 1] === '\n' ? 2 : 1;
      line++;
      begun = line;
    } else
      throw new ConfigError(
        `${file}, line ${line}: ${next === '"' ? 'a quote is left open' : 'text follows a quoted cell'}`,
        `a cell reads ${JSON.stringify(text.slice(at, at + 40))}`,
        'Save it once more as CSV from the spreadsheet.',
      );
  }
  return records;
}
