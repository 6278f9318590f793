import { FormatError } from '../../src/base/errors.js';
import { mutate, randomOf } from './mutate.js';
import type { FuzzedParser } from './parsers.js';

/** An input of at most some 100 KiB may take this long, on a loaded machine too; an endless loop takes longer. */
const MAX_MS = 4_000;
/** And this much memory beyond the input: lengths out of the input are never allocated. */
const MAX_BYTES = 400 * 1024 * 1024;

export interface Failure {
  readonly parser: string;
  readonly why: string;
  readonly input: Buffer;
  readonly seed: number;
}

export interface Fuzzed {
  readonly inputs: number;
  /** Inputs that were read, damage and all. */
  readonly accepted: number;
  readonly failure?: Failure;
}

/** Feeds damaged inputs, number after number from `seed` on, until `isEnough` says so or one does what it must not. */
export function fuzzParser(parser: FuzzedParser, seed: number, isEnough: (inputs: number) => boolean): Fuzzed {
  let inputs = 0;
  let accepted = 0;
  for (; !isEnough(inputs); inputs++) {
    const random = randomOf(seed + inputs);
    let input = mutate(parser.inputs, random);
    if (parser.reseal && random() < 0.7) input = parser.reseal(Buffer.from(input));
    const fail = (why: string) => ({
      inputs,
      accepted,
      failure: { parser: parser.name, why, input, seed: seed + inputs },
    });
    const started = performance.now();
    const { heapUsed, external } = process.memoryUsage();
    try {
      parser.parse(Buffer.from(input));
      accepted++;
    } catch (error) {
      if (!(error instanceof FormatError))
        return fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
      if (error.offset < 0 || !Number.isFinite(error.offset)) return fail(`offset ${error.offset}: ${error.message}`);
    }
    const ms = performance.now() - started;
    if (ms > MAX_MS) return fail(`it took ${Math.round(ms)} ms`);
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.external - heapUsed - external;
    if (grown > MAX_BYTES) return fail(`it took ${Math.round(grown / 1024 / 1024)} MiB`);
  }
  return { inputs, accepted };
}
