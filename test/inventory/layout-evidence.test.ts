import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CyrusConf } from '../../src/cyrus/conf/cyrus-conf.js';
import { userFile } from '../../src/cyrus/layout/config-paths.js';
import { placeOf } from '../../src/cyrus/layout/mailbox-place.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import { type MailboxEntry, readMailboxEntries } from '../../src/cyrus/records/mailboxes-db.js';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import { SourceTrees } from '../../src/disk/trees.js';
import { layoutContradictions } from '../../src/inventory/layout-evidence.js';
import { readMailboxesDb } from '../../src/inventory/read-mailboxes-db.js';
import { loadSide } from '../../src/job/job.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));
let root: string;
let trees: SourceTrees;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cyrsync-layout-'));
  trees = new SourceTrees({ real: (path) => root + path });
});
afterEach(() => {
  trees.close();
  rmSync(root, { recursive: true, force: true });
});

const NAMES = ['user.alice', 'user.alice.Sent', 'user.bob', 'user.carol^smith', 'news.local'];

function put(path: string): void {
  mkdirSync(dirname(root + path), { recursive: true });
  writeFileSync(root + path, '');
}

function entries(conf: CyrusConf, names = NAMES): readonly MailboxEntry[] {
  const records = names.map((key) => ({ key, value: `0 default anyone\tlrs\t` }));
  return readMailboxEntries(records, conf, 'mailboxes.db').mailboxes;
}

/** A spool that a server of `conf` made. */
function makeSpool(conf: CyrusConf, names = NAMES): void {
  for (const text of names) {
    const name = asInternalName(text);
    const place = placeOf(conf, { name, partition: 'default', legacy: true });
    put(`${place?.meta.header}/cyrus.header`);
    const localpart = /^user\.([^.]+)$/.exec(text)?.[1];
    if (localpart !== undefined) put(`${conf.configDirectory}/${userFile(conf, { localpart }, 'sub')}`);
  }
}

const found = (conf: CyrusConf, names = NAMES) => layoutContradictions(conf, trees, entries(conf, names));

describe('imapd.conf against the directories', () => {
  const HASHED = { hashimapspool: 'yes' };
  const FULL = { hashimapspool: 'yes', fulldirhash: 'yes' };

  it.each<[string, CyrusVersion, Record<string, string>]>([
    ['no hash', '2.3', {}],
    ['basic', '2.3', HASHED],
    ['fulldirhash', '2.3', FULL],
    ['fulldirhash', '3.2', FULL],
  ])('%s of %s that was never changed is no contradiction', (_, version, options) => {
    const conf = confOf(version, options);
    makeSpool(conf);
    expect(found(conf)).toEqual([]);
  });

  it.each<[string, CyrusVersion, Record<string, string>, Record<string, string>, RegExp]>([
    [
      'fulldirhash switched on without rehash',
      '2.3',
      HASHED,
      FULL,
      /of 5 looked at \(5 live\), 0 lie there; 5 lie only in hash directories of one letter/,
    ],
    ['fulldirhash switched off', '3.2', FULL, HASHED, /0 lie there; 5 lie only in those of fulldirhash/],
    ['hashimapspool switched on', '2.4', {}, HASHED, /5 lie only without hash directories/],
    ['hashimapspool switched off', '2.4', HASHED, {}, /5 lie only in hash directories of one letter/],
  ])('%s (%s)', (_, version, was, now, expected) => {
    makeSpool(confOf(version, was));
    const [problem] = found(confOf(version, now));
    expect(problem).toMatchObject({ code: 'layout-contradicts-conf', message: expect.stringMatching(expected) });
    // the evidence can be looked up: both paths of one mailbox
    expect(problem?.message).toMatch(/such as user\.alice in \/D\/spool\/\S+ instead of \/D\/spool\/\S+/);
  });

  it('2.x upgraded to 3.x with fulldirhash: only names with a dot lie elsewhere', () => {
    makeSpool(confOf('2.4', FULL));
    const problems = found(confOf('3.2', FULL));
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/4 lie there; 1 lie only where Cyrus up to 2\.5 hashes a name with a dot to/),
      expect.stringMatching(
        /Of 3 users looked at, 2 have .*, and 1 only elsewhere, such as user\/E\/carol\^smith\.sub instead of user\/B\/carol\.smith\.sub\./,
      ),
    ]);
  });

  it('2.x upgraded to 3.x with basic hashing: mailboxes are found, the files of carol.smith are not', () => {
    makeSpool(confOf('2.4', HASHED));
    expect(found(confOf('3.2', HASHED))).toMatchObject([{ code: 'user-files-contradict-conf' }]);
  });

  it('fulldirhash without hashimapspool moves only the files of users', () => {
    makeSpool(confOf('2.4', {}));
    expect(found(confOf('2.4', { fulldirhash: 'yes' }))).toMatchObject([{ code: 'user-files-contradict-conf' }]);
  });

  it('a copy left in another hash directory is no contradiction', () => {
    makeSpool(confOf('2.3', FULL));
    makeSpool(confOf('2.3', HASHED));
    expect(found(confOf('2.3', FULL))).toEqual([]);
  });

  it('a mailbox without any directory is none either: the inventory says it', () => {
    makeSpool(confOf('2.3', HASHED), NAMES.slice(1));
    expect(found(confOf('2.3', HASHED))).toEqual([]);
  });

  it('a large list is sampled, and the problem says how many were looked at', () => {
    const names = Array.from({ length: 2500 }, (_, i) => `lists.n${i}`);
    makeSpool(confOf('2.3', HASHED), ['lists.n0']);
    expect(found(confOf('2.3', FULL), names)[0]?.message).toMatch(/of 834 looked at \(2500 live\), 0 lie there; 1 lie/);
  });
});

