import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FormatError } from '../../src/base/errors.js';
import { readLiveDatabase } from '../../src/disk/live-database.js';
import { SourceRoot } from '../../src/disk/source.js';

let dir: string;
let root: SourceRoot;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-live-'));
  mkdirSync(join(dir, 'conf'));
  file = join(dir, 'conf/mailboxes.db');
  root = SourceRoot.open('/var/lib/cyrus', join(dir, 'conf'));
});
afterEach(() => {
  vi.useRealTimers();
  root.close();
  rmSync(dir, { recursive: true });
});

/** A minute from now a file that was written now is an old one. */
function aMinuteLater(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
}

/** A format that can't tell whether it is whole: only rest or two equal reads will do. */
const text = (bytes: Buffer) => ({ value: bytes.toString('latin1'), clean: false });

describe('reading a database of a live server', () => {
  it('reads a quiet file once', () => {
    writeFileSync(file, 'content');
    aMinuteLater();
    const parse = vi.fn(text);
    expect(readLiveDatabase(root, 'mailboxes.db', parse)).toMatchObject({ kind: 'read', value: 'content' });
    expect(parse).toHaveBeenCalledTimes(1);
  });

  it('says so where there is none', () => {
    expect(readLiveDatabase(root, 'mailboxes.db', text)).toEqual({ kind: 'missing' });
    expect(readLiveDatabase(root, 'user/a/anna.seen', text)).toEqual({ kind: 'missing' });
  });

  it('reads a file that was just written once it reads the same twice', () => {
    writeFileSync(file, 'content');
    expect(readLiveDatabase(root, 'mailboxes.db', text)).toMatchObject({ kind: 'read', value: 'content' });
  });

  it('gives what a writer left in the end, not what was read first', () => {
    writeFileSync(file, 'first');
    const reads = vi.spyOn(root, 'openFile');
    const open = SourceRoot.prototype.openFile.bind(root);
    reads.mockImplementation((relative) => {
      if (reads.mock.calls.length === 2) writeFileSync(file, 'second');
      return open(relative);
    });
    expect(readLiveDatabase(root, 'mailboxes.db', text)).toMatchObject({ kind: 'read', value: 'second' });
    expect(reads).toHaveBeenCalledTimes(3);
  });

  it('gives up where the file never comes to rest', () => {
    let n = 0;
    const open = SourceRoot.prototype.openFile.bind(root);
    vi.spyOn(root, 'openFile').mockImplementation((relative) => {
      writeFileSync(file, `write ${n++}`);
      return open(relative);
    });
    expect(readLiveDatabase(root, 'mailboxes.db', text)).toEqual({ kind: 'busy' });
  });

  it('takes a file that never rests by its own word that it is whole', () => {
    let n = 0;
    const open = SourceRoot.prototype.openFile.bind(root);
    const reads = vi.spyOn(root, 'openFile').mockImplementation((relative) => {
      writeFileSync(file, `write ${n++}`);
      return open(relative);
    });
    const parse = (bytes: Buffer) => ({ ...text(bytes), clean: bytes.toString('latin1') === 'write 2' });
    expect(readLiveDatabase(root, 'mailboxes.db', parse)).toMatchObject({ kind: 'read', value: 'write 2' });
    expect(reads).toHaveBeenCalledTimes(3);
  });

  it('tries again where a young file is torn', () => {
    writeFileSync(file, 'torn');
    const parse = (bytes: Buffer) => {
      if (bytes.toString('latin1') !== 'torn') return text(bytes);
      writeFileSync(file, 'whole');
      throw new FormatError('mailboxes.db', 0, 'a record', 'half of one');
    };
    expect(readLiveDatabase(root, 'mailboxes.db', parse)).toMatchObject({ kind: 'read', value: 'whole' });
  });

  it('does not believe a file that lost its name meanwhile: the checkpoint of a skiplist empties it then', () => {
    writeFileSync(file, 'whole');
    const open = SourceRoot.prototype.openFile.bind(root);
    const reads = vi.spyOn(root, 'openFile').mockImplementation((relative) => {
      const fd = open(relative);
      if (reads.mock.calls.length > 2) return fd;
      // lib/cyrusdb_skiplist.c mycheckpoint: the new file gets the name, the old one is truncated
      renameSync(file, `${file}.old`);
      writeFileSync(file, `whole ${reads.mock.calls.length}`);
      truncateSync(`${file}.old`, 0);
      return fd;
    });
    // an empty database looks clean, and two empty reads are equal
    const parse = (bytes: Buffer) => ({ ...text(bytes), clean: true });
    expect(readLiveDatabase(root, 'mailboxes.db', parse)).toMatchObject({ kind: 'read', value: 'whole 2' });
    expect(reads).toHaveBeenCalledTimes(3);
  });

  it('throws at once where a quiet file is damaged', () => {
    writeFileSync(file, 'damaged');
    aMinuteLater();
    const parse = vi.fn(() => {
      throw new FormatError('mailboxes.db', 0, 'a record', 'nothing');
    });
    expect(() => readLiveDatabase(root, 'mailboxes.db', parse)).toThrow(FormatError);
    expect(parse).toHaveBeenCalledTimes(1);
  });

  it('goes by the change time too: a writer that puts the old mtime back is seen', () => {
    writeFileSync(file, 'content');
    utimesSync(file, 1, 1);
    const reads = vi.spyOn(root, 'openFile');
    readLiveDatabase(root, 'mailboxes.db', text);
    expect(reads).toHaveBeenCalledTimes(2);
  });

  it('refuses a link', () => {
    writeFileSync(join(dir, 'secret'), 'secret');
    symlinkSync('../secret', file);
    expect(() => readLiveDatabase(root, 'mailboxes.db', text)).toThrow('ELOOP');
  });

  it('refuses what is no regular file', () => {
    mkdirSync(file);
    expect(() => readLiveDatabase(root, 'mailboxes.db', text)).toThrow('EINVAL');
  });
});
