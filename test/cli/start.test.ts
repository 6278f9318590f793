import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MAIN } from '../support/cyrsync.js';

let dir: string;
let compiled: Buffer;

/** A copy of the built program, whose compiled form may be spoilt. */
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-start-'));
  for (const part of ['main.js', 'package.json', 'load-bundle.cjs', 'bundle'])
    cpSync(join(dirname(MAIN), part), join(dir, 'dist', part), { recursive: true });
  symlinkSync(join(dirname(MAIN), '../node_modules'), join(dir, 'node_modules'));
  compiled = readFileSync(join(dir, 'dist/bundle/main.compiled'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: dir, encoding: 'utf8' }).trim();
const isRejected = () =>
  node('-p', "const l = require('./dist/load-bundle.cjs'); l.compile(l.readCompiled()).cachedDataRejected");

it('the program starts with what V8 compiled when it was built', () => {
  expect(isRejected()).toBe('false');
});

it.each<[string, () => Buffer]>([
  ['of another Node', () => Buffer.from(compiled).fill(1, 0, 16)],
  ['cut off', () => compiled.subarray(0, 5000)],
])('and without it where that is %s', (_, bytes) => {
  writeFileSync(join(dir, 'dist/bundle/main.compiled'), bytes());
  expect(isRejected()).toBe('true');
  expect(node('dist/main.js', '--version')).toMatch(/^\d+\.\d+\.\d+$/);
});

it('and where there is none', () => {
  rmSync(join(dir, 'dist/bundle/main.compiled'));
  expect(node('dist/main.js', '--version')).toMatch(/^\d+\.\d+\.\d+$/);
});
