/** What the walks make of one odd thing at a time, over a server of the model. */
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeMailboxHeader } from '../../src/cyrus/mailbox/header.js';
import { IndexWriter } from '../../src/cyrus/mailbox/index-writer.js';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import type { Leftover, LeftoversResult } from '../../src/survey/leftover.js';
import { undecided } from '../../src/survey/undecided.js';
import { CyrusModel, type ModelSetup, messageBytes } from '../support/cyrus-model.js';
import { withHistory } from '../support/histories.js';

interface Lab {
  readonly model: CyrusModel;
  /** Writes the model's tree, then what a test does to it. */
  readonly put: (path: string, content: string | Buffer) => void;
  readonly path: (path: string) => string;
  readonly find: (meanwhile?: () => void, job?: string) => LeftoversResult;
  readonly run: (steps: readonly (() => void)[], killedAfter?: number) => void;
}

/** Users ann and bob with an INBOX and one mailbox each, three messages in all of these. */
async function lab(version: CyrusVersion, act: (lab: Lab) => void, setup: Partial<ModelSetup> = {}): Promise<void> {
  const model = new CyrusModel({ version, hash: 'none', meta: false, ...setup });
  const run = (steps: readonly (() => void)[], killedAfter?: number) => model.run(steps, killedAfter);
  for (const name of ['user.ann', 'user.ann.a', 'user.bob', 'user.bob.a']) {
    run(model.create(name, 'p1'));
    for (let i = 1; i <= 3; i++) run(model.deliver(name, `${name} ${i}`));
  }
  await withHistory(version, (history) => {
    model.write(history.root);
    const path = (at: string) => `${history.root}${at}`;
    const put = (at: string, content: string | Buffer) => {
      mkdirSync(dirname(path(at)), { recursive: true });
      writeFileSync(path(at), content);
    };
    act({ model, run, path, put, find: (meanwhile, more) => history.find(model, 'job', meanwhile, more) });
  });
}

const shown = ({ leftovers }: LeftoversResult) =>
  leftovers.map((l) => `${l.class} ${l.paths.join('+')} ${l.verdict}`).sort();
const the = ({ leftovers }: LeftoversResult, path: string): Leftover => {
  const found = leftovers.find((l) => l.paths.includes(path));
  if (!found) throw new Error(`${path} is no leftover of ${JSON.stringify(leftovers.map((l) => l.paths))}`);
  return found;
};
const header = (uniqueid: string, name: string, form: 'text' | 'dlist' = 'text') =>
  writeMailboxHeader({ form, uniqueid, name, types: 'e', flags: [], acl: 'anyone\tlrs\t' }, form);
const idOf = (model: CyrusModel, name: string) => model.rows.get(name)!.uniqueid;

/** EXPUNGED and UNLINKED. */
const UNLINKED = 0xc000_0000;

function indexOf(records: readonly (readonly [uid: number, flags: number])[], version = 12, uidvalidity = 7): Buffer {
  const writer = IndexWriter.create(version, records.length);
  for (const [i, [uid, flags]] of records.entries()) {
    writer.record(i, 'uid', uid);
    writer.record(i, 'systemFlags', flags);
    writer.record(i, 'size', messageBytes('').length);
    writer.sealRecord(i);
  }
  writer.header('lastUid', 100);
  writer.header('uidvalidity', uidvalidity);
  writer.seal();
  return writer.bytes;
}

it('finds nothing where nothing is left', () => lab('3.0', ({ find }) => expect(shown(find())).toEqual([])));

