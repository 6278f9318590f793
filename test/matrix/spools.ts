import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseCyrusVersion } from '../../src/cyrus/version.js';
import type { ImapState } from '../support/imap-state.js';
import type { UnpackedSpool } from '../support/spool.js';

/** A recorded spool: NAME.tar.gz, and NAME.state.json(.gz), what its own server showed. */
export interface RecordedSpool {
  readonly name: string;
  /** Release line that wrote it: the name begins with it. */
  readonly version: string;
  readonly tar: string;
  readonly state: string;
  /** What of its imapd.conf decides which targets are fair. */
  readonly unixhierarchysep: 'yes' | 'no';
  readonly virtdomains: string;
  /** A mailbox has an `@` in its name: it is out of reach where that begins a domain. */
  readonly hasAt: boolean;
}

const FIXTURES = ['spools', 'demo'].map((d) => fileURLToPath(new URL(`../../fixtures/${d}`, import.meta.url)));

/** All spools of `dir`, and of the bundled ones those that `dir` has not; by version. */
export function findSpools(dir: string): RecordedSpool[] {
  const found = new Map<string, RecordedSpool>();
  for (const place of [dir, ...FIXTURES].filter((d) => existsSync(d))) {
    for (const file of readdirSync(place)) {
      const name = /^(.*)\.tar\.gz$/.exec(file)?.[1];
      const state = name && [`${name}.state.json`, `${name}.state.json.gz`].find((f) => existsSync(join(place, f)));
      const version = name && parseCyrusVersion(name);
      if (!name || !state || !version || found.has(name)) continue;
      const tar = join(place, file);
      const spool = { name, version, tar, state: join(place, state), ...confOf(tar, version) };
      const hasAt = Object.keys(recordedState(spool).admin.mailboxes).some((mailbox) => mailbox.includes('@'));
      found.set(name, { ...spool, hasAt });
    }
  }
  const minor = ({ version }: RecordedSpool) => version.split('.').reduce((sum, n) => sum * 100 + Number(n), 0);
  return [...found.values()].sort((a, b) => minor(a) - minor(b) || (a.name < b.name ? -1 : 1));
}

function confOf(tar: string, version: string): Pick<RecordedSpool, 'unixhierarchysep' | 'virtdomains'> {
  const text = execFileSync('tar', ['-xzOf', tar, '--wildcards', '*imapd.conf'], { encoding: 'latin1' });
  const of = (key: string) => new RegExp(`^${key}:[ \\t]*(\\S+)`, 'm').exec(text)?.[1];
  const isOn = (value: string | undefined) => /^(1|yes|on|t|true|userid)$/.test(value ?? '');
  return {
    unixhierarchysep: isOn(of('unixhierarchysep') ?? (version.startsWith('2') ? 'no' : 'yes')) ? 'yes' : 'no',
    virtdomains: of('virtdomains') ?? 'off',
  };
}

/** Unpacks it below `root`, as `--from-root` takes it. */
export function unpackRecorded({ name, tar }: RecordedSpool, root: string): UnpackedSpool {
  const dir = join(root, 'srv/old', name);
  mkdirSync(dir, { recursive: true });
  execFileSync('tar', ['-xpzf', tar, '--numeric-owner', '-C', dir]);
  return { name, root, confFile: `/srv/old/${name}/imapd.conf`, dir };
}

export function recordedState({ state }: Pick<RecordedSpool, 'state'>): ImapState {
  const bytes = readFileSync(state);
  return JSON.parse((state.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()) as ImapState;
}
