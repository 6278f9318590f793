import { FormatError } from '../../base/errors.js';

/**
 * A dlist value, bytes as latin1 text: an item, NIL (null), a list, or a key-value list.
 * Numbers, modseqs and ids are items; a key may come more than once.
 */
export type Dlist = string | null | readonly Dlist[] | DlistMap;

/** `%(key value …)`, in the order written. */
export class DlistMap {
  readonly pairs: readonly (readonly [key: string, value: Dlist])[];

  constructor(pairs: readonly (readonly [key: string, value: Dlist])[]) {
    this.pairs = pairs;
  }

  /** The value of the last pair with this key, as Cyrus's key-driven readers take it. */
  get(key: string): Dlist | undefined {
    return this.pairs.findLast(([k]) => k === key)?.[1];
  }
}

/** Deeper nesting than any Cyrus record has; more is refused rather than recursed into. */
const MAX_DEPTH = 32;

/**
 * Reads one dlist value that takes up all of `text` (latin1). `file` only names it in errors, offsets are in `text`.
 * As strict as the server's reader of mailboxes.db: one blank between elements, none elsewhere.
 * @throws FormatError
 * @see cyrus-imapd 3.6.1 imap/dlist.c dlist_parsesax, _parseitem, _parseliteral
 */
export function parseDlist(text: string, file: string): Dlist {
  const reader = new DlistReader(text, file);
  const value = reader.value(0);
  reader.end();
  return value;
}

class DlistReader {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  value(depth: number): Dlist {
    if (depth > MAX_DEPTH) throw this.#error('no deeper nesting');
    if (this.#text[this.#at] === '(') {
      this.#at++;
      return this.#elements(() => this.value(depth + 1));
    }
    if (this.#text[this.#at] === '%') {
      this.#at++;
      if (this.#text[this.#at] !== '(') throw this.#error('( after %');
      this.#at++;
      return new DlistMap(
        this.#elements(() => {
          const key = this.#item();
          if (key === null) throw this.#error('a key');
          this.#blank();
          return [key, this.value(depth + 1)] as const;
        }),
      );
    }
    return this.#item();
  }

  end(): void {
    if (this.#at < this.#text.length) throw this.#error('the end of the value');
  }

  #elements<T>(element: () => T): T[] {
    const elements: T[] = [];
    if (this.#text[this.#at] === ')') {
      this.#at++;
      return elements;
    }
    for (;;) {
      elements.push(element());
      if (this.#text[this.#at] === ')') {
        this.#at++;
        return elements;
      }
      this.#blank();
    }
  }

  #blank(): void {
    if (this.#text[this.#at] !== ' ') throw this.#error('a blank or )');
    this.#at++;
  }

  #item(): string | null {
    const first = this.#text[this.#at];
    if (first === undefined) throw this.#error('an item');
    if (first === '"') return this.#quoted();
    if (first === '{') return this.#literal();
    const blank = this.#text.indexOf(' ', this.#at);
    let end = blank < 0 ? this.#text.length : blank;
    while (end > this.#at && this.#text[end - 1] === ')') end--;
    if (end === this.#at) throw this.#error('an item');
    const atom = this.#text.slice(this.#at, end);
    this.#at = end;
    return atom === 'NIL' ? null : atom;
  }

  #quoted(): string {
    let value = '';
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      let char = this.#text[at] as string;
      if (char === '"') {
        this.#at = at + 1;
        return value;
      }
      if (char === '\\') {
        char = this.#text[++at] ?? '';
        if (char === '') break;
      }
      value += char;
    }
    throw this.#error('a closing quote');
  }

  #literal(): string {
    const head = /\{(\d{1,10})\+?\}\r\n/y;
    head.lastIndex = this.#at;
    const match = head.exec(this.#text);
    if (!match) throw this.#error('a literal {length}CRLF');
    const start = head.lastIndex;
    const length = Number(match[1]);
    if (start + length > this.#text.length) throw this.#error(`a literal of ${length} bytes`);
    this.#at = start + length;
    return this.#text.slice(start, this.#at);
  }

  #error(expected: string): FormatError {
    const found = this.#text.slice(this.#at, this.#at + 20);
    return new FormatError(this.#file, this.#at, expected, found === '' ? 'the end' : JSON.stringify(found));
  }
}

/**
 * The bytes that Cyrus itself writes for `value`, latin1.
 * @see cyrus-imapd 3.6.1 imap/dlist.c dlist_print, lib/prot.c prot_printastring, lib/imparse.c imparse_isnatom
 */
export function printDlist(value: Dlist): string {
  if (value === null) return 'NIL';
  if (typeof value === 'string') return printItem(value);
  if (value instanceof DlistMap)
    return `%(${value.pairs.map(([k, v]) => `${printItem(k)} ${printDlist(v)}`).join(' ')})`;
  return `(${value.map(printDlist).join(' ')})`;
}

/** Cyrus writes strings of this length or more as literals. */
const MAX_STRING = 1024;
/** 0x1f, which separates the parts of a 3.6+ name, is an atom byte up to 3.12; 0x1d, after a domain, is not. */
const ATOM = /^[\x1f!#$&'+-[\]-z|}~]+$/;
const QUOTABLE = /^[^\0\r\n"\\%\x80-\xff]*$/;

function printItem(bytes: string): string {
  if (bytes.length < MAX_STRING) {
    if (bytes !== 'NIL' && ATOM.test(bytes)) return bytes;
    if (QUOTABLE.test(bytes)) return `"${bytes}"`;
  }
  return `{${bytes.length}}\r\n${bytes}`;
}
