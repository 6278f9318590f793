/** SHA-1 of message files of the source, remembered while their fingerprints stay. */
import { type FileStat, fingerprintOf } from '../disk/file-stat.js';
import { hashFile } from '../disk/hash-file.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { ProofRows } from '../state/proof-rows.js';

/**
 * A record of an index has 32 bits for the length of a message: a larger file is none, and is not read, be it a sparse
 * one of a terabyte. @see reference cyrus-mailbox-files.md 1.3
 */
const MAX_MESSAGE_BYTES = 2 ** 32 - 1;

/** So many files or bytes are hashed again at most after an interruption. */
const BATCH = 500;
const BATCH_BYTES = 2 ** 28;

export class ContentHashes {
  readonly #proofs: ProofRows;
  readonly #trees: SourceTrees;
  #fresh: { path: string; print: string; guid: string }[] = [];
  #freshBytes = 0;

  constructor(proofs: ProofRows, trees: SourceTrees) {
    this.#proofs = proofs;
    this.#trees = trees;
  }

  /** Stat and content of a file; undefined where there is none. */
  of(rootPath: string, file: string): { stat: FileStat; guid: string } | 'unreadable' | undefined {
    const root = this.#trees.root(rootPath);
    const stat = root?.stat(file);
    if (!root || !stat) return undefined;
    if (stat.kind !== 'file' || stat.sizeBytes > MAX_MESSAGE_BYTES) return 'unreadable';
    const path = `${rootPath}/${file}`;
    const print = fingerprintOf(stat);
    const known = this.#proofs.hash(path, print);
    if (known !== undefined) return { stat, guid: known };
    try {
      const hashed = hashFile(() => root.openFile(file));
      if (!hashed) return undefined;
      const guid = hashed.guid.toString('hex');
      this.#fresh.push({ path, print, guid });
      this.#freshBytes += stat.sizeBytes;
      if (this.#fresh.length >= BATCH || this.#freshBytes >= BATCH_BYTES) this.save();
      return { stat, guid };
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return 'unreadable';
    }
  }

  save(): void {
    this.#proofs.save({ hashes: this.#fresh });
    this.#fresh = [];
    this.#freshBytes = 0;
  }
}
