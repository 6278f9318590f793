/**
 * `npm run matrix`: migrates every recorded spool into every installed Cyrus in every layout, has that Cyrus serve it and
 * compares; writes the table into README.md. Needs root. Other versions than the host's: make-chroots.sh.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { allCells, type Cell, chooseCells, describeFeatures, type Features, missedPairs } from './cells.js';
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
  --list           names the cells that would be run
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

/** A cell's result, with the features that it was run with, and when. */
type DatedResult = CellResult & { readonly features: Features; readonly at: string };
type Results = Record<string, DatedResult>;

const readResults = (): Results =>
  existsSync(options.results) ? (JSON.parse(readFileSync(options.results, 'utf8')) as Results) : {};

let results = readResults();
const sources = findSpools(options.spools);
const targets = findTargets(options.chroots);
const cells = options.full ? allCells(sources, targets) : chooseCells(sources, targets, results);
const wanted = cells.filter((cell) => new RegExp(options.only).test(`${cell.id} ${describeFeatures(cell.features)}`));
const missed = missedPairs(cells, sources);
console.log(
  `${sources.length} sources, targets ${targets.map((t) => t.package).join(', ')}: ${wanted.length} of ${cells.length} cells` +
    (missed.length > 0 ? `; pairs not met: ${missed.join(', ')}` : ''),
);
const isDone = ({ id }: Cell) => !options.again && (results[id]?.color ?? 'red') !== 'red';
const queue = inRounds(
  wanted.filter((cell) => !isDone(cell)),
  wanted.filter(isDone),
);
if (options.list) {
  for (const { id, features, refusalIsDue } of queue) {
    console.log(`${id} ${describeFeatures(features)}${refusalIsDue ? ' (to be refused)' : ''}`);
  }
  process.exit(0);
}
let left = queue.length;

/** Each source in each target once, then again in another layout: a run that is stopped has seen the most. */
function inRounds(queue: readonly Cell[], done: readonly Cell[]): Cell[] {
  const seen = new Map<string, number>();
  const meet = ({ source, target }: Cell) => {
    const pair = `${source.name} ${target.version}`;
    const round = seen.get(pair) ?? 0;
    seen.set(pair, round + 1);
    return round;
  };
  for (const cell of done) meet(cell);
  const rounds = queue.map((cell) => ({ cell, round: meet(cell) }));
  return rounds.sort((a, b) => a.round - b.round).map(({ cell }) => cell);
}

async function work(): Promise<void> {
  for (let cell = queue.shift(); cell; cell = queue.shift()) {
    const { id, features } = cell;
    const result = await runCell(cell, options.keep);
    results = readResults(); // another run may write the same file
    results[id] = { ...result, features, at: new Date().toISOString().slice(0, 10) };
    writeFileSync(options.results, `${JSON.stringify(results, undefined, 1)}\n`);
    const told = options.full ? id : `${id} ${describeFeatures(features)}`;
    console.log(`${--left} left · ${result.color} · ${result.seconds} s · ${told}`);
    if (result.color !== 'red') continue;
    console.log(result.reasons.map((r) => `    ${r.slice(0, 3000).replaceAll('\n', '\n    ')}`).join('\n'));
  }
}
await Promise.all(Array.from({ length: Number(options.jobs) }, work));

const count = (color: string) => wanted.filter(({ id }) => results[id]?.color === color).length;
console.log(`${count('green')} green, ${count('refused')} refused, ${count('red')} red`);
if (!options['no-table'] && !options.full) writeTable('README.md', cells, results);
process.exitCode = count('red') > 0 ? 1 : 0;
