/**
 * The long fuzz run: `npm run fuzz -- [--seconds N] [--parser NAME] [--seed N]`. Goes round over all parsers whose name
 * begins with NAME; prints the seed; an input that does harm is saved beside, and the run ends with 1. With --seed and
 * --seconds 0 one input is done again.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzzParser } from './fuzz-parser.js';
import { PARSERS } from './parsers.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    parser: { type: 'string', default: '' },
    seed: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const chosen = PARSERS.filter(({ name }) => name.startsWith(values.parser));
if (chosen.length === 0 || !(seconds >= 0)) {
  console.error(`--parser is one of ${PARSERS.map(({ name }) => name).join(', ')}; --seconds a number`);
  process.exit(2);
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
console.log(`seed ${seed}: ${chosen.length} parsers, ${seconds} s`);
const end = performance.now() + seconds * 1000;
const sums = new Map(chosen.map(({ name }) => [name, { inputs: 0, accepted: 0 }]));
do {
  for (const parser of chosen) {
    const sum = sums.get(parser.name)!;
    const turnEnds = Math.min(end, performance.now() + 2_000);
    const isEnough = (n: number) => n > 0 && performance.now() > turnEnds;
    const { inputs, accepted, failure } = fuzzParser(parser, seed + sum.inputs, isEnough);
    sum.inputs += inputs;
    sum.accepted += accepted;
    if (!failure) continue;
    const path = join(tmpdir(), `cyrsync-fuzz-${failure.parser}-${failure.seed}.bin`);
    writeFileSync(path, failure.input);
    console.log(
      `${failure.parser}: ${failure.why}\nthe input is in ${path}\nagain: npm run fuzz -- --parser ${failure.parser} --seed ${failure.seed} --seconds 0`,
    );
    process.exit(1);
  }
} while (performance.now() < end);
for (const [name, { inputs, accepted }] of sums) console.log(`${name}: ${inputs} inputs, ${accepted} of them read`);
