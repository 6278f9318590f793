/**
 * One IMAP response, cut into values. Each response is text with literals in between, as the client read
 * it: pieces of text and literals by turns, the first and the last being text (`{n}` still stands at the
 * end of a text that a literal follows).
 */

/** `quoted.raw` is what stood between the quotes, escapes and all. */
export type Token =
  | { readonly kind: 'atom'; readonly value: string }
  | { readonly kind: 'quoted'; readonly value: string; readonly raw: string }
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'list'; readonly items: readonly Token[] };

const SPEC = /\{(\d+)\+?\}$/;

/** Length of the literal that follows this line, if one does. */
export function literalLength(line: string): number | undefined {
  const match = SPEC.exec(line);
  return match ? Number(match[1]) : undefined;
}

/** @param pieces text, literal, text, … text */
export function tokenize(pieces: readonly string[]): Token[] {
  const top: Token[] = [];
  const open: Token[][] = [top];
  const put = (token: Token) => open[open.length - 1]!.push(token);
  pieces.forEach((piece, i) => {
    if (i % 2 === 1) {
      put({ kind: 'literal', value: piece });
      return;
    }
    const text = i < pieces.length - 1 ? piece.replace(SPEC, '') : piece;
    let at = 0;
    while (at < text.length) {
      const c = text[at]!;
      if (c === ' ') at++;
      else if (c === '(') {
        open.push([]);
        at++;
      } else if (c === ')') {
        const items = open.length > 1 ? open.pop()! : [];
        put({ kind: 'list', items });
        at++;
      } else if (c === '"') {
        const match = /"((?:\\.|[^"\\])*)"?/sy;
        match.lastIndex = at;
        const raw = match.exec(text)![1]!;
        put({ kind: 'quoted', raw, value: raw.replace(/\\(.)/gs, '$1') });
        at = match.lastIndex;
      } else {
        const match = /[^\s()"]+/y;
        match.lastIndex = at;
        const found = match.exec(text);
        if (found) put({ kind: 'atom', value: found[0] });
        at = found ? match.lastIndex : at + 1;
      }
    }
  });
  while (open.length > 1) {
    const items = open.pop()!;
    put({ kind: 'list', items });
  }
  return top;
}

/** Text of an atom, quoted string or literal; '' for a list. */
export function textOf(token: Token | undefined): string {
  return token && token.kind !== 'list' ? token.value : '';
}

/** Items of a list; none for anything else. */
export function itemsOf(token: Token | undefined): readonly Token[] {
  return token?.kind === 'list' ? token.items : [];
}

export function isNil(token: Token | undefined): boolean {
  return token?.kind === 'atom' && token.value.toUpperCase() === 'NIL';
}

/** A string as an IMAP quoted string. */
export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