// fixtures/spools/README.md: as real servers left them, old copies in wrong hash directories planted among them.
describe('the bundled spool', () => {
  const SPOOLS = readdirSync(`${FIXTURES}spools`).flatMap((file) => /^(.*)\.tar\.gz$/.exec(file)?.[1] ?? []);

  it.each(SPOOLS)('%s lies as its imapd.conf says; with fulldirhash switched it does not', (name) => {
    const version = (/^(\d\.\d+)/.exec(name)?.[1] ?? '3.6') as CyrusVersion;
    const dir = join(root, 'srv/old', name);
    mkdirSync(dir, { recursive: true });
    execFileSync('tar', ['-xzf', `${FIXTURES}spools/${name}.tar.gz`, '--no-same-owner', '-C', dir]);
    const from = loadSide(`/srv/old/${name}/imapd.conf`, root, version);
    const { mailboxes } = readMailboxesDb({ source: from, options: { source: {} } }, trees);
    expect(layoutContradictions(from.conf, trees, mailboxes)).toEqual([]);
    const switched = from.conf.configHashing === 'full' ? 'basic' : 'full';
    const conf: CyrusConf = {
      ...from.conf,
      configHashing: switched,
      spoolHashing: from.conf.spoolHashing === 'none' ? 'basic' : switched,
    };
    expect(layoutContradictions(conf, trees, mailboxes).length > 0 || mailboxes.every((m) => !m.legacy)).toBe(true);
  });

  it('3.6-uuid-archive with one mailbox moved to where its name says shows it', () => {
    const name = '3.6-uuid-archive';
    const dir = join(root, 'srv/old', name);
    mkdirSync(dir, { recursive: true });
    execFileSync('tar', ['-xzf', `${FIXTURES}spools/${name}.tar.gz`, '--no-same-owner', '-C', dir]);
    const { conf } = loadSide(`/srv/old/${name}/imapd.conf`, root, '3.6');
    const { mailboxes } = readMailboxesDb(
      { source: loadSide(`/srv/old/${name}/imapd.conf`, root, '3.6'), options: { source: {} } },
      trees,
    );
    const alice = mailboxes.find((one) => one.name === 'user.alice')!;
    const where = (legacy: boolean) => placeOf(conf, { ...alice, partition: alice.partition!, legacy })!.meta.header;
    mkdirSync(dirname(root + where(true)), { recursive: true });
    renameSync(root + where(alice.legacy), root + where(!alice.legacy));
    expect(layoutContradictions(conf, trees, mailboxes)).toMatchObject([
      { code: 'layout-contradicts-conf', message: expect.stringContaining('1 lie only') },
    ]);
  });
});
