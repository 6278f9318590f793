import { readFileSync, writeFileSync } from 'node:fs';
import { type Cell, LAYOUTS } from './cells.js';
import type { CellResult } from './run-cell.js';

const BEGIN = '<!-- matrix:begin -->';
const END = '<!-- matrix:end -->';
const SHOWN = { green: '●', refused: '–', red: '**✗**' } as const;
const LAYOUT = { none: 'none', basic: 'basic', full: 'full', uuid: 'uuid' } as const;

type Results = Readonly<Record<string, CellResult & { readonly at: string }>>;

/** Puts the table between the markers of a Markdown file. */
export function writeTable(file: string, cells: readonly Cell[], results: Results): void {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no ${BEGIN} … ${END}`);
  writeFileSync(file, `${text.slice(0, begin + BEGIN.length)}\n${tableOf(cells, results)}\n${text.slice(end)}`);
}

/** Sources down, targets with their layouts across. */
export function tableOf(cells: readonly Cell[], results: Results): string {
  const targets = new Map(cells.map(({ target }) => [target.version, target]));
  const sources = new Set(cells.map(({ source }) => source.name));
  const columns = [...targets.values()].flatMap((target) =>
    LAYOUTS.filter((l) => l !== 'uuid' || target.hasUuid).map((layout) => ({ target, layout })),
  );
  const row = (values: readonly string[]) => `| ${values.join(' | ')} |`;
  const shown = (source: string, { target, layout }: (typeof columns)[number]) => {
    const here = cells.filter((c) => c.source.name === source && c.target === target && c.layout === layout);
    const colors = here.map((c) => results[c.id]?.color);
    const color = (['red', 'refused', 'green'] as const).find((c) => colors.includes(c));
    return color ? SHOWN[color] : '';
  };
  const found = cells.map((c) => results[c.id]).filter((r) => r !== undefined);
  const count = (color: string) => found.filter((r) => r.color === color).length;
  const last =
    found
      .map((r) => r.at)
      .sort()
      .at(-1) ?? 'never';
  return [
    row(['source', ...columns.map(({ target, layout }) => `${target.version} ${LAYOUT[layout]}`)]),
    row(['---', ...columns.map(() => ':-:')]),
    ...[...sources].map((source) => row([source, ...columns.map((column) => shown(source, column))])),
    '',
    `${last}, \`npm run matrix\`: ${count('green')} green, ${count('refused')} refused, ${count('red')} red of ${cells.length} cells. ` +
      `Targets: Cyrus ${[...targets.values()].map((t) => t.package).join(', ')}; those that are not the host's own in chroots, made by \`test/matrix/make-chroots.sh\`.`,
    '',
    `${SHOWN.green} that Cyrus serves the migrated spool as the old one did, and its tools find nothing; ${SHOWN.refused} refused, the indexes of the source are newer than what the target reads; ${SHOWN.red} something is wrong; empty: not run. ` +
      'none, basic, full: directories by name without hashing, with `hashimapspool`, with `fulldirhash` too; uuid: by uniqueid. ' +
      'Metapartitions (none, for all files, for some), archive partition, `virtdomains`, `unixhierarchysep`, the backend of mailboxes.db and `upgrade_indexes` rotate, so that each of their values meets each source, target and layout.',
  ].join('\n');
}
