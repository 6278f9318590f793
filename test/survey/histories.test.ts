/**
 * Random lives of a server, killed again and again, over a model of each version line's own order of operations: no
 * live directory is ever called stale, what is stale is found, and no message that is nowhere else goes unseen.
 * CYRSYNC_HISTORIES says how many for each line (200).
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asInternalName, userOf } from '../../src/cyrus/names/mailbox-name.js';
import { CYRUS_VERSIONS } from '../../src/cyrus/version.js';
import type { LeftoversResult } from '../../src/survey/leftover.js';
import { CyrusModel, messageBytes } from '../support/cyrus-model.js';
import { act, play, settle, setup, withHistory } from '../support/histories.js';

const RUNS = Number(process.env.CYRSYNC_HISTORIES ?? 200);

/** Where the model has a live mailbox keep files. */
function liveDirectories(model: CyrusModel): Map<string, string> {
  const live = new Map<string, string>();
  for (const [name, row] of model.rows) {
    if (row.type !== 'live') continue;
    const { data, archive, meta } = model.placeOf(name, row);
    for (const directory of [data, ...(archive === null ? [] : [archive]), ...Object.values(meta)])
      live.set(directory, name);
  }
  return live;
}

function check(model: CyrusModel, found: LeftoversResult): { stale: number; rescued: number; files: number } {
  const live = liveDirectories(model);
  const named = new Map(found.leftovers.flatMap((l) => l.paths.map((path) => [path, l] as const)));

  // Precision: of live directories none, but for those that wait for cyr_expire.
  for (const [path, l] of named)
    if (l.class !== 'deleted-awaiting-expire') expect(live.has(path) ? `${l.class} ${path}` : '').toBe('');

  // Recall: every other directory with a file; every file in a live one without a record.
  let stale = 0;
  const liveContents = new Map<string, Set<string>>();
  const owner = (name: string) => {
    const user = userOf(asInternalName(name), model.conf);
    return user ? user.localpart : '';
  };
  const ids = new Map(
    [...model.rows].flatMap(([name, row]) => (row.type === 'live' ? [[row.uniqueid, name] as const] : [])),
  );
  const index = (name: string) => {
    const place = model.placeOf(name, model.rows.get(name)!);
    const node = model.directories.get(place.meta.index)?.get('cyrus.index');
    return node?.kind === 'index' ? node : undefined;
  };
  for (const [path, name] of live) {
    for (const [fileName, node] of model.directories.get(path) ?? []) {
      if (node.kind !== 'message') continue;
      if (!index(name)?.records.has(Number.parseInt(fileName, 10))) {
        if (index(name)) expect(named.get(`${path}/${fileName}`)?.class).toBe('message-without-record');
        continue;
      }
      const key = owner(name);
      liveContents.set(key, (liveContents.get(key) ?? new Set()).add(node.content));
    }
  }
  const all = new Set([...liveContents.values()].flatMap((set) => [...set]));
  const rescued = new Set([...found.details.values()].flatMap(({ rescue }) => rescue.map(({ guid }) => guid)));
  const guidOf = (content: string) => createHash('sha1').update(messageBytes(content)).digest('hex');
  for (const [path, files] of model.directories) {
    if (live.has(path)) continue;
    if (files.size > 0) {
      stale++;
      expect([path, named.get(path)?.class ?? 'NOT FOUND'].join(' ')).toMatch(
        / (stale-copy|unfinished-rename|replaced|orphan-mailbox|wrong-hash)$/,
      );
    }
  }
  // No message that is in no live mailbox of anyone, and that nobody expunged, goes unseen.
  for (const [path, files] of model.directories) {
    const header = [...files.values()].find((node) => node.kind === 'header');
    for (const [fileName, node] of files) {
      if (node.kind !== 'message' || all.has(node.content)) continue;
      const liveName = live.get(path);
      if (liveName !== undefined && (!index(liveName) || index(liveName)!.records.has(Number.parseInt(fileName, 10))))
        continue;
      const uid = Number.parseInt(fileName, 10);
      if ([...model.expunged].some((one) => one.endsWith(` ${uid}`))) continue; // known to be expunged, perhaps
      expect(
        rescued.has(guidOf(node.content))
          ? ''
          : `${path}/${fileName} ${header?.kind === 'header' ? ids.get(header.uniqueid) : ''}`,
      ).toBe('');
    }
  }
  // And nothing is said to be nowhere else that its owner has: the user of the live mailbox with its uniqueid, else
  // of its path.
  for (const [l, { finding }] of found.details) {
    const key = finding.owner === undefined ? undefined : owner(finding.owner);
    const have = key === undefined || key === '' ? all : (liveContents.get(key) ?? new Set());
    const guids = new Set([...have].map(guidOf));
    expect(l.onlyHere.filter(({ guid }) => guids.has(guid)).map(({ path }) => path)).toEqual([]);
  }
  let files = 0;
  for (const inDirectory of model.directories.values()) files += inDirectory.size;
  expect([found.account.files, found.account.unaccounted]).toEqual([files + 1, 0]); // and mailboxes.db
  return { stale, rescued: rescued.size, files };
}

describe.each(CYRUS_VERSIONS)('a server of the %s line', (version) => {
  it('is told apart from what it left, whatever happened to it', async () => {
    const sums = { stale: 0, rescued: 0, files: 0, histories: 0 };
    await fc.assert(
      fc.asyncProperty(setup, fc.array(act, { minLength: 10, maxLength: 60, size: 'max' }), async (options, acts) => {
        await new Promise(setImmediate); // vitest wants an answer now and then
        const model = new CyrusModel({ version, ...options });
        settle(model);
        play(model, acts);
        const one = await withHistory(version, (history) => check(model, history.find(model, 'job')));
        sums.stale += one.stale;
        sums.rescued += one.rescued;
        sums.files += one.files;
        sums.histories++;
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 1_200_000 },
    );
    // The histories are worth something: most leave stale directories, many a message that is nowhere else.
    expect(sums.stale).toBeGreaterThan(sums.histories / 2);
    expect(sums.rescued).toBeGreaterThan(sums.histories / 20);
    if (process.env.CYRSYNC_HISTORIES) console.log(`${version}: ${JSON.stringify(sums)}`);
  }, 1_300_000);
});
