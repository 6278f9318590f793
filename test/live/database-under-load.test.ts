/**
 * Databases that a real Cyrus (cyr_dbtool) writes while we read, and that it leaves when it is killed. Transaction n
 * leaves a state that only n decides, so whatever we read is either one of these states, or wrong.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/errors.js';
import { readDatabase } from '../../src/cyrus/db/database.js';
import type { DbEntry } from '../../src/cyrus/db/entry.js';
import { readLiveDatabase } from '../../src/disk/live-database.js';
import { SourceRoot } from '../../src/disk/source.js';
import { CyrDbtool, commandsOf, type Step, type ToolBackend, whatIsMissing } from '../cyrus/db/cyr-dbtool.js';

const KEYS = 60;
const COUNT = '!count';

/** Sets the count, sets one key, deletes another, replaces a long one; every ninth is given up. */
function transaction(n: number): Step[] {
  const key = (i: number) => `user.u${i % KEYS}`;
  return [
    { command: 'BEGIN' },
    { command: 'SET', key: COUNT, value: String(n) },
    { command: 'SET', key: key(n * 7), value: `${n} default u${n}\t${'lrs'.repeat(n % 17)}\t\xff\0\n` },
    { command: 'DELETE', key: key(n * 11 + 3) },
    { command: 'SET', key: `long${n % 3}`, value: `${n}`.repeat((n * 37) % 900) },
    { command: isAborted(n) ? 'ABORT' : 'COMMIT' },
  ];
}

function isAborted(n: number): boolean {
  return n % 9 === 4;
}

/** The states after each transaction, asked for in ascending order. */
class States {
  #n = 0;
  readonly #now = new Map<string, string>();

