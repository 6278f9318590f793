import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { interpretConf } from '../../../src/cyrus/conf/cyrus-conf.js';
import { parseImapdConf } from '../../../src/cyrus/conf/imapd-conf.js';

const TOOL = '/usr/lib/cyrus/bin/cyr_info';
const title =
  'an imapd.conf is to us what it is to cyr_info conf of 3.6.1: refused or not, and each key with its value';

const BLANKS = fc.constantFrom('', ' ', '\t', '  ', '\r', '\v', '\f');
const KEY = fc.constantFrom(
  'admins',
  'SieveDir',
  'hashimapspool',
  'virtdomains',
  'archive_after',
  'sieve_maxscripts',
  'metapartition_files',
  'mboxlist_db',
  'defaultpartition',
  'foo_bar',
  'Foo-Baz',
  'partition-p2',
  'x',
  '@include',
  '@other',
  'no colon',
  '',
  'a.b',
);
const VALUE = fc.oneof(
  fc.constantFrom('yes', 'off', 'ON', 'nope', 'f', 'userid', 'true', '1', '7d', '1h30m', '-1', '7 days', '0x10', '010'),
  fc.constantFrom('08', '5k', 'header index', 'header  wrong', 'twoskip', 'berkeley', 'default', 'p-2', '"quoted"', ''),
  fc.stringMatching(/^[a-z#:\\\0\x80-\xff \t]{0,6}$/),
);
const LINE = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(BLANKS, KEY, fc.constantFrom(':', ' :', ''), BLANKS, VALUE, BLANKS) },
  { weight: 1, arbitrary: fc.constantFrom([''], ['# comment'], ['#'], ['  # x: y'], ['# goes on \\']) },
);
const ANY_CONF = fc
  .tuple(fc.array(fc.tuple(LINE, fc.constantFrom('\n', '\n', '\n', '\n', '\\\n')), { maxLength: 4 }), fc.boolean())
  .map(([lines, isWhole]) => lines.map(([line, end]) => line.join('') + end).join('') + (isWhole ? '' : 'last: line'));

if (!existsSync(TOOL)) {
  if (process.env.CI)
    it(title, () => {
      throw new Error('needs cyr_info: apt-get install cyrus-common');
    });
  else it.skip(`${title} (needs cyr_info: apt-get install cyrus-common)`);
} else {
  const dir = mkdtempSync(join(tmpdir(), 'cyrsync-conf-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'imapd.conf');
  writeFileSync(join(dir, 'included'), 'included: yes\n');

  /** Keys that no table has, with their values; undefined where the server refuses the file. */
  const theirs = (): Record<string, string> | undefined => {
    const { status, stdout } = spawnSync(TOOL, ['-C', file, 'conf'], { cwd: dir });
    if (status !== 0) return undefined;
    const lines = stdout.toString('latin1').split('\n').slice(0, -1);
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]).filter(isOverflow),
    );
  };
  const isOverflow = ([key]: string[]) => /^(?:foo|partition|x$|last|included)/.test(key ?? '');

  const ours = (bytes: Buffer): Record<string, string> | undefined => {
    const include = (path: string) => {
      // what cannot be opened is fatal to the server
      if (path !== 'included') throw new FormatError(path, 0, 'a file', 'none');
      return Buffer.from('included: yes\n');
    };
    try {
      const conf = interpretConf(parseImapdConf(bytes, file, include), '3.6', file);
      // cyr_info does without partitions
      const fatal = conf.issues.filter((one) => one.fatalForServer && one.code !== 'default-partition-missing');
      if (fatal.length > 0) return undefined;
      return Object.fromEntries(conf.keys.map((key) => [key, conf.option(key) ?? '']).filter(isOverflow));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined;
    }
  };

  it(title, () => {
    let accepted = 0;
    fc.assert(
      fc.property(ANY_CONF, (text) => {
        const bytes = Buffer.from(`configdirectory: ${dir}\npartition-default: ${dir}/s\n${text}`, 'latin1');
        writeFileSync(file, bytes);
        const expected = theirs();
        if (expected) accepted++;
        expect(ours(bytes)).toEqual(expected);
      }),
      { numRuns: 120 },
    );
    expect(accepted).toBeGreaterThan(8);
  });

  it.each([
    '@include: included\n',
    '@include: included\n@include: included\n',
    '@include: missing\n',
    'admins: a\nadmins: b\n',
  ])('%j, as cyr_info', (text) => {
    const bytes = Buffer.from(`configdirectory: ${dir}\npartition-default: ${dir}/s\n${text}`, 'latin1');
    writeFileSync(file, bytes);
    expect(ours(bytes)).toEqual(theirs());
  });
}
