import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../src/base/slices.js';
import { readDatabase, writeDatabase } from '../../src/cyrus/db/database.js';
import { SourceTrees } from '../../src/disk/trees.js';
import { isWave, selectUsers } from '../../src/inventory/selection.js';
import { loadJob } from '../../src/job/job.js';
import { State } from '../../src/state/state.js';
import type { PassFigures } from '../support/job.js';
import { lab } from '../support/rescue-lab.js';
import type { SpoolName } from '../support/spool.js';

interface Selection {
  readonly chosen: { users: number; shared: number; mailboxes: number };
  readonly staying: readonly {
    who: string;
    name: string;
    reason: string;
    evidence: readonly string[];
    mailboxes: number;
    messages: number;
    bytes: number;
  }[];
  readonly stayingTotal: { users: number; mailboxes: number; messages: number; bytes: number };
  readonly doubts: readonly { who: string; why: string }[];
  readonly unmet: readonly string[];
}
interface Listed {
  readonly mailboxes: readonly { name: string }[];
}

/** Every sign in the bundled spools is of November 2026. */
const LATER = Date.UTC(2026, 11, 24) / 1000;
const UNUSED = '[select]\nunused_since = "2026-12-01"\n';

const select = (text: string) => `[select]\n${text}\n`;

/** All files of the target whose path names the user. */
function filesOf(dir: string, user: RegExp): string[] {
  return readdirSync(join(dir, 'new'), { recursive: true, encoding: 'latin1' as BufferEncoding }).filter((path) =>
    user.test(path),
  );
}

describe('who is left out by rule', () => {
  it.each<[SpoolName, string, RegExp, string]>([
    ['2.3-skiplist-uhs', 'carol.smith', /carol[.^]smith/, 'user.carol^smith'],
    ['3.2-uhs-meta', 'carol.smith', /carol[.^]smith/, 'user.carol^smith'],
    ['3.0-uhs-plain', 'new.?ame', /new[.^]name/, 'user.new^name'],
  ])('of %s "%s" stays behind with every file, and is no leftover', async (spool, pattern, path, inbox) => {
    const { run, dir } = await lab(spool, '', select(`leave_out = ["${pattern}"]`));
    const survey = await run('survey');
    const { staying, stayingTotal, chosen } = survey.selection as Selection;
    expect(staying).toMatchObject([{ name: inbox, reason: 'left-out', evidence: [`leave_out has "${pattern}"`] }]);
    expect(staying[0]!.messages).toBeGreaterThan(0);
    expect((survey.totals as { mailboxes: number }).mailboxes).toBe(chosen.mailboxes);
    const own = new RegExp(`^(DELETED\\.)?${inbox.replaceAll(/[.^]/g, '\\$&')}(\\.|$)`);
    const whole = await lab(spool);
    const all = (await whole.run('where')) as unknown as Listed;
    const theirs = all.mailboxes.filter(({ name }) => own.test(name));
    expect(theirs.length).toBeGreaterThan(1);
    expect(stayingTotal.mailboxes).toBe(theirs.length);
    const some = (await run('where')) as unknown as Listed;
    expect(some.mailboxes).toEqual(
      expect.arrayContaining(
        all.mailboxes.filter(({ name }) => !own.test(name)).map(({ name }) => expect.objectContaining({ name })),
      ),
    );
    expect(some.mailboxes.length).toBe(all.mailboxes.length - theirs.length);

    const withoutRule = await whole.run('leftovers');
    const withRule = await run('leftovers');
    const verdictsOf = (document: typeof withRule) =>
      (document.leftovers as { paths: string[]; class: string }[]).map(
        (l) => `${l.class} ${l.paths[0]!.replace(/^.*srv/, '')}`,
      );
    expect(verdictsOf(withRule)).toEqual(verdictsOf(withoutRule));

    await run('presync');
    expect((await run('cutover')).final).toBe(true);
    expect(filesOf(dir, path)).toEqual([]);
    const target = readFileSync(join(dir, 'new/conf/mailboxes.db'));
    expect(target.toString('latin1')).not.toContain(`Nuser\x1f${inbox.slice('user.'.length).replaceAll('^', '.')}`);
    expect(filesOf(dir, /alice/).length).toBeGreaterThan(0);
  });

  it('says which names fit nobody', async () => {
    const { run } = await lab('3.0-uhs-plain', '', select('leave_out = ["alice", "allice", "zz*", "shared:nosuch"]'));
    const survey = await run('survey');
    expect((survey.selection as Selection).unmet).toEqual(['allice', 'shared:nosuch']);
    expect(survey.problems.filter(({ code }) => code === 'select-nobody')).toHaveLength(1);
    const status = await run('status');
    expect((status.selection as Selection).stayingTotal.users).toBe(1);
  });

  it('refuses what is no pattern, and takes lists from files', async () => {
    const { run, job, dir } = await lab('3.0-uhs-plain', '', select('leave_out = ["alice/Sent"]'));
    expect((await run('plan', [], [2])).problems[0]!.message).toContain('a slash');
    writeFileSync(job, readFileSync(job, 'utf8').replace('alice/Sent', 'list:gone.txt'));
    await run('plan', [], [2]);
    writeFileSync(join(dir, 'gone.txt'), '# who left\n\nalice\r\n  bob  \n');
    expect(((await run('plan')).selection as Selection).staying.map(({ who }) => who).sort()).toEqual(['alice', 'bob']);
  });
});