describe('a directory with mail that mailboxes.db does not know', () => {
  it('is the mailbox that its directory names, not the one in its header (by uniqueid)', () =>
    lab('3.6', ({ model, put, find }) => {
      const at = `/s/p2/uuid/${idOf(model, 'user.ann').slice(0, 1)}/${idOf(model, 'user.ann').slice(1, 2)}/${idOf(model, 'user.ann')}`;
      put(`${at}/cyrus.header`, header(idOf(model, 'user.bob'), 'user.bob', 'dlist'));
      put(`${at}/1.`, messageBytes('user.ann 1'));
      expect(the(find(), at)).toMatchObject({
        class: 'stale-copy',
        uniqueid: idOf(model, 'user.ann'),
        mailbox: 'user.ann',
      });
    }));

  it('goes by the header where the configuration keeps headers, if there are two', () =>
    lab(
      '2.4',
      ({ model, put, find }) => {
        put('/s/p1/user/x/cyrus.header', header('aaaa6b047e01', 'user.x'));
        put('/m/p1/user/x/cyrus.header', header(idOf(model, 'user.ann'), 'user.x'));
        put('/s/p1/user/x/1.', messageBytes('user.ann 1'));
        expect(the(find(), '/s/p1/user/x')).toMatchObject({ class: 'stale-copy', uniqueid: idOf(model, 'user.ann') });
      },
      { meta: true },
    ));

  it('is compared with the mail of the user whose its mailbox is now, not of the one in its path', () =>
    lab('2.4', ({ model, run, put, find }) => {
      run(model.delete('user.ann.a', false, false));
      put('/s/p1/user/ann/moved/cyrus.header', header(idOf(model, 'user.bob.a'), 'user.ann.moved'));
      put('/s/p1/user/ann/moved/7.', messageBytes('user.bob 2'));
      put('/s/p1/user/ann/moved/8.', messageBytes('user.ann 2'));
      const found = the(find(), '/s/p1/user/ann/moved');
      expect(found.onlyHere.map((one) => one.path)).toEqual(['/s/p1/user/ann/moved/8.']);
      expect(found.evidence.at(-1)).toBe(
        '1 of 2 messages exists nowhere else (by SHA-1): UID 8; 1 is in other live mailboxes',
      );
    }));

  it('without a header is compared with the mail of the user in its path alone', () =>
    lab('2.4', ({ put, find }) => {
      put('/s/p1/user/ann/old/7.', messageBytes('user.bob 2'));
      put('/s/p1/user/ann/old/8.', messageBytes('user.ann 2'));
      expect(the(find(), '/s/p1/user/ann/old')).toMatchObject({
        class: 'orphan-mailbox',
        onlyHere: [{ path: '/s/p1/user/ann/old/7.' }],
      });
    }));

  it('of shared mailboxes is compared with everybody’s', () =>
    lab('2.4', ({ put, find }) => {
      put('/s/p1/news/old/7.', messageBytes('user.bob 2'));
      expect(the(find(), '/s/p1/news/old')).toMatchObject({ verdict: 'skip', onlyHere: [] });
    }));

  it('says what mailboxes.db has of its name, and when it was deleted', () =>
    lab('3.0', ({ model, run, put, find }) => {
      run(model.delete('user.ann.a', false, false));
      put('/s/p1/user/ann/a/7.', messageBytes('user.ann 2'));
      put('/s/p1/DELETED/user/ann/b/6B047DA5/7.', messageBytes('user.ann 2'));
      const found = find();
      expect(the(found, '/s/p1/user/ann/a').evidence).toContain(
        'mailboxes.db says that this name was deleted or renamed',
      );
      expect(the(found, '/s/p1/DELETED/user/ann/b/6B047DA5').evidence.join()).toContain('deleted on 2026-11-23');
    }));

  it('says that its name is reserved', () =>
    lab('2.3', ({ model, run, find }) => {
      run(model.rename('user.ann.a', 'user.ann.z', 'p1', false), 6);
      expect(the(find(), '/s/p1/user/ann/z').evidence.join()).toContain('has this name as reserved');
    }));

  it('is found among the archived messages of the live one', () =>
    lab(
      '3.0',
      ({ model, run, put, find }) => {
        run(model.archive('user.ann', 0));
        put('/s/p2/user/ann/7.', messageBytes('user.ann 1'));
        expect(model.directories.get('/s/p1/user/ann')!.has('1.')).toBe(false);
        expect(the(find(), '/s/p2/user/ann')).toMatchObject({ verdict: 'skip', onlyHere: [] });
      },
      { archive: 'both' },
    ));

  it('is proven by the content of today: a message that its owner’s mailboxes lose is only there from then on', () =>
    lab('2.4', ({ model, run, put, find, path }) => {
      put('/s/p2/user/ann/7.', messageBytes('user.ann.a 1'));
      put('/s/p2/user/ann/8.', messageBytes('nowhere'));
      const only = () => the(find(), '/s/p2/user/ann').onlyHere.map((one) => one.path.at(-2));
      expect(only()).toEqual(['8']);
      expect(only()).toEqual(['8']);
      run(model.expunge('user.ann.a', 0));
      expect(only()).toEqual(['7', '8']);
      run(model.deliver('user.ann', 'nowhere'));
      expect(only()).toEqual(['7']);
      put('/s/p2/user/ann/7.', messageBytes('another'));
      expect(only()).toEqual(['7']);
      rmSync(path('/s/p2/user/ann/7.'));
      expect(only()).toEqual([]);
    }));

  it('is the live one met by another path, where a root lies within another under another name', () =>
    lab(
      '2.4',
      ({ path, find }) => {
        symlinkSync('p1/user', path('/s/p3'));
        const { leftovers, account } = find();
        expect(leftovers.filter(({ messages }) => messages > 0)).toEqual([]);
        expect(account.unaccounted).toBe(0);
      },
      { conf: 'partition-p3: /s/p3\n' },
    ));

  it('lies wrong, where a server without hash directories has it one too deep', () =>
    lab('2.4', ({ put, find }) => {
      put('/s/p1/a/user/ann/1.', messageBytes('user.ann 1'));
      put('/s/p1/a/ann/1.', messageBytes('user.ann 1'));
      const found = find();
      expect(the(found, '/s/p1/a/user/ann').class).toBe('wrong-hash');
      expect(the(found, '/s/p1/a/ann').class).toBe('orphan-mailbox'); // a shared mailbox may be called a.ann
    }));

  it('lies wrong, where it is in a hash directory of no name', () =>
    lab(
      '2.4',
      ({ put, find }) => {
        put('/s/p1/q/user/ann/1.', messageBytes('user.ann 1'));
        expect(the(find(), '/s/p1/q/user/ann')).toMatchObject({
          class: 'wrong-hash',
          mailbox: 'user.ann',
          verdict: 'skip',
        });
      },
      { hash: 'basic' },
    ));

  it('may be the live one, where that has no index: by its uniqueid, or by its name', () =>
    lab('2.4', ({ model, path, put, find }) => {
      put('/s/p2/user/ann/1.', messageBytes('user.ann 1')); // the name
      put('/s/p2/user/other/cyrus.header', header(idOf(model, 'user.bob'), 'user.other')); // the uniqueid
      put('/s/p2/user/other/9.', messageBytes('lost'));
      expect(the(find(), '/s/p2/user/ann').verdict).toBe('skip');
      rmSync(path('/s/p1/user/ann/cyrus.index'));
      rmSync(path('/s/p1/user/bob/cyrus.index'));
      const found = find();
      expect(the(found, '/s/p2/user/ann')).toMatchObject({ verdict: 'person', onlyHere: [] });
      const other = the(found, '/s/p2/user/other');
      expect(other).toMatchObject({ verdict: 'person', onlyHere: [] });
      expect(other.evidence).toContain('until a rule of the job file decides, copies of these are rescued');
      expect(found.details.get(other)!.rescue.map((one) => one.path)).toEqual(['/s/p2/user/other/9.']);
      expect(undecided(found).map((problem) => problem.path)).toEqual(['/s/p2/user/ann', '/s/p2/user/other']);
      expect(found.undecided).toBe(2);
    }));

  it('is not read, where it holds what is no message: a file of a terabyte, a pipe’s name, a link', () =>
    lab('2.4', ({ model, put, path, find }) => {
      put('/s/p2/user/ann/cyrus.header', header(idOf(model, 'user.ann'), 'user.ann'));
      put('/s/p2/user/ann/1.', messageBytes('user.ann 1'));
      put('/s/p2/user/ann/2.', '');
      truncateSync(path('/s/p2/user/ann/2.'), 2 ** 40);
      symlinkSync('/etc/passwd', path('/s/p2/user/ann/3.'));
      const found = find();
      expect(shown(found)).toEqual(['foreign /s/p2/user/ann/3. person', 'stale-copy /s/p2/user/ann person']);
      expect(the(found, '/s/p2/user/ann').evidence.at(-1)).toBe('1 is in user.ann; 1 of 2 could not be read');
    }));
});

