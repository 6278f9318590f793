/** Which of many owners came first to a directory, without a string kept for each. */

/** 32 bits of FNV-1a, begun with another number each time that two differ and have the same. */
function hashOf(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

export class DirectoryClaims<T> {
  readonly #owners = new Map<number, T>();
  readonly #directoryOf: (owner: T) => string;

  /** @param directoryOf Says again what an owner claimed. */
  constructor(directoryOf: (owner: T) => string) {
    this.#directoryOf = directoryOf;
  }

  /** @returns who has it already; undefined where it was free and is `owner`'s now. */
  claim(directory: string, owner: T): T | undefined {
    for (let seed = 0; ; seed++) {
      const hash = hashOf(directory, seed);
      const other = this.#owners.get(hash);
      if (other === undefined) {
        this.#owners.set(hash, owner);
        return undefined;
      }
      if (this.#directoryOf(other) === directory) return other;
    }
  }
}
