import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitsAfterCheckpoint } from '../../../src/cyrus/db/berkeley-log.js';

/** Of a 2.3 server (fixtures/db/README.md); `db_printlog` shows __txn_ckp at 28 and __txn_regop, the last, at 8920. */
const log = readFileSync(new URL('../../../fixtures/db/2.3-log.0000000001', import.meta.url));
const upTo = (end: number) => Buffer.concat([log.subarray(0, end), Buffer.alloc(100)]);

describe('the log of a Berkeley environment', () => {
  it('shows a commit that no checkpoint has brought into the databases', () =>
    expect(commitsAfterCheckpoint(log)).toBe(true));

  it('shows that the databases have everything', () => expect(commitsAfterCheckpoint(upTo(8920))).toBe(false));

  it('tells nothing before its first checkpoint', () => expect(commitsAfterCheckpoint(upTo(28))).toBeUndefined());

  it('tells nothing where a record is cut off', () =>
    expect(commitsAfterCheckpoint(log.subarray(0, 8960))).toBeUndefined());

  it('is read in the byte order of the machine that wrote it', () => {
    const words = (b: Buffer) => Buffer.from(b).swap32();
    const swapped = Buffer.from(log);
    for (const at of [0, 28, 84, 179, 4386, 8593, 8758, 8798, 8920]) words(log.subarray(at, at + 16)).copy(swapped, at);
    expect(commitsAfterCheckpoint(swapped)).toBe(true);
  });

  it('tells something or nothing of any bytes, and comes to an end', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(8900), (bytes, at) => {
        const damaged = Buffer.from(log);
        damaged.set(bytes, at);
        expect([true, false, undefined]).toContain(commitsAfterCheckpoint(damaged));
        expect([true, false, undefined]).toContain(commitsAfterCheckpoint(Buffer.from(bytes)));
      }),
    ));
});
