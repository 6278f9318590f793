/**
 * Which sources of hints are used, and why. Where nobody asks for others:
 *
 * | source | used where | because |
 * | --- | --- | --- |
 * | sweep | always | it is the truth |
 * | log | the old server writes one | exact, and costs nothing |
 * | fanotify | there is no log, and kernel, rights and file systems allow it | sees all; the server's every write is an event |
 * | chokidar | on local file systems; the busiest mailboxes only without the two above | a watch for each file |
 */
import { readFileSync, statSync } from 'node:fs';
import { Fanotify } from '../disk/fanotify.js';
import { networkFileSystem } from '../disk/network-file-system.js';
import { ifThere, osPath, withoutLinks } from '../disk/os-path.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import { HINT_SOURCES, type HintSourceName } from '../model/watch-status.js';
import type { HintSetup } from './hints.js';
import type { ListedRows } from './listed-rows.js';

export interface Choice {
  readonly source: HintSourceName;
  readonly why: string;
  /** Undefined: not used. Of the sweep, which needs none, too. */
  readonly setup: HintSetup | undefined;
}

/** Of all watches of the system, what we take at most. */
const MOST_OF_LIMIT = 0.25;

/** @param wanted Undefined: what costs least. @param busiest Mailboxes that chokidar watches. */
export function chooseSources(
  job: Job,
  rows: ListedRows,
  wanted: ReadonlySet<HintSourceName> | undefined,
  busiest: number,
): Choice[] {
  const isWanted = (source: HintSourceName) => wanted === undefined || wanted.has(source);
  const log = isWanted('log') ? chooseLog(job) : notWanted('log');
  const fanotify = !isWanted('fanotify')
    ? notWanted('fanotify')
    : wanted === undefined && log.setup
      ? no('fanotify', 'the log says it for less')
      : chooseFanotify(job);
  const isCovered = log.setup !== undefined || fanotify.setup !== undefined;
  const few = wanted === undefined && isCovered ? 0 : busiest;
  const chokidar = isWanted('chokidar') ? chooseChokidar(job, rows, few) : notWanted('chokidar');
  const sweep: Choice = { source: 'sweep', why: 'a stat of each file that tells of a change', setup: undefined };
  const all = [sweep, chokidar, log, fanotify];
  return HINT_SOURCES.map((name) => all.find(({ source }) => source === name)!);
}

function no(source: HintSourceName, why: string): Choice {
  return { source, why, setup: undefined };
}

function notWanted(source: HintSourceName): Choice {
  return no(source, 'not asked for');
}

function chooseLog({ source: { conf, prefix, real } }: Job): Choice {
  const { syncLogs, configDirectory } = conf;
  if (syncLogs.length === 0) return no('log', 'the old server writes none (sync_log is off)');
  const remote = networkFileSystem(real(configDirectory));
  const names = syncLogs.map((path) => path.slice(configDirectory.length + 1));
  return {
    source: 'log',
    why: `${syncLogs.join(', ')}${remote === undefined ? '' : `, over ${remote}`}`,
    setup: { source: 'log', root: prefix + configDirectory, names },
  };
}

function chooseFanotify(job: Job): Choice {
  const devices = new Map<number, string>();
  for (const path of watchedRoots(job)) {
    const remote = networkFileSystem(path);
    if (remote !== undefined) return no('fanotify', `${path} is on ${remote}, which does not tell of others' writes`);
    const device = ifThere(() => statSync(osPath(path)).dev);
    if (device !== undefined && !devices.has(device)) devices.set(device, path);
  }
  const roots = [...devices.values()];
  try {
    for (const root of roots) new Fanotify(root).close();
  } catch (error) {
    return no('fanotify', error instanceof Error ? error.message : String(error));
  }
  const why = `one mark on ${roots.length === 1 ? 'the file system' : `each of ${roots.length} file systems`}`;
  const { dir, name } = databaseOf(job);
  const databases = [`${withoutLinks(job.source.real(dir))}/${name}`];
  const configDirectory = withoutLinks(job.source.real(job.source.conf.configDirectory));
  return { source: 'fanotify', why, setup: { source: 'fanotify', roots, databases, configDirectory } };
}

function chooseChokidar(job: Job, rows: ListedRows, busiest: number): Choice {
  const roots = watchedRoots(job);
  const remote = roots.map(networkFileSystem).find((kind) => kind !== undefined);
  if (remote !== undefined) return no('chokidar', `the source is on ${remote}, which does not tell of others' writes`);
  const limit = Number(readFileSync('/proc/sys/fs/inotify/max_user_watches', 'latin1'));
  const most = Math.floor(limit * MOST_OF_LIMIT);
  if (most < 1) return no('chokidar', `fs.inotify.max_user_watches is ${limit}`);
  const { dir, name } = databaseOf(job);
  const indexes = rows.busiestIndexes(Math.min(busiest, most - 1));
  const isCut = busiest > indexes.length && indexes.length === most - 1;
  const why = [
    name,
    ...(indexes.length > 0 ? [`and the ${indexes.length} busiest mailboxes`] : []),
    ...(isCut ? [`(fs.inotify.max_user_watches is ${limit}: no more than a quarter of that)`] : []),
  ].join(' ');
  const databases = [`${job.source.real(dir)}/${name}`];
  return { source: 'chokidar', why, setup: { source: 'chokidar', databases, indexes } };
}

function databaseOf(job: Job): { dir: string; name: string } {
  return databaseFile(job.source.conf, 'mailboxes', 'mailboxes.db');
}

/** Real paths of the directories below which something is written that a sweep looks at. */
function watchedRoots(job: Job): string[] {
  const { conf, real } = job.source;
  const roots = [...conf.partitions.values()].flatMap(({ meta }) => [meta.index, meta.header]);
  return [...new Set([...roots, conf.configDirectory, databaseOf(job).dir])].map(real);
}
