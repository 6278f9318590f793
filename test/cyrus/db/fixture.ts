import { readFileSync } from 'node:fs';

/** A file of fixtures/db, see its README. */
export function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/db/${name}`, import.meta.url));
}