  /** Entries in raw order, as our reader gives them. @param n A transaction that was committed, or 0. */
  after(n: number): DbEntry[] {
    if (n < this.#n) throw new Error(`read back in time: ${n} after ${this.#n}`);
    for (; this.#n < n; this.#n++) {
      if (isAborted(this.#n + 1)) continue;
      for (const step of transaction(this.#n + 1)) {
        if (step.command === 'SET') this.#now.set(step.key, step.value);
        else if (step.command === 'DELETE') this.#now.delete(step.key);
      }
    }
    return Array.from(this.#now, ([key, value]) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

const countOf = (entries: readonly DbEntry[]) => Number(entries.find(({ key }) => key === COUNT)?.value ?? 0);
const parse = (bytes: Buffer) => readDatabase(bytes, 'test.db', { escaped: true });

const missing = whatIsMissing();
if (missing) {
  const title = `databases under load (${missing})`;
  if (process.env.CI)
    it(title, () => {
      throw new Error(missing);
    });
  else it.skip(title);
} else {
  // a commit waits for the disk; in memory there are enough of them to meet
  const tool = new CyrDbtool(existsSync('/dev/shm') ? '/dev/shm' : undefined);
  afterAll(() => tool.remove());
  let root: SourceRoot;
  beforeEach(() => {
    root = SourceRoot.open('/var/lib/cyrus', tool.directory);
  });
  afterEach(() => root.close());
  const file = join(tool.directory, tool.name);

  const inodes = new Set<number>();

  /** The bytes of the file, or undefined where another has taken its name meanwhile. */
  function copyByName(): Buffer | undefined {
    const fd = openSync(file, 'r');
    try {
      const { ino } = fstatSync(fd);
      inodes.add(ino);
      const bytes = readFileSync(fd);
      return statSync(file).ino === ino ? bytes : undefined;
    } finally {
      closeSync(fd);
    }
  }

  /** Lets the tool run transactions from `first` on while `act` does, then kills it in the middle of one. */
  async function untilKilled(backend: ToolBackend, first: number, act: () => Promise<void>) {
    const child = tool.start(backend, [commandFile('commands', first, 16_000)]);
    await whileRunning(child, act);
  }

  /** The same by one process after the other, 25 transactions each, as servers come and go: each repacks at its end. */
  async function underLoad(backend: ToolBackend, act: () => Promise<void>) {
    const files = Array.from({ length: 600 }, (_, i) => commandFile(`commands.${i}`, 25 * i + 1, 25));
    await whileRunning(tool.start(backend, files), act);
  }

  function commandFile(name: string, first: number, count: number): string {
    const path = join(tool.directory, name);
    const text = Array.from({ length: count }, (_, i) => commandsOf(transaction(first + i))).join('');
    writeFileSync(path, text, 'latin1');
    return path;
  }

  async function whileRunning(child: ChildProcess, act: () => Promise<void>) {
    const ended = new Promise((resolve) => child.once('close', resolve));
    const isRunning = () => child.exitCode === null && child.signalCode === null;
    try {
      while (isRunning() && !existsSync(file)) await sleep(5);
      await act();
    } finally {
      if (isRunning()) process.kill(-child.pid!, 'SIGKILL');
      await ended;
    }
    expect(child.signalCode).toBe('SIGKILL'); // it did not run out of work: it was in the middle
  }

  describe.each<ToolBackend>([{ name: 'skiplist' }, { name: 'twoskip' }, { name: 'flat' }])(
    'a live $name',
    (backend) => {
      it('gives a committed state or a typed error, whatever moment it is copied at, and never goes back', async () => {
        tool.removeFile();
        tool.recoverSkiplists(false);
        const states = new States();
        const seen = { whole: 0, unclean: 0, torn: 0, replaced: 0, live: 0, busy: 0, damaged: 0 };
        inodes.clear();
        let copies = 0;
        await underLoad(backend, async () => {
          for (const end = Date.now() + 5_000; Date.now() < end; await sleep(0)) {
            try {
              const bytes = copyByName();
              if (!bytes) {
                seen.replaced++;
                continue;
              }
              const { entries, clean } = parse(bytes);
              expect(entries).toEqual(states.after(countOf(entries)));
              if (clean) seen.whole++;
              else seen.unclean++;
            } catch (error) {
              if (!(error instanceof FormatError)) throw error;
              seen.torn++;
            }
            if (++copies % 20 !== 0) continue;
            try {
              const live = readLiveDatabase(root, tool.name, (bytes) => {
                const { entries, clean } = parse(bytes);
                return { value: entries, clean };
              });
              if (live.kind === 'read') expect(live.value).toEqual(states.after(countOf(live.value)));
              if (live.kind === 'read') seen.live++;
              else seen.busy++;
            } catch (error) {
              if (!(error instanceof FormatError)) throw error;
              seen.damaged++;
            }
          }
        });
        expect(seen.whole + seen.unclean).toBeGreaterThan(30);
        expect(seen.live).toBeGreaterThan(0);
        // checkpoints and repacks came while we read: each is a new file
        expect(inodes.size).toBeGreaterThan(2);
      });

      it('killed in a transaction has for us what its own recovery leaves, each of 8 times', async () => {
        tool.removeFile();
        tool.recoverSkiplists(true);
        const states = new States();
        let n = 0;
        for (let round = 0; round < 8; round++) {
          await untilKilled(backend, n + 1, async () => {
            await sleep(40 + ((round * 97) % 200) + Math.random() * 7);
          });
          const ours = parse(readFileSync(file));
          n = countOf(ours.entries);
          expect(ours.entries).toEqual(states.after(n));
          const recovered = tool.batch(backend, []);
          expect(recovered?.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(ours.entries);
          if (backend.name !== 'flat') expect(tool.isConsistent(backend)).toBe(true);
          while (isAborted(n + 1)) n++; // what is given up leaves no count
        }
        expect(n).toBeGreaterThan(40);
      });
    },
  );

  describe('every byte value', () => {
    const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
    const big = { key: 'K'.repeat(70_000), value: all.join('').repeat(300) }; // cyr_dbtool takes literals up to 128 KiB

    it.each<ToolBackend>([{ name: 'skiplist' }, { name: 'twoskip' }, { name: 'flat' }])(
      'is a key, a first and a last byte, and is found: $name',
      (backend) => {
        tool.removeFile();
        tool.recoverSkiplists(false);
        const entries = all.flatMap((byte) => [
          { key: byte, value: `${byte} alone` },
          { key: `${byte}user`, value: `${byte}${byte}` },
          { key: `user${byte}`, value: byte },
        ]);
        entries.push(big);
        const steps = entries.map(({ key, value }): Step => ({ command: 'SET', key, value }));
        const sorted = entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
        const shown = tool.batch(backend, steps, [])?.toSorted((a, b) => (a.key < b.key ? -1 : 1));
        expect(shown).toEqual(sorted);
        expect(parse(readFileSync(file)).entries).toEqual(sorted);
      },
    );
  });
}