describe('a stale directory', () => {
  it('one hash directory too deep still has the name of its mailbox', () =>
    lab('2.4', ({ model, put, find }) => {
      put('/s/p1/a/user/ann/cyrus.header', header(idOf(model, 'user.ann'), 'user.ann'));
      put('/s/p1/a/user/ann/1.', messageBytes('user.ann 1'));
      expect(the(find(), '/s/p1/a/user/ann')).toMatchObject({ class: 'wrong-hash', mailbox: 'user.ann' });
    }));

  it('with an index and no mail may be the live one as well', () =>
    lab('2.4', ({ path, put, find }) => {
      put('/s/p2/user/ann/cyrus.index', indexOf([]));
      rmSync(path('/s/p1/user/ann/cyrus.index'));
      expect(the(find(), '/s/p2/user/ann').verdict).toBe('person');
    }));

  it('misses the messages of its records, but not of those that the server has unlinked', () =>
    lab('2.4', ({ model, put, find }) => {
      put('/s/p2/user/ann/cyrus.header', header(idOf(model, 'user.ann'), 'user.ann'));
      put('/s/p2/user/ann/1.', messageBytes('user.ann 1'));
      put(
        '/s/p2/user/ann/cyrus.index',
        indexOf([
          [1, 0],
          [2, UNLINKED],
        ]),
      );
      expect(the(find(), '/s/p2/user/ann').class).toBe('stale-copy');
      put(
        '/s/p2/user/ann/cyrus.index',
        indexOf([
          [1, 0],
          [2, 0],
        ]),
      );
      expect(the(find(), '/s/p2/user/ann').class).toBe('unfinished-rename');
    }));

  it('that the server gave up on says so', () =>
    lab('2.4', ({ model, run, find }) => {
      run(model.rename('user.ann.a', 'user.ann.z', 'p1', true));
      expect(the(find(), '/s/p1/user/ann/a').evidence).toContain('its index is marked as deleted by the server');
    }));

  it('does not stand for what is not Cyrus’s in it', () =>
    lab('2.4', ({ put, find }) => {
      put('/s/p2/user/ann/1.', messageBytes('user.ann 1'));
      put('/s/p2/user/ann/notes.txt', 'mine');
      const found = find();
      expect(the(found, '/s/p2/user/ann')).toMatchObject({ files: 1, bytes: messageBytes('').length });
      expect(the(found, '/s/p2/user/ann/notes.txt')).toMatchObject({ class: 'foreign', files: 1, bytes: 4 });
    }));
});

