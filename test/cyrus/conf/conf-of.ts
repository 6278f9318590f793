import { readFileSync } from 'node:fs';
import { type CyrusConf, interpretConf } from '../../../src/cyrus/conf/cyrus-conf.js';
import { parseImapdConf } from '../../../src/cyrus/conf/imapd-conf.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';

/** A configuration with one partition below /D, and what else a test needs of it. */
export function confOf(version: CyrusVersion, options: Readonly<Record<string, string>> = {}): CyrusConf {
  const all = { configdirectory: '/D/conf', 'partition-default': '/D/spool', sievedir: '/D/sieve', ...options };
  return confOfText(
    version,
    Object.entries(all)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join(''),
  );
}

export function confOfText(version: CyrusVersion, text: string): CyrusConf {
  return interpretConf(parseImapdConf(Buffer.from(text, 'latin1'), 'imapd.conf', noInclude), version, 'imapd.conf');
}

/** The imapd.conf of one of the real spools. */
export function confOfSpool(version: CyrusVersion, spool: string): CyrusConf {
  return confOfText(version, fixture(`${spool}/imapd.conf`));
}

/** A file of fixtures/mbpath, one character per byte. */
export function fixture(path: string): string {
  return readFileSync(new URL(`../../../fixtures/mbpath/${path}`, import.meta.url), 'latin1');
}

function noInclude(path: string): Buffer {
  throw new Error(`no ${path} here`);
}
