import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { chooseCells } from './cells.js';
import { tableOf, writeTable } from './table.js';

const source = (name: string) => ({
  ...{ name, version: name.split('-')[0]!, tar: '', state: '', hasAt: false },
  ...({ unixhierarchysep: 'yes', virtdomains: 'off' } as const),
});
const target = (version: string, hasUuid: boolean) => ({ version, package: `${version}.1`, root: undefined, hasUuid });
const cells = chooseCells([source('3.2-a'), source('3.6-b')], [target('3.2', false), target('3.6', true)]);
const result = (color: 'green' | 'refused' | 'red') => ({
  ...{ color, reasons: [], waived: {}, problems: {}, mailboxes: 1, seconds: 1, at: '2026-11-25' },
});

it('shows each source in each target and layout, and counts', () => {
  const results = Object.fromEntries(
    cells.map((c, i) => [c.id, result(c.refusalIsDue ? 'refused' : i === 0 ? 'red' : 'green')]),
  );
  delete results[cells.at(-1)!.id];
  const lines = tableOf(cells, results).split('\n');
  expect(lines[0]).toBe('| source | 3.2 none | 3.2 basic | 3.2 full | 3.6 none | 3.6 basic | 3.6 full | 3.6 uuid |');
  expect(lines[2]).toBe('| 3.2-a | **✗** | ● | ● | ● | ● | ● | ● |');
  expect(lines[3]).toBe('| 3.6-b | – | – | – | ● | ● | ● |  |');
  expect(lines[5]).toContain('2026-11-25, `npm run matrix`: 9 green, 3 refused, 1 red of 14 cells');
});

it('stands between its markers, again and again, and nothing else changes', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'table-')), 'README.md');
  writeFileSync(file, 'before\n<!-- matrix:begin -->\nold\n<!-- matrix:end -->\nafter\n');
  writeTable(file, cells, {});
  const once = readFileSync(file, 'utf8');
  writeTable(file, cells, {});
  expect(readFileSync(file, 'utf8')).toBe(once);
  expect(once).toMatch(/^before\n<!-- matrix:begin -->\n\| source [\s\S]*\n<!-- matrix:end -->\nafter\n$/);
  expect(once).not.toMatch(/^old$/m);
  writeFileSync(file, 'no markers');
  expect(() => writeTable(file, cells, {})).toThrow('matrix:begin');
});