describe('what the live mailbox has expunged since', () => {
  /** A copy of user.ann on p2 as it was; then one message goes from the live one. */
  const copied = (act: (lab: Lab & { copy: string }) => void, version: CyrusVersion = '2.4') =>
    lab(version, (all) => {
      const { model, run } = all;
      run(model.rename('user.ann', 'user.ann', 'p2', false), 6); // all is copied, the switch is yet to come
      run(model.expunge('user.ann', 1));
      act({ ...all, copy: '/s/p2/user/ann' });
    });

  it('is known by the index that knew it', () =>
    copied(({ find, copy }) => {
      const found = the(find(), copy);
      expect(found).toMatchObject({ class: 'stale-copy', verdict: 'skip', onlyHere: [] });
      expect(found.evidence.at(-1)).toContain('1 was expunged in user.ann since');
    }));

  it('is not known of a message that the old index never had, though its UID is past', () =>
    copied(({ model, find, copy }) => {
      const index = model.directories.get(copy)!.get('cyrus.index')!;
      if (index.kind === 'index') index.records.delete(2);
      expect(the(find(), copy).onlyHere.map((one) => one.path)).toEqual([`${copy}/2.`]);
    }));

  it('nor of one of another length than its record says', () =>
    copied(({ model, path, find, copy, put }) => {
      model.write(path(''));
      put(`${copy}/2.`, 'another');
      expect(the(find(), copy).onlyHere.map((one) => one.path)).toEqual([`${copy}/2.`]);
    }));

  it('nor of one that its user still has by the index, whose file is gone', () =>
    copied(({ model, find, copy }) => {
      model.directories.get('/s/p1/user/ann')!.delete('1.');
      expect(the(find(), copy).onlyHere.map((one) => one.path)).toEqual([`${copy}/1.`]);
    }));

  it('nor by an index of another UIDVALIDITY', () =>
    copied(({ find, copy, put, path, model }) => {
      model.write(path(''));
      put(
        `${copy}/cyrus.index`,
        indexOf(
          [
            [1, 0],
            [2, 0],
            [3, 0],
          ],
          12,
          8,
        ),
      );
      expect(the(find(), copy).onlyHere.map((one) => one.path)).toEqual([`${copy}/2.`]);
    }));

  it('is not live any more where the server has unlinked it, though its file is still there', () =>
    lab('2.4', ({ put, find }) => {
      put(
        '/s/p1/user/ann/cyrus.index',
        indexOf([
          [1, 0],
          [2, UNLINKED],
          [3, 0],
        ]),
      );
      put('/s/p2/user/ann/1.', messageBytes('user.ann 1'));
      put('/s/p2/user/ann/2.', messageBytes('user.ann 2'));
      expect(the(find(), '/s/p2/user/ann').onlyHere.map((one) => one.path)).toEqual(['/s/p2/user/ann/2.']);
    }));

  it('nor of a UID that the live one has not given yet', () =>
    copied(({ model, find, copy }) => {
      const index = model.directories.get(copy)!.get('cyrus.index')!;
      if (index.kind !== 'index') return;
      index.records.set(9, 'later');
      index.lastUid = 9;
      model.directories.get(copy)!.set('9.', { kind: 'message', content: 'later' });
      expect(the(find(), copy).onlyHere.map((one) => one.path)).toEqual([`${copy}/9.`]);
    }));
});

