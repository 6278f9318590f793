import { FormatError } from '../../base/errors.js';
import { type CyrusVersion, isAtLeast } from '../version.js';

/** One `key: value` line. */
export interface ConfEntry {
  /** ASCII lower case. */
  readonly key: string;
  readonly value: string;
  readonly file: string;
  /** Number of the (first physical) line, from 1. */
  readonly line: number;
}

/** Something in a configuration that a person should know of. */
export interface ConfIssue {
  /** Stable kebab-case name. */
  readonly code: string;
  readonly message: string;
  readonly file: string;
  readonly line: number;
  /** The server itself would not start with it. */
  readonly fatalForServer: boolean;
}

export interface ParsedConf {
  /** In the order of the files; where a key comes twice, the last one rules here (the server refuses to start). */
  readonly entries: readonly ConfEntry[];
  readonly issues: readonly ConfIssue[];
}

const BLANK = /^[ \t\n\v\f\r]+/;
const KEY = /^@?[A-Za-z0-9_-]*/;

/**
 * Reads the grammar of imapd.conf; what the options mean is `interpretConf`'s. Bytes are kept one per character.
 * `include` gets the path as written after `@include:` and gives the bytes of that file.
 * What stops the server is an issue here, so that a person hears of all of it at once.
 * @param version 2.2 joins no lines and cuts them after 4095 bytes; all else is alike in every version. (2.3 joins lines
 * since 2.3.12; the older ones are read so too.)
 * @throws FormatError where a file includes itself.
 * @see cyrus-imapd 2.2.13, 2.3.16, 3.6.1, 3.12.3 lib/libconfig.c config_read_file
 */
export function parseImapdConf(
  bytes: Buffer,
  file: string,
  include: (path: string) => Buffer,
  version: CyrusVersion = '3.12',
): ParsedConf {
  const lines = isAtLeast(version, '2.3') ? logicalLines : linesOf22;
  const entries: ConfEntry[] = [];
  const issues: ConfIssue[] = [];
  const seenFiles = new Set<string>();
  const seenKeys = new Map<string, ConfEntry>();

  const readFile = (content: Buffer, name: string, open: readonly string[]): void => {
    seenFiles.add(name);
    for (const { text, line, offset, joined } of lines(content.toString('latin1'))) {
      const warn = (code: string, message: string, fatalForServer = true) =>
        issues.push({ code, message, file: name, line, fatalForServer });
      const trimmed = text.replace(BLANK, '');
      if (trimmed === '') continue;
      if (trimmed.startsWith('#')) {
        if (joined)
          warn('comment-continues', 'This comment ends in a backslash, so the next line is part of it.', false);
        continue;
      }
      const rawKey = KEY.exec(trimmed)?.[0] ?? '';
      if (rawKey === '' || trimmed[rawKey.length] !== ':') {
        warn('invalid-option-name', 'This line is not "option: value": the option name must be followed by a colon.');
        continue;
      }
      const key = rawKey.toLowerCase();
      const value = stripBlanks(trimmed.slice(rawKey.length + 1));
      if (value === '') {
        warn('empty-value', `The option ${key} has no value.`);
      } else if (key === '@include') {
        if (open.includes(value)) {
          throw new FormatError(name, offset, 'a file that is not being read', `@include: ${value} again`);
        }
        if (seenFiles.has(value)) warn('included-twice', `${value} is included twice.`);
        else readFile(include(value), value, [...open, value]);
      } else if (key.startsWith('@')) {
        warn('unknown-directive', `There is no directive ${key}.`);
      } else {
        const entry = { key, value, file: name, line };
        const earlier = seenKeys.get(key);
        if (earlier) {
          warn('duplicate-option', `${key} is given twice (first in ${earlier.file}, line ${earlier.line}).`);
        }
        seenKeys.set(key, entry);
        entries.push(entry);
      }
    }
  };
  readFile(bytes, file, [file]);
  return { entries, issues };
}

/** C isspace, at both ends. */
function stripBlanks(text: string): string {
  return text.replace(BLANK, '').replace(/[ \t\n\v\f\r]+$/, '');
}

interface LogicalLine {
  readonly text: string;
  readonly line: number;
  readonly offset: number;
  /** More than one physical line. */
  readonly joined: boolean;
}

/**
 * Joins lines that end in a backslash (2.3.12+), before comments are looked for, as the server does. What is joined to
 * the end of the file is lost: the server waits for more and then forgets it.
 */
function* logicalLines(content: string): Generator<LogicalLine> {
  let line = 1;
  for (let at = 0; at < content.length; ) {
    const start = { line, offset: at };
    let text = '';
    let joined = false;
    for (;;) {
      if (at >= content.length) return;
      const lf = content.indexOf('\n', at);
      const whole = content.slice(at, lf < 0 ? undefined : lf);
      const physical = untilNul(whole);
      at = lf < 0 ? content.length : lf + 1;
      line += 1;
      // Without its LF, or with a NUL before it, a line is kept whole, backslash and all.
      const goesOn = lf >= 0 && physical.length === whole.length && physical.endsWith('\\');
      text += goesOn ? physical.slice(0, -1) : physical;
      if (!goesOn) break;
      joined = true;
    }
    yield { text, ...start, joined };
  }
}

/** @see cyrus-imapd 2.2.13 lib/libconfig.c config_read_file: `char buf[4096]`, what is longer is the next line */
const LONGEST_22 = 4095;

function* linesOf22(content: string): Generator<LogicalLine> {
  let line = 1;
  for (let at = 0; at < content.length; line++) {
    const lf = content.indexOf('\n', at);
    const end = lf < 0 ? content.length : lf + 1;
    const next = Math.min(end, at + LONGEST_22);
    yield { text: untilNul(content.slice(at, next).replace(/\n$/, '')), line, offset: at, joined: false };
    at = next;
  }
}

/** C strings: the server sees nothing behind a NUL. */
function untilNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}
