import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FollowedFile } from '../../src/disk/followed-file.js';
import { SourceRoot } from '../../src/disk/source.js';

let dir: string;
let root: SourceRoot;
const log = () => join(dir, 'sync/log');
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-followed-'));
  root = SourceRoot.open(dir, dir);
});
afterEach(() => {
  root.close();
  rmSync(dir, { recursive: true });
});

it('gives whole lines from the end on, once each, a torn one when it is whole', () => {
  mkdirSync(join(dir, 'sync'));
  writeFileSync(log(), 'MAILBOX old\n');
  const file = new FollowedFile(root, 'sync/log');
  expect(file.read()).toEqual([]);
  appendFileSync(log(), 'MAILBOX a\nMAILB');
  expect(file.read()).toEqual(['MAILBOX a']);
  appendFileSync(log(), 'OX b\n');
  expect(file.read()).toEqual(['MAILBOX b']);
  file.close();
});

it('waits for one that is not there yet, nor its directory, and has all of it then', () => {
  const file = new FollowedFile(root, 'sync/log');
  expect(file.read()).toEqual([]);
  mkdirSync(join(dir, 'sync'));
  writeFileSync(log(), 'MAILBOX a\n');
  expect(file.read()).toEqual(['MAILBOX a']);
  file.close();
});

it('follows sync_client, who renames it, reads it and unlinks it: what came before, after and meanwhile', () => {
  mkdirSync(join(dir, 'sync'));
  writeFileSync(log(), '');
  const file = new FollowedFile(root, 'sync/log');
  appendFileSync(log(), 'MAILBOX a\n');
  renameSync(log(), `${log()}-run`);
  writeFileSync(log(), 'MAILBOX c\n');
  appendFileSync(`${log()}-run`, 'MAILBOX b\n'); // who had it open and locked before the rename
  expect(file.read()).toEqual(['MAILBOX a', 'MAILBOX b', 'MAILBOX c']);
  appendFileSync(`${log()}-run`, 'MAILBOX late\n');
  rmSync(`${log()}-run`);
  expect(file.read()).toEqual(['MAILBOX late']);
  for (let round = 0; round < 20; round++) {
    renameSync(log(), `${log()}-run`);
    writeFileSync(log(), `MAILBOX ${round}\n`);
    rmSync(`${log()}-run`);
    expect(file.read()).toEqual([`MAILBOX ${round}`]);
  }
  file.close();
});