describe('a live directory', () => {
  it('shows what is not its own, each file by itself', () =>
    lab(
      '2.4',
      ({ put, find }) => {
        put('/s/p1/user/ann/cyrus.cache.NEW', 'x');
        put('/s/p1/user/ann/notes.txt', 'x');
        put('/s/p1/user/ann/cyrus.header', 'old');
        put('/m/p1/user/ann/1.', messageBytes('user.ann 1'));
        put('/s/p1/user/ann/9.', messageBytes('new'));
        put('/s/p1/user/ann/cyrus.squat', 'its own');
        expect(shown(find())).toEqual([
          'debris /s/p1/user/ann/cyrus.cache.NEW skip',
          'debris /s/p1/user/ann/cyrus.header skip',
          'foreign /s/p1/user/ann/notes.txt person',
          'message-without-record /m/p1/user/ann/1. skip',
          'message-without-record /s/p1/user/ann/9. rescue',
        ]);
      },
      { meta: true },
    ));

  it('keeps a header that is not where the configuration looks, as long as there is none', () =>
    lab(
      '2.4',
      ({ path, put, find }) => {
        put('/s/p1/user/ann/cyrus.header', 'the only one');
        rmSync(path('/m/p1/user/ann/cyrus.header'));
        expect(shown(find())).toEqual([]);
      },
      { meta: true },
    ));

  it('has records of expunged messages in cyrus.expunge too (2.3)', () =>
    lab('2.3', ({ put, find }) => {
      put('/s/p1/user/ann/8.', messageBytes('expunged'));
      put('/s/p1/user/ann/9.', messageBytes('stray'));
      put('/s/p1/user/ann/cyrus.expunge', indexOf([[8, 0]], 10));
      put('/s/p2/user/bob/5.', messageBytes('expunged')); // its file is still there
      expect(shown(find())).toEqual([
        'message-without-record /s/p1/user/ann/9. rescue',
        'replaced /s/p2/user/bob rescue',
      ]);
    }));

  it('has no record that only a stray cyrus.expunge has (2.4 reads none)', () =>
    lab('2.4', ({ put, find }) => {
      put('/s/p1/user/ann/9.', messageBytes('stray'));
      put('/s/p1/user/ann/cyrus.expunge', indexOf([[9, 0]], 10));
      expect(shown(find())).toEqual(['message-without-record /s/p1/user/ann/9. rescue']);
    }));

  it('of the DELETED hierarchy is left where the job says so, whatever a rule says of others', () =>
    lab('2.4', ({ model, run, find }) => {
      run(model.delete('user.ann.a', true, false));
      const { leftovers } = find(
        undefined,
        '[migrate]\ndeleted = "leave"\n[[leftovers]]\nglob = "/**"\naction = "rescue"\n',
      );
      expect(leftovers).toMatchObject([
        {
          class: 'deleted-awaiting-expire',
          verdict: 'skip',
          evidence: [expect.stringContaining('waits for cyr_expire'), 'the job file says to leave it'],
        },
      ]);
    }));

  it('has no stray message as long as its index can not be read', () =>
    lab('2.4', ({ put, find }) => {
      put('/s/p1/user/ann/cyrus.index', 'damaged');
      put('/s/p1/user/ann/9.', messageBytes('new'));
      expect(shown(find())).toEqual([]);
    }));

  it('has no message without record any more, where that comes while it is looked at', () =>
    lab('2.4', ({ model, run, path, find }) => {
      const [file, record] = model.deliver('user.ann', 'new');
      run([file!]);
      const found = find(() => {
        run([record!]);
        model.write(path(''));
      });
      expect(shown(found)).toEqual([]);
      expect(found.account.unaccounted).toBe(0);
    }));

  it('is none of a mailbox that is being moved meanwhile, neither the old nor the new one', () =>
    lab('2.4', ({ model, run, path, find }) => {
      const steps = model.rename('user.ann', 'user.ann', 'p2', false);
      run(steps, 6);
      const found = find(() => {
        run(steps.slice(6, 7));
        model.write(path(''));
      });
      expect(shown(found)).toEqual([]);
      expect(found.account.unaccounted).toBe(0);
    }));

  it('of the DELETED hierarchy is shown, and where two have one uniqueid the other is the mailbox', () =>
    lab('2.4', ({ model, run, find, put }) => {
      run(model.delete('user.ann.a', true, false));
      const [gone] = model.names.filter((name) => name.startsWith('DELETED'));
      const row = model.rows.get(gone!)!;
      expect(shown(find())).toEqual([`deleted-awaiting-expire ${model.placeOf(gone!, row).data} migrate`]);
      run(model.create('user.ann.b', 'p1'));
      model.rows.set('user.ann.b', { ...model.rows.get('user.ann.b')!, uniqueid: row.uniqueid });
      model.directories
        .get('/s/p1/user/ann/b')!
        .set('cyrus.header', { kind: 'header', uniqueid: row.uniqueid, name: 'user.ann.b' });
      put('/s/p2/user/ann/c/cyrus.header', header(row.uniqueid, 'user.ann.c'));
      put('/s/p2/user/ann/c/1.', messageBytes('user.ann 1'));
      expect(the(find(), '/s/p2/user/ann/c').evidence[0]).toContain('that of user.ann.b,');
    }));
});

