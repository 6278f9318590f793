/**
 * `npm run matrix`: migrates every recorded spool into every installed Cyrus in every layout, has that Cyrus serve it and
 * compares; writes the table into README.md. Needs root. Other versions than the host's: make-chroots.sh.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { allCells, type Cell, chooseCells, missedPairs } from './cells.js';
import { type CellResult, runCell } from './run-cell.js';
import { findSpools } from './spools.js';
import { writeTable } from './table.js';
import { findTargets } from './targets.js';

const USAGE = `npm run matrix -- [options]
  --spools DIR     recorded spools; the bundled ones too (../shared/spools)
  --chroots DIR    other versions of Cyrus, made by test/matrix/make-chroots.sh (/tmp/chroots)
  --only REGEX     cells whose name it finds
  --full           every combination of features, not each pair once
  --jobs N         so many at a time (1)
  --again          runs also what the results have as green or refused
  --results FILE   what was found so far; a run goes on from there (matrix-results.json)
  --list           names the cells, runs nothing
  --keep           leaves directories of the cells
  --no-table       leaves README.md alone`;

const { values: options } = parseArgs({
  options: {
    spools: { type: 'string', default: '../shared/spools' },
    chroots: { type: 'string', default: '/tmp/chroots' },
    only: { type: 'string', default: '' },
    full: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
    results: { type: 'string', default: 'matrix-results.json' },
    list: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    'no-table': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

// so that servers are stopped (CyrusServer does that at exit)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** A cell's result, with the day it was found. */
export type DatedResult = CellResult & { readonly at: string };

const sources = findSpools(options.spools);
const targets = findTargets(options.chroots);
const cells = (options.full ? allCells : chooseCells)(sources, targets);
const wanted = cells.filter((cell) => new RegExp(options.only).test(cell.id));
const missed = missedPairs(cells, sources);
console.log(
  `${sources.length} sources, targets ${targets.map((t) => t.package).join(', ')}: ${wanted.length} of ${cells.length} cells` +
    (missed.length > 0 ? `; pairs not met: ${missed.join(', ')}` : ''),
);
if (options.list) {
  for (const cell of wanted) console.log(cell.id + (cell.refusalIsDue ? ' (to be refused)' : ''));
  process.exit(0);
}

let results: Record<string, DatedResult> = existsSync(options.results)
  ? (JSON.parse(readFileSync(options.results, 'utf8')) as Record<string, DatedResult>)
  : {};
const isDone = ({ id }: Cell) => !options.again && (results[id]?.color ?? 'red') !== 'red';
const queue = wanted.filter((cell) => !isDone(cell));
let left = queue.length;

async function work(): Promise<void> {
  for (let cell = queue.shift(); cell; cell = queue.shift()) {
    const result = await runCell(cell, options.keep);
    // read again: another run may write the same file
    if (existsSync(options.results)) results = JSON.parse(readFileSync(options.results, 'utf8'));
    results[cell.id] = { ...result, at: new Date().toISOString().slice(0, 10) };
    writeFileSync(options.results, `${JSON.stringify(results, undefined, 1)}\n`);
    console.log(`${--left} left · ${result.color} · ${result.seconds} s · ${cell.id}`);
    if (result.color === 'red')
      console.log(result.reasons.map((r) => `    ${r.slice(0, 3000).replaceAll('\n', '\n    ')}`).join('\n'));
  }
}
await Promise.all(Array.from({ length: Number(options.jobs) }, work));

const count = (color: string) => wanted.filter(({ id }) => results[id]?.color === color).length;
console.log(`${count('green')} green, ${count('refused')} refused, ${count('red')} red`);
if (!options['no-table'] && !options.full) writeTable('README.md', cells, results);
process.exitCode = count('red') > 0 ? 1 : 0;
