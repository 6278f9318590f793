import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import { entriesOf } from '../../src/inventory/read-mailboxes-db.js';
import { installedVersion, versionOfSource } from '../../src/job/detect-version.js';
import { loadSide } from '../../src/job/job.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cyrsync-version-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content, 'latin1');
}

describe('the release of the old server', () => {
  // Each spool is named after the release that wrote it (fixtures/spools/README.md).
  it.each<[string, CyrusVersion]>([
    ['2.2-virt-fullhash', '2.2'],
    ['2.3-skiplist-uhs', '2.3'],
    ['2.4-netnews-meta', '2.4'],
    ['2.5-conv-meta', '2.5'],
    ['3.0-uhs-plain', '3.0'],
    ['3.2-uhs-meta', '3.2'],
    ['3.6-uuid-archive', '3.6'],
    ['3.6-virtdomains', '3.6'],
    ['3.12-mixed', '3.12'],
  ])('is seen in the spool %s', (name, version) => {
    const dir = join(root, 'srv/old', name);
    mkdirSync(dir, { recursive: true });
    execFileSync('tar', ['-xzf', join(FIXTURES, 'spools', `${name}.tar.gz`), '--no-same-owner', '-C', dir]);
    const conf = `/srv/old/${name}/imapd.conf`;
    const found = versionOfSource(
      (v) => loadSide(conf, root, v).conf,
      (path) => root + path,
      (bytes, path) => entriesOf(bytes, path, '3.6'),
    );
    expect(found?.version).toBe(version);
  });

  // fixtures/db/README.md: mailboxes.db as the release in its name wrote it; no index beside it.
  it.each<[string, CyrusVersion | undefined]>([
    ['2.3-mailboxes.db', undefined],
    ['2.4-mailboxes.db', undefined],
    ['3.10-mailboxes.db', '3.6'],
  ])('by %s alone, without any index', (name, version) => {
    mkdirSync(join(root, 'D/conf'), { recursive: true });
    cpSync(join(FIXTURES, 'db', name), join(root, 'D/conf/mailboxes.db'));
    expect(
      versionOfSource(
        (v) => confOf(v),
        (path) => root + path,
        (bytes, path) => entriesOf(bytes, path, '3.6'),
      )?.version,
    ).toBe(version);
  });

  it('is seen through a Berkeley mailboxes.db, which needs a reader of its own', () => {
    put('D/conf/mailboxes.db', `${'\0'.repeat(12)}\x62\x31\x05\0`);
    const found = versionOfSource(
      (v) => confOf(v),
      (path) => root + path,
      () => [{ key: 'user.alice', value: '%(A %(alice lrs) P default F 1)' }],
    );
    expect(found?.evidence).toBe('mailboxes.db (berkeley-btree) with dlist records');
  });

  it('is not guessed from a mailboxes.db without records', () => {
    put('D/conf/mailboxes.db', `${'\0'.repeat(12)}\x62\x31\x05\0`);
    const found = versionOfSource(
      (v) => confOf(v),
      (path) => root + path,
      () => [],
    );
    expect(found).toBeUndefined();
  });

  it('is not guessed where mailboxes.db is missing', () => {
    expect(
      versionOfSource(
        (v) => confOf(v),
        (path) => root + path,
        (bytes, path) => entriesOf(bytes, path, '3.6'),
      ),
    ).toBeUndefined();
  });

  it('is not guessed from a damaged mailboxes.db', () => {
    put('D/conf/mailboxes.db', '\xa1\x02\x8b\x0dskiplist file\0\0\0 and no more');
    expect(
      versionOfSource(
        (v) => confOf(v),
        (path) => root + path,
        (bytes, path) => entriesOf(bytes, path, '3.6'),
      ),
    ).toBeUndefined();
  });
});

describe('the release of the new server', () => {
  const block = (name: string, status: string, version: string) =>
    `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: ${version}\n`;
  const installed = 'install ok installed';

  it.each<[string, string[], CyrusVersion | undefined]>([
    ['Debian 12', [block('cyrus-common', installed, '3.6.1-4+deb12u3')], '3.6'],
    ['an epoch', [block('cyrus-imapd', installed, '1:3.8.4-1')], '3.8'],
    ['a versioned package', [block('cyrus-imapd-2.4', installed, '2.4.18-3')], '2.4'],
    ['among others', [block('cyrus-sasl', installed, '2.1.28'), block('cyrus-imapd', installed, '3.2.6-2')], '3.2'],
    ['removed, its configuration left', [block('cyrus-imapd', 'deinstall ok config-files', '2.4.18-3')], undefined],
    ['the documentation only', [block('cyrus-doc', installed, '3.6.1-4')], undefined],
  ])("is read from dpkg's list: %s", (_case, blocks, version) => {
    put('var/lib/dpkg/status', blocks.join('\n'));
    expect(installedVersion(root)?.version).toBe(version);
  });

  it('is read from the binary where no package tells', () => {
    put('usr/lib/cyrus-imapd/master', '\x7fELF\0\0lib 9.9\0cyrus-imapd 3.4.7-RHEL\0more');
    expect(installedVersion(root)).toEqual({ version: '3.4', evidence: '/usr/lib/cyrus-imapd/master says 3.4.7-RHEL' });
  });

  it('is unknown where nothing is installed', () => expect(installedVersion(root)).toBeUndefined());
});
