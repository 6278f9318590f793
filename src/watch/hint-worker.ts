/**
 * A source of hints in a thread of its own: while a pass keeps the main thread busy, events are still taken from the
 * kernel, and wait as messages. It ends by an error or by being told to; who started it then starts another.
 */
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { watch as chokidarWatch } from 'chokidar';
import { Fanotify } from '../disk/fanotify.js';
import { FollowedFile } from '../disk/followed-file.js';
import { osPath } from '../disk/os-path.js';
import { SourceRoot } from '../disk/source.js';
import { FileHints, type Hint, type HintSetup } from './hints.js';
import { hintsOfLogLine } from './sync-log-line.js';

/** How often is looked for what waits. */
const POLL_MS = 250;

export type HintMessage = { readonly ready: true } | { readonly hints: readonly Hint[] };

const send = (message: HintMessage) => parentPort!.postMessage(message);
const setup = workerData as HintSetup;
if (setup.source === 'chokidar') byChokidar(setup);
else if (setup.source === 'log') byLog(setup);
else byFanotify(setup);

/** Of files alone: of a directory every file in it would cost a watch, messages too. */
function byChokidar({ databases, indexes }: Extract<HintSetup, { source: 'chokidar' }>): void {
  const text = (path: string) => osPath(path).toString();
  const databaseTexts = new Set(databases.map(text));
  const bytesOf = new Map(indexes.map((path) => [text(path), path]));
  const watcher = chokidarWatch([...databaseTexts, ...bytesOf.keys()], { ignoreInitial: true, followSymlinks: false });
  watcher.on('all', (_event, path) => {
    const bytes = bytesOf.get(path);
    if (databaseTexts.has(path)) send({ hints: [{ kind: 'databases' }] });
    else if (bytes !== undefined) send({ hints: [{ kind: 'directory', path: dirname(bytes) }] });
  });
  watcher.on('error', (error) => {
    throw error;
  });
  watcher.on('ready', () => send({ ready: true }));
  parentPort!.on('message', (wanted: readonly string[]) => {
    const texts = new Map(wanted.map((path) => [text(path), path]));
    watcher.unwatch([...bytesOf.keys()].filter((path) => !texts.has(path)));
    watcher.add([...texts.keys()].filter((path) => !bytesOf.has(path)));
    bytesOf.clear();
    for (const [path, bytes] of texts) bytesOf.set(path, bytes);
  });
}

function byLog({ root: path, names }: Extract<HintSetup, { source: 'log' }>): void {
  const root = SourceRoot.open(path, path);
  const logs = names.map((name) => new FollowedFile(root, name));
  send({ ready: true });
  setInterval(() => {
    const hints = logs.flatMap((log) => log.read().flatMap(hintsOfLogLine));
    if (hints.length > 0) send({ hints: distinct(hints) });
  }, POLL_MS);
}

function byFanotify({ roots, ...places }: Extract<HintSetup, { source: 'fanotify' }>): void {
  const marks = roots.map((root) => new Fanotify(root));
  const known = new FileHints(places);
  send({ ready: true });
  setInterval(() => {
    const hints: Hint[] = [];
    for (const mark of marks) {
      const { files, overflow } = mark.read((name) => known.mayBe(name));
      if (overflow) hints.push({ kind: 'lost', why: "the kernel's queue was full" });
      for (const { directory, name } of files) {
        const hint = known.of(directory, name);
        if (hint) hints.push(hint);
      }
    }
    if (hints.length > 0) send({ hints: distinct(hints) });
  }, POLL_MS);
}

function distinct(hints: readonly Hint[]): Hint[] {
  return [...new Map(hints.map((hint) => [JSON.stringify(hint), hint])).values()];
}
