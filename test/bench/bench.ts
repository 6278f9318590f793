/**
 * `npm run bench -- [SCENARIO …] [--quick] [--runs N] [--work DIR] [--images DIR]`: side by side, as whole processes.
 * Prints tables; judges nothing. Needs root (file systems in files are mounted).
 */
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios.js';

const { values, positionals } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== '--'),
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    work: { type: 'string', default: '/var/tmp/cyrsync-bench' },
    /** Where targets lie: a disk, or /dev/shm for one that costs nothing. */
    images: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const unknown = names.filter((name) => !(name in SCENARIOS));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) process.stderr.write(`No such scenario: ${unknown.join(', ')}\n`);
  process.stdout.write(
    `Scenarios:\n${Object.entries(SCENARIOS)
      .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
      .join('\n')}\n`,
  );
  process.exit(unknown.length > 0 ? 2 : 0);
}
mkdirSync(values.work, { recursive: true });
const lab = {
  work: values.work,
  images: values.images ?? values.work,
  scale: values.quick ? 0.1 : 1,
  runs: values.runs === undefined ? undefined : Number(values.runs),
  say: (text: string) => process.stderr.write(`  ${text}\n`),
};
for (const name of names) {
  const { summary, run } = SCENARIOS[name]!;
  process.stdout.write(`\n## ${name}: ${summary}${values.quick ? ' (quick: a tenth)' : ''}\n`);
  process.stdout.write(`${await run(lab)}\n`);
}