describe('a choice that changes between passes', () => {
  it('brings who was left out, and takes a copy away again by the guard that watches over deletions', async () => {
    const { run, job, dir } = await lab('3.2-uhs-meta', '', select('leave_out = ["dave"]'));
    const text = readFileSync(job, 'utf8');
    const choose = (list: string) => writeFileSync(job, text.replace('"dave"', list));
    const pass = async (args: string[] = [], exit = [0, 3]) =>
      (await run('presync', args, exit)) as unknown as PassFigures;
    const first = await pass();
    choose('');
    const second = await pass();
    expect(second.mailboxes).toMatchObject({ created: 18, moved: 0, removed: 0 });
    expect(second.mailboxes.total).toBe(first.mailboxes.total + 18);
    choose('"3com"'); // two mailboxes
    const third = await pass();
    expect(third.mailboxes).toMatchObject({ total: second.mailboxes.total - 2, removed: 2, created: 0 });
    expect(filesOf(dir, /3com/)).toEqual([]);
    choose('"*"');
    const refused = await pass([], [4]);
    expect(refused.problems[0]!.message).toMatch(/left out by \[select\]/);
    const accept = /--accept-removals (\d+)/.exec(refused.problems[0]!.advice)![1]!;
    expect(filesOf(dir, /dave/).length).toBeGreaterThan(0);
    const emptied = await pass(['--accept-removals', accept]);
    expect(emptied.mailboxes.total).toBe(4); // shared ones
    expect(filesOf(dir, /dave/)).toEqual([]);
    choose('');
    expect((await pass()).mailboxes).toMatchObject({ created: second.mailboxes.total - 4 });
  });
});

describe('who was left out of a whole cutover', () => {
  it('follows alone, by `only`', async () => {
    const { run, job, dir } = await lab('3.0-uhs-plain', '', select('leave_out = ["carol.smith"]'));
    expect((await run('cutover')).final).toBe(true);
    const where = async () => ((await run('where')) as unknown as Listed).mailboxes.length;
    const before = await where();
    expect(before).toBeGreaterThan(50);
    await run('presync', [], [4]);
    writeFileSync(job, readFileSync(job, 'utf8').replace('leave_out', 'only'));
    expect(((await run('survey')).selection as { final: { mailboxes: number } }).final.mailboxes).toBe(before);
    const pass = (await run('presync')) as unknown as PassFigures;
    expect(pass.mailboxes).toMatchObject({ created: 16, removed: 0, unchanged: 0 });
    const alice = () => filesOf(dir, /alice/).map((path) => [path, statSync(join(dir, 'new', path)).ino]);
    const theirs = alice();
    expect((await run('cutover')).final).toBe(true);
    expect(alice()).toEqual(theirs);
    const target = readFileSync(join(dir, 'new/conf/mailboxes.db')).toString('latin1');
    for (const user of ['alice', 'carol.smith']) expect(target).toContain(`Nuser\x1f${user}`);
    await run('presync', [], [4]);
  });
});

describe('a target that serves others', () => {
  const ALL = '';
  const SOME = 'only = ["bob"]';
  it.each<[story: string, select: string, finals: readonly string[], whole: boolean, isOne: boolean]>([
    ['is none of a first migration of all', ALL, [], false, false],
    ['is one of the first wave', SOME, [], false, true],
    ['is one of the next wave', SOME, ['user.alice'], false, true],
    ['is one when all the rest comes', ALL, ['user.alice'], false, true],
    ['is none once all came at once: nothing more is brought', ALL, ['user.alice', 'user.bob'], true, false],
    ['is one where somebody follows then', SOME, ['user.alice'], true, true],
  ])('%s', async (_, choice, finals, whole, isOne) => {
    const { job: file } = await lab('3.0-uhs-plain', '', select(choice));
    const job = loadJob(file);
    const state = new State(job.stateFile);
    const trees = new SourceTrees(job.source);
    try {
      state.units.finish(finals, '2026-11-30T00:00:00.000Z', () => whole && state.setFact('final', '2026-11-30'));
      // what the cutover asks before it reads anything, and what all else goes by
      expect([isWave(job, state), atOnce(selectUsers(job, state, trees, [])).isWave]).toEqual([isOne, isOne]);
    } finally {
      trees.close();
      state.close();
    }
  });
});

