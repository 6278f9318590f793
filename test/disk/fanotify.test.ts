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
  expect(overflow).toBe(false); // a queue of 16,384 events is not full in a twentieth of a second
  expect(ours).toEqual([
    { directory: bytes, name: 'cyrus.index' },
    { directory: bytes, name: 'cyrus.header' },
  ]);
});

it.skipIf(typeof probe === 'string')('says when the queue was full, and goes on', async () => {
  const mark = open() as Fanotify;
  for (let i = 0; i < 20_000; i++) writeFileSync(join(dir, `file-${i}`), ''); // more than fs.fanotify.max_queued_events
  expect(mark.read(() => false).overflow).toBe(true);
  // the mark is on the whole file system: what other tests write there is in the queue, too, and may fill it again
  const ours = { directory: Buffer.from(dir).toString('latin1'), name: 'cyrus.index' };
  let found: ReturnType<Fanotify['read']>;
  do {
    writeFileSync(join(dir, 'cyrus.index'), 'x');
    await sleep(50);
    found = mark.read((name) => name === 'cyrus.index');
  } while (found.overflow);
  mark.close();
  expect(found.files).toContainEqual(ours);
});

it('says why where it can not be', () => {
  if (typeof probe === 'string') expect(probe).toMatch(/CAP_SYS_ADMIN|does not have it|native calls/);
  expect(() => new Fanotify('/proc')).toThrow(/does not have it|CAP_SYS_ADMIN|native calls/);
});

it('takes any bytes for events without reading beyond them', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void parseFanotify(Buffer.from(bytes))));
});
