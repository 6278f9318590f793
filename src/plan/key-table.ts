/**
 * HOT: names and their numbers, a million of them in 12 MB beside the names themselves (a Map takes 45 and is copied when
 * it grows). Pure.
 */
import { digestOf } from '../base/digest.js';

/** Of 53 bits; never 0. */
export function hashOf(text: string): number {
  return digestOf(text) || 1;
}

const FIRST_SIZE = 2048;

/** Numbers from 0 on, in the order of coming. */
export class KeyTable {
  readonly keys: string[];
  /** Number + 1 where a key is, 0 where none. */
  #slots: Int32Array;

  /** @param keys Each once. */
  constructor(keys: string[] = []) {
    this.keys = keys;
    let size = FIRST_SIZE;
    while (size < 2 * keys.length) size *= 2;
    this.#slots = new Int32Array(size);
    for (const [number, key] of keys.entries()) this.#slots[this.#slotOf(key)] = number + 1;
  }

  get(key: string): number | undefined {
    const number = this.#slots[this.#slotOf(key)]!;
    return number === 0 ? undefined : number - 1;
  }

  /** @returns its number; the next one where it is new */
  put(key: string): number {
    const slot = this.#slotOf(key);
    const known = this.#slots[slot]!;
    if (known > 0) return known - 1;
    this.#slots[slot] = this.keys.push(key);
    if (2 * this.keys.length > this.#slots.length) this.#grow();
    return this.keys.length - 1;
  }

  #slotOf(key: string): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(key) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot]!;
      if (number === 0 || this.keys[number - 1] === key) return slot;
    }
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (const [number, key] of this.keys.entries()) this.#slots[this.#slotOf(key)] = number + 1;
  }
}

/** Counts names by their hashes: of a million, the chance that two are taken for one is 1 to 18,000. */
export class HashSet {
  #slots = new Float64Array(256);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param hash Of {@link hashOf}. */
  add(hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = (hash % 4294967291) & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) if (this.#slots[slot] === hash) return;
    this.#slots[slot] = hash;
    if (2 * ++this.#size <= this.#slots.length) return;
    const all = this.#slots;
    this.#slots = new Float64Array(2 * all.length);
    this.#size = 0;
    for (const one of all) if (one !== 0) this.add(one);
  }
}
