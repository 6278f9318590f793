import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BusyError } from '../../src/base/errors.js';
import type { Durable } from '../../src/model/durable.js';
import { lockJob } from '../../src/state/database.js';
import type { Sighting, SyncedMailbox } from '../../src/state/mailbox-rows.js';
import { State } from '../../src/state/state.js';

let dir: string;
let file: string;
let open: State[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-state-'));
  file = join(dir, 'job.state.sqlite');
  open = [];
});
afterEach(() => {
  vi.useRealTimers();
  for (const state of open) state.close();
  rmSync(dir, { recursive: true });
});

function openState(): State {
  const state = new State(file);
  open.push(state);
  return state;
}

/** What is seen after the process died and came again. */
function reopened(state: State): State {
  state.close();
  open.splice(open.indexOf(state), 1);
  return openState();
}

/** Stands in for the barrier: these tests write no files that could be lost. */
const durable = <T>(value: T) => value as Durable<T>;

function sighting(uniqueid: string, change: Partial<Sighting> = {}): Sighting {
  return {
    uniqueid,
    name: `user.${uniqueid}`,
    sourceKey: `default ${uniqueid}`,
    headerPrint: 'h',
    print: 'p',
    indexVersion: 12,
    uidvalidity: 1,
    lastUid: 9,
    messages: 5,
    files: 7,
    bytes: 5000,
    ...change,
  };
}

function synced(id: number, change: Partial<SyncedMailbox> = {}): SyncedMailbox {
  return {
    id,
    syncedPrint: 'p',
    form: 'f',
    making: '{}',
    targetPartition: 'new',
    targetRelative: 'u/user/a',
    ...change,
  };
}

