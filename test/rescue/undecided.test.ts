/** Where the disk does not say which directory is the mailbox, the job file does. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lab } from '../support/rescue-lab.js';

interface Document {
  readonly problems: readonly { code: string; path?: string; mailbox?: string; advice: string }[];
}
interface Shown {
  readonly leftovers: readonly {
    paths: string[];
    class: string;
    verdict: string;
    evidence: string[];
    onlyHere: unknown[];
  }[];
}

const undecided = ({ problems }: Document) => problems.filter(({ code }) => code === 'leftover-undecided');
const messagesIn = (path: string) => (existsSync(path) ? readdirSync(path).filter((name) => /^\d+\.$/.test(name)) : []);

describe('a live directory in another place than mailboxes.db says', () => {
  const NAME = '2.4-netnews-meta';
  const root = `/srv/old/${NAME}`;
  const right = 'spool/p2/user/alice/Crossed';
  const wrong = 'spool/p3/user/alice/Crossed';

  it('asks a person, keeps its messages safe meanwhile, and is migrated by a rule', async () => {
    const { spool, run, rescued, addRule, dir } = await lab(NAME);
    rmSync(join(spool.dir, 'spool/default/user/alice/Crossed'), { recursive: true, force: true });
    rmSync(join(spool.dir, 'meta/default/user/alice/Crossed'), { recursive: true, force: true });
    const names = messagesIn(join(spool.dir, right));
    expect(names.length).toBeGreaterThan(3);
    mkdirSync(dirname(join(spool.dir, wrong)), { recursive: true });
    renameSync(join(spool.dir, right), join(spool.dir, wrong));
    mkdirSync(join(spool.dir, right));

    const { leftovers } = (await run('leftovers')) as unknown as Shown;
    const found = leftovers.find(({ paths }) => paths.includes(`${root}/${wrong}`))!;
    expect(found).toMatchObject({ verdict: 'person', onlyHere: [] });
    expect(found.evidence.join()).toContain(`mailboxes.db keeps user.alice.Crossed at ${root}/${right}`);

    const first = (await run('cutover', [], [3])) as unknown as Document;
    expect(undecided(first).map(({ path }) => path)).toContain(`${root}/${wrong}`);
    const copies = readFileSync(join(rescued, 'MANIFEST.json'), 'utf8');
    for (const name of names) expect(copies).toContain(`${root}/${wrong}/${name}`);

    await run('reopen', ['--discard']);
    addRule(`path = "${root}/${wrong}"\nmailbox = "user.alice.Crossed"\naction = "migrate-as-live"`);
    const second = (await run('cutover')) as unknown as Document;
    expect(undecided(second).map(({ path }) => path)).not.toContain(`${root}/${wrong}`);
    expect(second).toMatchObject({ final: true });
    const { mailboxes } = (await run('where')) as unknown as { mailboxes: { name: string; to: { data: string } }[] };
    const { to } = mailboxes.find(({ name }) => name === 'user.alice.Crossed')!;
    expect(to.data).toContain(join(dir, 'new/spool/n1'));
    expect(messagesIn(to.data).sort()).toEqual(names.sort());
    expect((await run('verify')).mismatches).toEqual([]);
  });

  it('is left by a rule that says skip, and then nobody is asked', async () => {
    const { spool, run, addRule } = await lab(NAME);
    mkdirSync(dirname(join(spool.dir, wrong)), { recursive: true });
    renameSync(join(spool.dir, right), join(spool.dir, wrong));
    addRule(`glob = "${root}/spool/*/user/alice/Crossed"\naction = "skip"`);
    const { leftovers } = (await run('leftovers')) as unknown as Shown;
    const of = leftovers.filter(({ paths }) => paths.some((path) => path.endsWith('/alice/Crossed')));
    expect(of.map(({ verdict }) => verdict)).toEqual(['skip', 'skip']);
    expect(of[0]!.evidence.at(-1)).toBe('rule 1 of the job file says skip');
    expect(undecided((await run('cutover', [], [0, 3])) as unknown as Document)).toEqual([]);
  });

  it('is found by uniqueid too (3.6)', async () => {
    const { spool, run, addRule } = await lab('3.6-uuid-archive');
    const base = '/srv/old/3.6-uuid-archive';
    const before = (await run('where')) as unknown as { mailboxes: { name: string; from: { data: string } }[] };
    const { from } = before.mailboxes.find(
      ({ name, from: { data } }) => name.startsWith('user.alice.') && data.includes('/spool/p2/'),
    )!;
    const moved = from.data.replace('/spool/p2/', '/spool/default/');
    const names = messagesIn(spool.root + from.data);
    rmSync(spool.root + moved, { recursive: true, force: true });
    mkdirSync(dirname(spool.root + moved), { recursive: true });
    renameSync(spool.root + from.data, spool.root + moved);
    const { leftovers } = (await run('leftovers')) as unknown as Shown;
    expect(leftovers.find(({ paths }) => paths.includes(moved))?.verdict).toBe('person');
    const name = before.mailboxes.find((m) => m.from === from)!.name;
    addRule(`path = "${moved}"\nmailbox = "${name}"\naction = "migrate-as-live"`);
    const after = (await run('where')) as unknown as typeof before;
    expect(after.mailboxes.find((m) => m.name === name)!.from.data).toBe(moved);
    expect(moved.startsWith(base)).toBe(true);
    await run('cutover');
    const { mailboxes } = (await run('where')) as unknown as { mailboxes: { name: string; to: { data: string } }[] };
    expect(messagesIn(mailboxes.find((m) => m.name === name)!.to.data).length).toBe(names.length);
  });
});

describe('two directories with mail that claim one uniqueid', () => {
  it('ask a person, where mailboxes.db has neither', async () => {
    const { spool, run, addRule } = await lab('2.4-netnews-meta');
    const root = '/srv/old/2.4-netnews-meta';
    const one = 'spool/p2/user/alice/Twice';
    const other = 'spool/p3/user/alice/Twice';
    cpSync(join(spool.dir, 'spool/p2/user/alice/Crossed'), join(spool.dir, one), { recursive: true });
    const header = join(spool.dir, one, 'cyrus.header');
    writeFileSync(
      header,
      Buffer.from(readFileSync(header, 'latin1').replace(/\t[0-9a-f]{16}\n/, '\t00000000deadbeef\n'), 'latin1'),
    );
    cpSync(join(spool.dir, one), join(spool.dir, other), { recursive: true });
    const { leftovers } = (await run('leftovers')) as unknown as Shown;
    const of = leftovers.filter(({ paths }) => paths.some((path) => path.endsWith('/Twice')));
    expect(of.map(({ verdict }) => verdict)).toEqual(['person', 'person']);
    expect(of[0]!.evidence.join()).toContain(`${root}/${other} has mail of the same uniqueid`);
    expect(undecided((await run('cutover', [], [3])) as unknown as Document)).toHaveLength(2);

    // One of them becomes a mailbox that mailboxes.db never had.
    await run('reopen', ['--discard']);
    addRule(`path = "${root}/${one}"\nmailbox = "user.alice.Twice"\naction = "migrate-as-live"`);
    expect(undecided((await run('cutover')) as unknown as Document)).toEqual([]);
    const { mailboxes } = (await run('where')) as unknown as { mailboxes: { name: string; to: { data: string } }[] };
    const { to } = mailboxes.find(({ name }) => name === 'user.alice.Twice')!;
    expect(messagesIn(to.data)).toEqual(messagesIn(join(spool.dir, one)));
  });
});
