import { readFileSync } from 'node:fs';
import type { DbEntry } from '../../../src/cyrus/db/entry.js';
import type { NameConf } from '../../../src/cyrus/names/mailbox-name.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';

/** The servers whose records lie in fixtures/records, and how their names were configured. */
export const SERVERS = [
  ['2.3-skiplist-uhs', '2.3', true],
  ['2.4-netnews-meta', '2.4', false],
  ['3.0-uhs-plain', '3.0', true],
  ['3.2-uhs-meta', '3.2', true],
  ['3.6-netnews-mixed', '3.6', false],
  ['3.10-fullhash-meta', '3.10', true],
] as const;

export function fixtureBytes(path: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/records/${path}`, import.meta.url));
}

export function fixtureText(path: string): string {
  return fixtureBytes(path).toString('latin1');
}

/** Entries of what `cyr_dbtool show` printed. */
export function shown(path: string): DbEntry[] {
  return fixtureText(path)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ key: line.slice(0, line.indexOf('\t')), value: line.slice(line.indexOf('\t') + 1) }));
}

export function nameConf(version: CyrusVersion, overrides: Partial<NameConf> = {}): NameConf {
  return { version, virtDomains: 'off', deletedPrefix: 'DELETED', unixHierarchySep: true, ...overrides } as NameConf;
}