describe('beside the mailboxes of a partition', () => {
  it('there is staging, what fsck found, links, and what is not Cyrus’s', () =>
    lab('2.4', ({ put, path, find }) => {
      put('/s/p1/stage./123-4', messageBytes('on its way'));
      put('/s/p1/stage./123-5', messageBytes('user.bob 1'));
      put('/s/p1/lost+found/#12', 'x');
      mkdirSync(path('/s/p2/lost+found'));
      put('/s/p1/backup/old.tar', 'x');
      symlinkSync('ann', path('/s/p1/user/carol'));
      const found = find();
      expect(shown(found)).toEqual([
        'debris /s/p1/stage./123-4 rescue',
        'debris /s/p1/stage./123-5 skip',
        'foreign /s/p1/backup person',
        'foreign /s/p1/lost+found person',
        'foreign /s/p1/user/carol person',
      ]);
      expect(undecided(found).map((problem) => problem.path)).toEqual(['/s/p1/lost+found']);
    }));

  it('a link where a live mailbox lies is the administrator’s', () =>
    lab('2.4', ({ path, find }) => {
      renameSync(path('/s/p1/user/ann/a'), path('/elsewhere'));
      symlinkSync(path('/elsewhere'), path('/s/p1/user/ann/a'));
      expect(shown(find())).toEqual([]);
    }));
});

