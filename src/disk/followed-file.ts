/** A file of the source that grows, and that others rename and begin anew. Read only: no lock is taken. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { ifThere } from './os-path.js';
import type { SourceRoot } from './source.js';

/** A line longer than this is none. */
const LONGEST_LINE = 64 * 1024;
/** Reads after which a file that was renamed is let go: who had it open before the rename may still write. */
const LINGER = 4;

interface Open {
  readonly fd: number;
  readonly ino: bigint;
  offset: number;
  rest: string;
  lingers: number;
}

export class FollowedFile {
  readonly #root: SourceRoot;
  readonly #name: string;
  #current: Open | undefined;
  #old: Open[] = [];

  /** From its present end on. @param name Below the root. */
  constructor(root: SourceRoot, name: string) {
    this.#root = root;
    this.#name = name;
    this.#current = this.#open();
    if (this.#current) this.#current.offset = Number(fstatSync(this.#current.fd).size);
  }

  /** Whole lines that came since the last call, one character per byte. */
  read(): string[] {
    const ino = this.#root.stat(this.#name)?.ino;
    if (this.#current && this.#current.ino !== ino) {
      this.#old.push(this.#current);
      this.#current = undefined;
    }
    if (!this.#current && ino !== undefined) this.#current = this.#open();
    const lines = [...this.#old, ...(this.#current ? [this.#current] : [])].flatMap(readLines);
    for (const old of this.#old) if (++old.lingers >= LINGER) closeSync(old.fd);
    this.#old = this.#old.filter(({ lingers }) => lingers < LINGER);
    return lines;
  }

  #open(): Open | undefined {
    const fd = ifThere(() => this.#root.openFile(this.#name));
    return fd === undefined
      ? undefined
      : { fd, ino: fstatSync(fd, { bigint: true }).ino, offset: 0, rest: '', lingers: 0 };
  }

  close(): void {
    for (const { fd } of [...this.#old, ...(this.#current ? [this.#current] : [])]) closeSync(fd);
    this.#old = [];
    this.#current = undefined;
  }
}

function readLines(open: Open): string[] {
  const buffer = Buffer.alloc(LONGEST_LINE);
  const lines: string[] = [];
  for (;;) {
    const n = readSync(open.fd, buffer, 0, buffer.length, open.offset);
    if (n === 0) return lines;
    open.offset += n;
    const parts = (open.rest + buffer.toString('latin1', 0, n)).split('\n');
    open.rest = parts.pop()!.slice(-LONGEST_LINE);
    lines.push(...parts);
  }
}
