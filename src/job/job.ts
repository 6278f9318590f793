/** One migration: the job file and both imapd.conf, loaded and checked into one value. */
import { readFileSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { ConfigError, FormatError } from '../base/errors.js';
import { type CyrusConf, interpretConf } from '../cyrus/conf/cyrus-conf.js';
import { parseImapdConf } from '../cyrus/conf/imapd-conf.js';
import { describeOverlap } from '../cyrus/conf/partition-overlap.js';
import { type CyrusVersion, isAtLeast } from '../cyrus/version.js';
import type { Owner } from '../disk/file-owner.js';
import { bytesOfText, isMissing } from '../disk/os-path.js';
import { readQuietly } from '../disk/read-quietly.js';
import { type JobFile, parseJobFile } from './job-file.js';
import { lookupId } from './passwd.js';

/** One of the two servers. */
export interface Side {
  readonly conf: CyrusConf;
  /** Put in front of every absolute path of that server; `''` where it is this machine. */
  readonly prefix: string;
  /** A path as this machine names it. */
  real(path: string): string;
  /** Of imapd.conf and all that it includes. */
  readonly texts: readonly string[];
}

export type Layout = 'name' | 'keep' | 'uuid';

export interface Job {
  readonly file: string;
  readonly stateFile: string;
  readonly options: JobFile;
  readonly source: Side;
  readonly target: Side;
  readonly layout: Layout;
  readonly owner: Owner;
  /** Everything that this was read from: where all of it is the same, so is the job. */
  readonly texts: readonly string[];
}

/** @throws ConfigError */
export function loadJob(path: string): Job {
  const file = resolve(path);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      isMissing(error) ? `There is no job file ${file}` : `The job file ${file} can not be read`,
      String(error instanceof Error ? error.message : error),
      isMissing(error) ? 'Write one with `cyrsync init`, or name it with --job.' : 'Run as a user who may read it.',
      { cause: error },
    );
  }
  const texts = [text];
  const options = withLists(withDumpBeside(parseJobFile(text, file), file), file, texts);
  const load = ({ imapd_conf, root, version }: JobFile['source' | 'target']) =>
    loadSide(besideJob(file, imapd_conf), root === '' ? '' : resolve(dirname(file), root), version);
  const source = load(options.source);
  const target = load(options.target);
  refuseOverlaps(target.conf);
  const root = options.target.root;
  return {
    file,
    stateFile: resolve(dirname(file), options.state ?? `${basename(file).replace(/\.toml$/, '')}.state.sqlite`),
    options,
    source,
    target,
    layout: options.target.layout ?? defaultLayout(source.conf.version, target.conf.version),
    owner: {
      uid: lookupId(options.target.owner ?? target.conf.cyrusUser, root, 'passwd'),
      gid: lookupId(options.target.group ?? target.conf.cyrusGroup, root, 'group'),
    },
    texts: [...texts, ...source.texts, ...target.texts],
  };
}

/** A relative path of the job file starts where that lies: cron's working directory is another than its author's. */
function besideJob(file: string, path: string): string {
  return path.startsWith('/') ? path : relative(process.cwd(), resolve(dirname(file), path));
}

function withDumpBeside(options: JobFile, file: string): JobFile {
  const dump = options.source.mailboxes_dump;
  return dump === undefined
    ? options
    : { ...options, source: { ...options.source, mailboxes_dump: resolve(dirname(file), dump) } };
}

/** With the patterns of [select] as bytes, those of its lists too. @throws ConfigError */
function withLists(options: JobFile, file: string, texts: string[]): JobFile {
  const patterns = (list: readonly string[]): string[] =>
    list.flatMap((entry) => {
      if (!entry.startsWith('list:')) return bytesOfText(entry);
      const path = resolve(dirname(file), entry.slice('list:'.length));
      try {
        const text = readFileSync(path, 'latin1');
        texts.push(text);
        return text
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== '' && !line.startsWith('#'));
      } catch (error) {
        throw new ConfigError(
          `${path} can not be read`,
          String(error instanceof Error ? error.message : error),
          'Correct the list: in [select] of the job file; its path is relative to that file.',
          { cause: error },
        );
      }
    });
  const { only, leave_out, ...rest } = options.select;
  const select = { ...rest, ...(only ? { only: patterns(only) } : {}), leave_out: patterns(leave_out) };
  return { ...options, select };
}

/** Mailboxes of a 3.6+ server stay as they are; older ones stay by name. */
export function defaultLayout(source: CyrusVersion, target: CyrusVersion): Layout {
  return isAtLeast(source, '3.6') && isAtLeast(target, '3.6') ? 'keep' : 'name';
}

/** @throws ConfigError where the partitions of the target share a place; of the source that is only said. */
export function refuseOverlaps({ file, overlaps }: CyrusConf): void {
  if (overlaps.length === 0) return;
  throw new ConfigError(
    `${file}: partitions of the new server overlap`,
    overlaps.map(describeOverlap).join('; '),
    'Give each partition of the new server a directory of its own, beside the others.',
    { code: 'partitions-overlap' },
  );
}

/** Reads one imapd.conf with all it includes. @throws ConfigError */
export function loadSide(imapdConf: string, root: string, version: CyrusVersion): Side {
  const prefix = root === '' ? '' : bytesOfText(resolve(root)).replace(/\/+$/, '');
  const real = (path: string) => prefix + path;
  const texts: string[] = [];
  const read = (path: string): Buffer => {
    const at = path.startsWith('/') ? real(path) : path;
    try {
      const bytes = readQuietly(at);
      texts.push(bytes.toString('latin1'));
      return bytes;
    } catch (error) {
      throw new ConfigError(
        `${at} can not be read`,
        String(error instanceof Error ? error.message : error),
        isMissing(error)
          ? 'Name the imapd.conf, and the root it lies below, as they are.'
          : 'Run as a user who may read it.',
        { cause: error },
      );
    }
  };
  const file = bytesOfText(imapdConf);
  try {
    return { conf: interpretConf(parseImapdConf(read(file), file, read), version, file), prefix, real, texts };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new ConfigError(
      `${file} is not an imapd.conf that a server would start with`,
      error.message,
      'Correct the file.',
      { cause: error },
    );
  }
}
