import { describe, expect, it } from 'vitest';
import { fuzzParser } from './fuzz-parser.js';
import { PARSERS } from './parsers.js';

// Bounded; the long run is `npm run fuzz`. The seed is fixed, so that a failure is one on every machine.
const RUNS = 200;
const SEED = 20_261_125;

describe('a parser fed damaged files of real servers throws FormatError or nothing, soon and within its means', () => {
  it.each(PARSERS.map((parser) => [parser.name, parser] as const))('%s', (_, parser) => {
    expect(parser.inputs.length).toBeGreaterThan(0);
    // what real servers wrote is read
    for (const input of parser.inputs) parser.parse(Buffer.from(input));
    const { inputs, failure } = fuzzParser(parser, SEED, (n) => n >= RUNS);
    expect(
      failure && `${failure.why}\nseed ${failure.seed}: ${failure.input.toString('hex').slice(0, 400)}`,
    ).toBeUndefined();
    expect(inputs).toBe(RUNS);
  });
});
