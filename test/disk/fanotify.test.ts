import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { Fanotify, parseFanotify } from '../../src/disk/fanotify.js';

const dir = mkdtempSync(join(tmpdir(), 'cyrsync-fanotify-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function open(): Fanotify | string {
  try {
    return new Fanotify(dir);
  } catch (error) {
    return (error as Error).message;
  }
}
const probe = open();
if (typeof probe !== 'string') probe.close();

it.skipIf(typeof probe === 'string')('names directory and file of what is written, renamed, made', async () => {
  const mark = open() as Fanotify;
  const sub = join(dir, 'a/né');
  mkdirSync(sub, { recursive: true });
  writeFileSync(join(sub, 'cyrus.index'), 'x');
  appendFileSync(join(sub, 'cyrus.index'), 'y');
  writeFileSync(join(sub, '1.'), 'message');
  writeFileSync(join(sub, 'cyrus.header.NEW'), 'h');
  renameSync(join(sub, 'cyrus.header.NEW'), join(sub, 'cyrus.header'));
  await sleep(50);
  const { files, overflow } = mark.read((name) => /^cyrus\.(index|header)$/.test(name));
  mark.close();
  const ours = files.filter(({ directory }) => directory.startsWith(Buffer.from(dir).toString('latin1')));
  const bytes = Buffer.from(sub).toString('latin1');
  expect(overflow).toBe(false);
  expect(ours).toEqual([
    { directory: bytes, name: 'cyrus.index' },
    { directory: bytes, name: 'cyrus.header' },
  ]);
});

it.skipIf(typeof probe === 'string')('says when the queue was full, and goes on', async () => {
  const mark = open() as Fanotify;
  for (let i = 0; i < 20_000; i++) writeFileSync(join(dir, `file-${i}`), ''); // more than fs.fanotify.max_queued_events
  expect(mark.read(() => false).overflow).toBe(true);
  writeFileSync(join(dir, 'cyrus.index'), 'x');
  await sleep(50);
  expect(mark.read((name) => name === 'cyrus.index')).toMatchObject({
    overflow: false,
    files: [{ name: 'cyrus.index' }],
  });
  mark.close();
});

it('says why where it can not be', () => {
  if (typeof probe === 'string') expect(probe).toMatch(/CAP_SYS_ADMIN|does not have it|native calls/);
  expect(() => new Fanotify('/proc')).toThrow(/does not have it|CAP_SYS_ADMIN|native calls/);
});

it('takes any bytes for events without reading beyond them', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void parseFanotify(Buffer.from(bytes))));
});