describe('files of users', () => {
  it('are live for who has a mailbox, is an administrator, or was never there', () =>
    lab('3.0', ({ model, run, put, find }) => {
      for (const name of ['user.cyrus', 'user.carol', 'user.carol.sent']) run(model.create(name, 'p1'));
      for (const name of ['user.cyrus', 'user.carol']) run(model.delete(name, false, false));
      run(model.delete('user.ann.a', false, false));
      for (const user of ['ann', 'carol', 'cyrus', 'reader']) put(`/conf/user/${user[0]}/${user}.seen`, 'x');
      expect(shown(find())).toEqual([]);
    }));

  it('are stale where mailboxes.db says that the user is gone, or where the server does not look', () =>
    lab('3.0', ({ model, run, put, find }) => {
      run(model.create('user.carol', 'p1'));
      run(model.delete('user.carol', false, false));
      put('/conf/user/c/carol.seen', 'x');
      put('/sieve/c/carol/x.script', 'x');
      put('/conf/user/z/ann.sub', 'x');
      put('/conf/user/b/bob.sub', 'x');
      put('/conf/user/z/bob.sub', 'x');
      put('/sieve/z/bob/x.script', 'x');
      put('/sieve/b/bob/x.script', 'x');
      put('/sieve/b/bob/y.script.NEW', 'x');
      put('/sieve/stray', 'x');
      put('/conf/user/b/bob.NEW', 'x');
      put('/conf/user/b/what', 'x');
      expect(shown(find())).toEqual([
        'debris /conf/user/b/bob.NEW skip',
        'debris /sieve/b/bob/y.script.NEW skip',
        'foreign /conf/user/b/what person',
        'foreign /sieve/stray person',
        'stale-user-file /conf/user/c/carol.seen skip',
        'stale-user-file /conf/user/z/ann.sub person',
        'stale-user-file /conf/user/z/bob.sub skip',
        'stale-user-file /sieve/c/carol skip',
        'stale-user-file /sieve/z/bob skip',
      ]);
    }));

  it('by uniqueid are live for an INBOX alone', () =>
    lab('3.6', ({ model, put, find }) => {
      const dir = (name: string) => {
        const id = idOf(model, name);
        return `/conf/user/uuid/${id[0]}/${id[1]}/${id}`;
      };
      put(`${dir('user.ann')}/sub.db`, 'x');
      put(`${dir('user.ann.a')}/sub.db`, 'x');
      put('/conf/user/uuid/n/o/nobodynobodynobodynobody/sub.db', 'x');
      put(`${dir('user.ann')}/counters.db.NEW`, 'x'); // as a kill -9 left it on a real 3.6.1
      put(`${dir('user.ann')}/dav.db-journal`, 'x');
      expect(shown(find())).toEqual(
        [
          `debris ${dir('user.ann')}/counters.db.NEW skip`,
          `stale-user-file ${dir('user.ann.a')}/sub.db skip`,
          'stale-user-file /conf/user/uuid/n/o/nobodynobodynobodynobody/sub.db skip',
        ].sort(),
      );
    }));

  it('of quota roots are stale in another hash directory, or where another database keeps them', async () => {
    const put = (one: Lab) => {
      one.put('/conf/quota/a/user.ann', '0\n1000\n');
      one.put('/conf/quota/z/user.ann', '0\n1000\n');
      one.put('/conf/quota/a/user.ann.NEW', '0\n1000\n');
    };
    await lab('2.4', (one) => {
      put(one);
      expect(shown(one.find())).toEqual([
        'debris /conf/quota/a/user.ann.NEW skip',
        'stale-quota-file /conf/quota/z/user.ann skip',
      ]);
    });
    await lab(
      '2.4',
      (one) => {
        put(one);
        expect(shown(one.find()).filter((text) => text.startsWith('stale-quota-file'))).toHaveLength(2);
      },
      { conf: 'quota_db: skiplist\n' },
    );
  });
});

it('takes nothing that may be live for a leftover, where imapd.conf may be another server’s', () =>
  lab('2.4', ({ model, put, find, run }) => {
    for (let i = 0; i < 5; i++) {
      run(model.create(`user.u${i}`, 'p1'));
      model.directories.delete(`/s/p1/user/u${i}`);
    }
    put('/s/p2/user/ann/1.', messageBytes('user.ann 1'));
    expect(the(find(), '/s/p2/user/ann').verdict).toBe('person');
  }));
