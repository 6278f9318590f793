import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lab } from '../support/rescue-lab.js';

function bytesBelow(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'latin1' as BufferEncoding })
    .map((path) => lstatSync(join(dir, path)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}

it('a partition with an archive partition is said to hold what lies there, not what was archived as well', async () => {
  const { run, spool } = await lab('3.6-uuid-archive');
  const { partitions } = (await run('survey')) as unknown as {
    partitions: { name: string; kind: string; path: string; messages: number; bytes: number }[];
  };
  const of = (kind: string) => partitions.find((one) => one.name === 'default' && one.kind === kind)!;
  for (const kind of ['data', 'archive']) expect(of(kind).bytes).toBe(bytesBelow(`${spool.root}${of(kind).path}`));
  expect(of('archive').messages).toBeGreaterThan(0);
});
