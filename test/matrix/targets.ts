import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isAtLeast, parseCyrusVersion } from '../../src/cyrus/version.js';

/** An installed Cyrus: the host's, or one of a chroot. */
export interface Target {
  /** Release line, `3.10`. */
  readonly version: string;
  /** Of its package, `3.10.2-1+deb13u2`. */
  readonly package: string;
  /** undefined: the host. */
  readonly root: string | undefined;
  /** Has mailboxes by uniqueid (3.6 and later). */
  readonly hasUuid: boolean;
}

/** The host's and those of `chroots` (a directory that make-chroots.sh filled), one for each release line, ascending. */
export function findTargets(chroots: string): Target[] {
  const inChroots = existsSync(chroots) ? readdirSync(chroots).map((name) => join(chroots, name)) : [];
  const found = new Map<string, Target>();
  for (const root of [undefined, ...inChroots]) {
    const target = targetOf(root);
    if (target && !found.has(target.version)) found.set(target.version, target);
  }
  const minor = (t: Target) => Number(t.version.split('.')[1]);
  return [...found.values()].sort((a, b) => minor(a) - minor(b));
}

function targetOf(root: string | undefined): Target | undefined {
  if (!existsSync(join(root ?? '/', 'usr/lib/cyrus/bin/master'))) return undefined;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is dpkg-query's own
  const query = [...(root === undefined ? [] : [`--admindir=${root}/var/lib/dpkg`]), '-W', '-f', '${Version}'];
  const text = execFileSync('dpkg-query', [...query, 'cyrus-imapd'], { encoding: 'latin1' });
  const version = parseCyrusVersion(text);
  return version && { version, package: text, root, hasUuid: isAtLeast(version, '3.6') };
}