describe('who is left out for disuse', () => {
  it('is everyone whose last sign is older, each with what it was; shared mailboxes never', async () => {
    const { run } = await lab('2.3-skiplist-uhs', '', UNUSED);
    const { staying, chosen } = (await run('survey')).selection as Selection;
    expect(chosen).toMatchObject({ users: 0, shared: 2 });
    expect(staying.length).toBe(14);
    expect(
      staying.filter(({ reason, evidence }) => reason !== 'unused' || !/^\w+ 2026-11-2\d: /.test(evidence[0]!)),
    ).toEqual([]);
  });

  // Each on a copy of its own: nobody but this one user has the sign.
  const spool = '2.3-skiplist-uhs';
  const index = (dir: string, user: string) => join(dir, 'old/srv/old', spool, user);
  const at = (dir: string, path: string) => join(dir, 'old/srv/old', spool, path);
  const patch = (file: string, offset: number, value: number) => {
    const bytes = readFileSync(file);
    bytes.writeUInt32BE(value, offset);
    writeFileSync(file, bytes);
  };
  const inboxIndex = (dir: string) =>
    readdirSync(at(dir, 'spool'), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\/user\/zed\/cyrus\.index$/.test(path))
      .map((path) => at(dir, join('spool', path)))[0]!;
  const confFile = (dir: string, name: string) =>
    readdirSync(at(dir, 'conf'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith(`/${name}`))
      .map((path) => at(dir, join('conf', path)))[0]!;
  const scripts = (dir: string) => at(dir, 'sieve/z/zed');

  it.each<[string, string, (dir: string) => void]>([
    ['last append', 'append', (dir) => patch(inboxIndex(dir), 24, LATER)],
    ['last POP login', 'login', (dir) => patch(inboxIndex(dir), 40, LATER)],
    ['UIDVALIDITY', 'change', (dir) => patch(inboxIndex(dir), 44, LATER)],
    ['INTERNALDATE of a record', 'append', (dir) => patch(inboxIndex(dir), 96 + 4, LATER)],
    ['time of the seen database', 'login', (dir) => utimesSync(confFile(dir, 'zed.seen'), LATER, LATER)],
    ['time of the subscriptions', 'change', (dir) => utimesSync(confFile(dir, 'zed.sub'), LATER, LATER)],
    ['time of the directory of scripts', 'change', (dir) => utimesSync(scripts(dir), LATER, LATER)],
    [
      'time in the seen database',
      'seen',
      (dir) => {
        const file = confFile(dir, 'zed.seen');
        const { entries } = readDatabase(readFileSync(file), file);
        const later = entries.map(({ key, value }, i) => ({
          key,
          value: i === 0 ? value.replace(/^1 \d+/, `1 ${LATER}`) : value,
        }));
        writeFileSync(file, writeDatabase('skiplist', later, { version: '2.3', nowSec: LATER }));
        utimesSync(file, 0, 0);
      },
    ],
  ])('is not zed where the %s is newer; and is where that kind does not count', async (_what, kind, change) => {
    const { run, dir, job } = await lab(spool, '', UNUSED);
    expect(existsSync(index(dir, 'spool'))).toBe(true);
    change(dir);
    const staying = ((await run('plan')).selection as Selection).staying.map(({ who }) => who);
    expect(staying).toHaveLength(13);
    expect(staying).not.toContain('zed');
    const others = ['append', 'seen', 'login', 'change'].filter((k) => k !== kind);
    writeFileSync(job, `${readFileSync(job, 'utf8')}unused_by = ${JSON.stringify(others)}\n`);
    expect(((await run('plan')).selection as Selection).staying).toHaveLength(14);
  });

  it.each([
    ['comes along', ''],
    ['is left out', 'leave_out = ["alice"]'],
  ])('is not whose mail a reader read since who %s', async (_, rule) => {
    const { run, dir, job } = await lab('3.6-uuid-archive', '', '[select]\n');
    const addRule = (text: string) => writeFileSync(job, `${readFileSync(job, 'utf8')}${text}\n`);
    const { mailboxes } = (await run('where')) as unknown as { mailboxes: { name: string; uniqueid: string }[] };
    const idOf = (name: string) => mailboxes.find((mailbox) => mailbox.name === name)!.uniqueid;
    const stays = async () => ((await run('plan')).selection as Selection).staying.map(({ who }) => who);
    const [alice, heidi] = [idOf('user.alice'), idOf('user.Heidi')];
    addRule('unused_since = "2026-12-01"\nunused_by = ["seen"]');
    expect(await stays()).toContain('Heidi');
    const conf = join(dir, 'old/srv/old/3.6-uuid-archive/conf');
    const file = join(conf, `user/uuid/${alice[0]}/${alice[1]}/${alice}/seen.db`);
    const entries = readDatabase(readFileSync(file), file).entries.filter(({ key }) => key !== heidi);
    const read = [...entries, { key: heidi, value: `1 ${LATER} 1 ${LATER} 1` }];
    writeFileSync(file, writeDatabase('twoskip', read, { version: '3.6', nowSec: LATER }));
    addRule(rule);
    expect(await stays()).not.toContain('Heidi');
  });
});