describe('the state file', () => {
  it('is for its owner only', () => {
    openState();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('keeps facts, and forgets one that is set to nothing', () => {
    let state = openState();
    state.setFact('final', 'yes');
    state.setFact('final', 'again');
    state.setFact('roots', 'r');
    state.setFact('roots', undefined);
    state = reopened(state);
    expect([state.fact('final'), state.fact('roots')]).toEqual(['again', undefined]);
  });

  it('lists the newest pass first, and one that never ended as incomplete', () => {
    const state = openState();
    state.endPass(state.beginPass('presync'), true, 1.5, { copied: 3 });
    state.beginPass('cutover');
    expect(state.lastPasses(5).map(({ kind, complete, figures }) => [kind, complete, figures])).toEqual([
      ['cutover', 0, null],
      ['presync', 1, '{"copied":3}'],
    ]);
    expect(state.lastPasses(1).map((pass) => pass.kind)).toEqual(['cutover']);
  });

  it('keeps a placement under its unit, the last one', () => {
    let state = openState();
    const row = {
      unit: 'user.a',
      partition: 'p1',
      reason: 'balanced',
      bytes: 5,
      files: 1,
      placedAt: '2026-11-25T18:00:00Z',
    };
    state.placement.save([row]);
    state.placement.save([{ ...row, partition: 'p2', reason: 'rule' }]);
    state = reopened(state);
    expect([...state.placement.all()]).toEqual([{ ...row, partition: 'p2', reason: 'rule' }]);
  });

  it('makes the next pass look at everything where something was placed otherwise', () => {
    const state = openState();
    state.sweep.save('head', [Buffer.from('part')], []);
    state.placement.save([]);
    expect(state.sweep.head()).toBe('head');
    state.placement.save([{ unit: 'u', partition: 'p', reason: 'csv', bytes: 1, files: 1, placedAt: '' }]);
    expect(state.sweep.head()).toBeUndefined();
  });

  it('gives the uniqueid that was assigned, by the old id and the name', () => {
    let state = openState();
    state.assignUniqueid('old', 'user.a', 'new');
    state = reopened(state);
    expect(state.assignedUniqueid('old', 'user.a')).toBe('new');
    expect(state.assignedUniqueid('old', 'user.b')).toBeUndefined();
  });

  it('gives a cached hash only for the fingerprint it was made of', () => {
    const state = openState();
    const { proofs } = state;
    proofs.save({ hashes: [{ path: '/a', print: 'p1', guid: 'g1' }] });
    expect([proofs.hash('/a', 'p1'), proofs.hash('/a', 'p2')]).toEqual(['g1', undefined]);
    proofs.save({ hashes: [{ path: '/a', print: 'p2', guid: 'g2' }] });
    expect([proofs.hash('/a', 'p1'), proofs.hash('/a', 'p2')]).toEqual([undefined, 'g2']);
  });

  it('is refused where another version of cyrsync wrote it', () => {
    reopened(openState()).close();
    open = [];
    const db = new Database(file);
    db.pragma('user_version = 99');
    db.close();
    expect(() => new State(file)).toThrow('another version of cyrsync');
  });
});

describe('the lock of a job', () => {
  it('refuses a second command, and lets it in once it is released', () => {
    const unlock = lockJob(file);
    expect(() => lockJob(file)).toThrow(BusyError);
    unlock();
    lockJob(file)();
  });

  it('is one per job', () => {
    const unlock = lockJob(file);
    lockJob(join(dir, 'other.state.sqlite'))();
    unlock();
  });

  it('lets the state be read meanwhile', () => {
    const state = openState();
    state.setFact('final', 'yes');
    const unlock = lockJob(file);
    expect(openState().fact('final')).toBe('yes');
    unlock();
  });
});

describe('what is known of a mailbox', () => {
  it('is one row a uniqueid, however it is renamed', () => {
    const state = openState();
    state.mailboxes.sight([sighting('a')]);
    const { id } = state.mailboxes.all()[0]!;
    state.mailboxes.sight([sighting('a', { name: 'user.b', files: 8 })]);
    expect(state.mailboxes.all()).toMatchObject([
      { id, name: 'user.b', files: 8, syncedFiles: 0, syncedPrint: null, inFlight: 0 },
    ]);
  });

  it('is not seen at all by half: of sightings that are broken off nothing stays, and the next can be recorded', () => {
    const state = openState();
    for (const done of state.mailboxes.sighting([sighting('a'), sighting('b')])) if (done === 1) break;
    expect(state.mailboxes.all()).toEqual([]);
    state.mailboxes.sight([sighting('b')]);
    expect(state.mailboxes.all()).toMatchObject([{ uniqueid: 'b' }]);
  });

  it('says in flight after a crash, from before the first byte until it is done', () => {
    let state = openState();
    state.mailboxes.sight([sighting('a'), sighting('b')]);
    const [a, b] = state.mailboxes.all();
    state.mailboxes.markInFlight([{ id: a!.id, targetPartition: 'new', targetRelative: 'u/user/a' }]);
    state = reopened(state);
    expect(state.mailboxes.all().map((row) => [row.id, row.inFlight, row.targetRelative])).toEqual([
      [a!.id, 1, 'u/user/a'],
      [b!.id, 0, null],
    ]);
    state.mailboxes.settle(durable({ done: [synced(a!.id)], left: [] }));
    state = reopened(state);
    expect(state.mailboxes.all()[0]).toMatchObject({
      inFlight: 0,
      syncedPrint: 'p',
      form: 'f',
      syncedFiles: 7,
      syncedMessages: 5,
      targetPartition: 'new',
    });
  });

  it('is no sign of a crash where it was put off or not begun, and is looked at again', () => {
    const state = openState();
    state.mailboxes.sight([sighting('a'), sighting('b')]);
    const [a, b] = state.mailboxes.all().map(({ id }) => id) as [number, number];
    state.mailboxes.settle(durable({ done: [synced(a)], left: [] }));
    state.mailboxes.markInFlight([
      { id: a, targetPartition: 'new', targetRelative: 'u/user/a' },
      { id: b, targetPartition: 'new', targetRelative: 'u/user/b' },
    ]);
    const left = [
      { id: a, targetPartition: 'new', targetRelative: 'u/user/a' },
      { id: b, targetPartition: null, targetRelative: null },
    ];
    state.mailboxes.settle(durable({ done: [], left }));
    expect(state.mailboxes.all()).toMatchObject([
      { id: a, inFlight: 0, syncedPrint: null, targetRelative: 'u/user/a', syncedFiles: 7 },
      { id: b, inFlight: 0, syncedPrint: null, targetPartition: null },
    ]);
  });

  it('has no fingerprint of a copy that was raced', () => {
    const state = openState();
    state.mailboxes.sight([sighting('a')]);
    const { id } = state.mailboxes.all()[0]!;
    state.mailboxes.settle(durable({ done: [synced(id, { syncedPrint: null })], left: [] }));
    expect(state.mailboxes.all()[0]!.syncedPrint).toBeNull();
  });

  it('counts passes in a row that put it off, until it is done', () => {
    const state = openState();
    state.mailboxes.sight([sighting('a')]);
    const { id } = state.mailboxes.all()[0]!;
    expect([state.mailboxes.markDeferred(id), state.mailboxes.markDeferred(id)]).toEqual([1, 2]);
    state.mailboxes.settle(durable({ done: [synced(id)], left: [] }));
    expect(state.mailboxes.markDeferred(id)).toBe(1);
    expect(state.mailboxes.all()[0]!.syncedPrint).toBeNull();
  });

  it('is copied anew after it waited in staging', () => {
    const state = openState();
    state.mailboxes.sight([sighting('a')]);
    const { id } = state.mailboxes.all()[0]!;
    state.mailboxes.settle(durable({ done: [synced(id)], left: [] }));
    state.mailboxes.setStaged(
      durable([{ id, staged: 1 as const, targetPartition: 'new', targetRelative: '.cyrsync/a' }]),
    );
    expect(state.mailboxes.all()[0]).toMatchObject({ staged: 1, syncedPrint: null, targetRelative: '.cyrsync/a' });
    state.mailboxes.settle(durable({ done: [synced(id)], left: [] }));
    expect(state.mailboxes.all()[0]!.staged).toBe(0);
  });

  it('goes with its mailbox', () => {
    const state = openState();
    state.mailboxes.sight([sighting('a'), sighting('b')]);
    state.mailboxes.remove(durable([state.mailboxes.all().find((row) => row.uniqueid === 'a')!.id]));
    expect(state.mailboxes.all().map((row) => row.uniqueid)).toEqual(['b']);
  });
});

describe('standing problems', () => {
  const lost = { code: 'lost', message: 'm', advice: 'a', mailbox: 'user.a' };
  const damaged = { code: 'damaged', message: 'm', advice: 'a', path: '/p' };

  it('are those of the last run: what it no longer met goes', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    let state = openState();
    state.saveProblems([lost, damaged]);
    vi.advanceTimersByTime(1);
    state.saveProblems([{ ...lost, message: 'now worse' }]);
    state = reopened(state);
    expect(state.problems()).toEqual([{ ...lost, message: 'now worse' }]);
    vi.advanceTimersByTime(1);
    state.saveProblems([]);
    expect(state.problems()).toEqual([]);
  });

  it('that stay are kept while their mailbox is known and not compared anew', () => {
    const state = openState();
    state.mailboxes.sight([sighting('a', { name: 'user.a' }), sighting('b', { name: 'user.b' })]);
    const stay = ['user.a', 'user.b', 'user.gone'].map((mailbox) => ({ ...lost, mailbox, stays: true as const }));
    state.saveProblems(stay);
    state.saveProblems([]);
    expect(state.problems().map(({ mailbox }) => mailbox)).toEqual(['user.a', 'user.b']);
    state.forgetStaying(new Set(['user.a', 'user.c']));
    expect(state.problems().map(({ mailbox }) => mailbox)).toEqual(['user.b']);
  });

  it('are told apart by mailbox and path', () => {
    const state = openState();
    state.saveProblems([lost, { ...lost, mailbox: 'user.b' }, { ...lost, path: '/x' }, lost]);
    expect(state.problems()).toHaveLength(3);
  });

  // saveProblems goes by the wall clock (src/state/state.ts): drop `.fails` once it does not.
  it('go even where the clock was set back between two runs', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const state = openState();
    state.saveProblems([lost]);
    vi.setSystemTime(500_000);
    state.saveProblems([]);
    expect(state.problems()).toEqual([]);
  });
});
