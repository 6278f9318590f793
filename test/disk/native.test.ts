import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fingerprintOf, statPath } from '../../src/disk/file-stat.js';
import { native } from '../../src/disk/native.js';
import { printOfWords, putStatWords, STAT_WORDS, StatSweep } from '../../src/disk/stat-sweep.js';

const dir = mkdtempSync(join(tmpdir(), 'cyrsync-native-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('the native calls are there on Linux, where koffi has a build: else every fallback would act unseen', () => {
  expect(native()).toBeDefined();
});

it('a file copied by native calls has content, mode and times as asked', () => {
  writeFileSync(join(dir, 'from'), 'some mail');
  const { file } = native()!;
  const fd = openSync(dir, constants.O_RDONLY);
  const buffer = Buffer.alloc(100);
  const input = file.open(fd, Buffer.from('from\0'), constants.O_RDONLY, 0);
  expect(file.read(input, buffer, buffer.length)).toBe(9);
  const output = file.open(fd, Buffer.from('to\0'), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  expect(file.write(output, buffer, 5, 4)).toBe(4);
  const times = Buffer.alloc(32);
  times.writeBigInt64LE(1_000_000_000n, 16);
  expect(file.setTimes(output, times)).toBe(0);
  file.close(input);
  file.close(output);
  expect(file.open(fd, Buffer.from('none\0'), constants.O_RDONLY, 0)).toBe(-2);
  closeSync(fd);
  expect(readFileSync(join(dir, 'to'), 'latin1')).toBe('mail');
  expect(statSync(join(dir, 'to')).mode & 0o7777).toBe(0o600);
  expect(statSync(join(dir, 'to')).mtimeMs).toBe(1e12);
});

it.each([
  ['by native statx', 1e6],
  ['by the plain twin', 1],
])('a stat sweep sees what a fingerprint sees, %s', (_, files) => {
  const path = join(dir, 'watched');
  writeFileSync(path, '1');
  const words = new Int32Array(2 * STAT_WORDS);
  putStatWords(fingerprintOf(statPath(path)), words, 0);
  putStatWords('-', words, STAT_WORDS);
  const sweep = new StatSweep(files);
  sweep.addRoot(tmpdir());
  const relative = Buffer.from(`xx${dir.slice(tmpdir().length + 1)}xx`);
  sweep.enter(relative, 2, relative.length - 2);
  const isAsBefore = (name: string, at: number) => sweep.isAsBefore(0, Buffer.from(`/${name}\0`), words, at);
  expect(isAsBefore('watched', 0)).toBe(true);
  expect(isAsBefore('nothing', STAT_WORDS)).toBe(true);
  expect(isAsBefore('nothing', 0)).toBe(false);
  expect(isAsBefore('watched', STAT_WORDS)).toBe(false);
  for (let i = 0; i < STAT_WORDS; i++) {
    words[i]! ^= 1;
    expect(isAsBefore('watched', 0), `word ${i}`).toBe(false);
    words[i]! ^= 1;
  }
  expect(isAsBefore('watched', 0)).toBe(true);
  writeFileSync(path, '2'); // the same size, the same inode
  expect(isAsBefore('watched', 0)).toBe(false);
  sweep.enterPath(dir.slice(tmpdir().length + 1));
  for (const [name, time] of [
    ['watched', 0],
    ['watched', -12.25],
    ['watched', 4e9 + 0.5],
    ['nothing', 0],
  ] as const) {
    if (name === 'watched') utimesSync(path, time, time);
    sweep.read(0, Buffer.from(`/${name}\0`), words, STAT_WORDS);
    expect(printOfWords(words, STAT_WORDS)).toBe(fingerprintOf(statPath(join(dir, name))));
  }
  sweep.close();
});
