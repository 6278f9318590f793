/** HTML in template literals. What is put in is text, and escaped, unless it is markup itself. */

export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | Markup | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.map((text, i) => text + (i < parts.length ? print(parts[i]!) : '')).join(''));
}

/** Text that is HTML already: of this program, never of a server. */
export function raw(text: string): Markup {
  return new Markup(text);
}

function print(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'string') return escapeHtml(part);
  return part.map(print).join('');
}

/** Control characters, which HTML has no way to write, are shown as U+FFFD. */
function escapeHtml(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd').replace(/[&<>"']/g, (c) => ENTITIES[c]!);
}
