/**
 * The grammar of imapd.conf: bytes → key and value pairs with their place, and what the server itself would refuse.
 * @see cyrus-imapd 3.6.1 lib/libconfig.c config_read_file; reference cyrus-names-and-databases.md 1.1
 */
import { FormatError } from '../../base/errors.js';

export interface ConfEntry {
  /** Lower case. */
  readonly key: string;
  /** Bytes as given, blanks at both ends stripped. */
  readonly value: string;
  readonly file: string;
  readonly line: number;
}

export interface ConfIssue {
  readonly code: string;
  readonly message: string;
  readonly file: string;
  readonly line: number;
  /** The server itself would not start with it. */
  readonly fatalForServer: boolean;
}

export interface ParsedConf {
  readonly entries: readonly ConfEntry[];
  readonly issues: readonly ConfIssue[];
}

/**
 * @param include Gives the bytes of an `@include`d file.
 * @throws FormatError where a file includes itself.
 */
export function parseImapdConf(bytes: Buffer, file: string, include: (path: string) => Buffer): ParsedConf {
  const entries: ConfEntry[] = [];
  const issues: ConfIssue[] = [];
  const open: string[] = [];

  const read = (content: Buffer, name: string): void => {
    if (open.includes(name)) throw new FormatError(name, 0, 'a file that is not included already', '@include of itself');
    open.push(name);
    for (const { text, line } of joinedLines(content.toString('latin1'))) {
      const stripped = text.replace(/^[ \t\r\f\v]+/, '');
      if (stripped === '' || stripped.startsWith('#')) continue;
      const found = /^(@?[A-Za-z0-9_-]+):([^]*)$/.exec(stripped);
      const complain = (code: string, message: string) =>
        issues.push({ code, message, file: name, line, fatalForServer: true });
      if (!found) {
        complain('invalid-option-name', `line is no "option: value": ${stripped.slice(0, 60)}`);
        continue;
      }
      const key = found[1]!.toLowerCase();
      const value = found[2]!.trim();
      if (value === '') complain('empty-value', `${key} has no value`);
      else if (key === '@include') read(include(value), value);
      else if (key.startsWith('@')) complain('invalid-directive', `unknown directive ${key}`);
      else {
        const before = entries.find((entry) => entry.key === key);
        if (before) complain('specified-twice', `${key} was given in ${before.file} line ${before.line} already`);
        entries.push({ key, value, file: name, line });
      }
    }
    open.pop();
  };
  read(bytes, file);
  return { entries, issues };
}

/** Lines with a backslash at their end are one with the next; this comes before comments (2.3.12 and later). */
function* joinedLines(content: string): Generator<{ text: string; line: number }> {
  const lines = content.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1;
    let text = lines[i]!;
    while (text.endsWith('\\') && i + 1 < lines.length) text = text.slice(0, -1) + lines[++i]!;
    yield { text, line };
  }
}
