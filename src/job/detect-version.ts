/**
 * Which Cyrus wrote the source and which is installed on the target, by evidence: imapd.conf does not say. The formats
 * on disk tell the release line of the source, the installed package or binary that of the target.
 */
import { readFileSync } from 'node:fs';
import { FormatError } from '../base/errors.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { detectBackend } from '../cyrus/db/detect.js';
import type { DbEntry } from '../cyrus/db/entry.js';
import { placeOf } from '../cyrus/layout/mailbox-place.js';
import { readIndex } from '../cyrus/mailbox/index.js';
import { isLive, readMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import { type CyrusVersion, parseCyrusVersion } from '../cyrus/version.js';
import { readLiveDatabase } from '../disk/live-database.js';
import { ifThere } from '../disk/os-path.js';
import { SourceTrees } from '../disk/trees.js';

export interface VersionEvidence {
  readonly version: CyrusVersion;
  readonly evidence: string;
}

/** What is installed below `root`, by the package database, else by the text of the binary; undefined where neither tells. */
export function installedVersion(root: string): VersionEvidence | undefined {
  const status = ifThere(() => readFileSync(`${root}/var/lib/dpkg/status`))?.toString('latin1') ?? '';
  for (const block of status.split('\n\n')) {
    const name = /^Package: (cyrus-imapd(?:-\d.*)?|cyrus-common(?:-\d.*)?)$/m.exec(block)?.[1];
    const installed = /^Status: .* installed$/m.test(block);
    const text = /^Version: (?:\d+:)?(.+)$/m.exec(block)?.[1];
    const version = text === undefined ? undefined : parseCyrusVersion(text);
    if (name !== undefined && installed && version) return { version, evidence: `package ${name} ${text}` };
  }
  for (const path of [
    '/usr/lib/cyrus/bin/master',
    '/usr/lib/cyrus-imapd/master',
    '/usr/cyrus/bin/master',
    '/usr/libexec/cyrus-imapd/master',
    '/usr/local/libexec/master',
  ]) {
    const binary = ifThere(() => readFileSync(root + path))?.toString('latin1');
    const text =
      binary === undefined
        ? undefined
        : /(?:^|\0)(?:cyrus-imapd )?v?([23]\.\d{1,2}\.\d{1,3}[^\0-\x1f]{0,40})[\0\n]/.exec(binary)?.[1];
    const version = text === undefined ? undefined : parseCyrusVersion(text);
    if (version) return { version, evidence: `${path} says ${text}` };
  }
  return undefined;
}

/** Indexes looked at: enough that a spool which was upgraded more than once shows its newest. */
const SAMPLE = 400;

/**
 * The release line that the source's formats show. An index keeps its version after an upgrade, so the newest decides,
 * together with the form of mailboxes.db.
 * @param confOf Read as some version's: only paths are taken from it, for each version's own hashing.
 * @param readEntries Of a database of any backend; what it throws but a FormatError is the caller's.
 */
export function versionOfSource(
  confOf: (version: CyrusVersion) => CyrusConf,
  real: (path: string) => string,
  readEntries: (bytes: Buffer, path: string) => readonly DbEntry[],
): VersionEvidence | undefined {
  const base = confOf('3.6');
  const trees = new SourceTrees({ real });
  try {
    const path = base.databases.mailboxes.path ?? `${base.configDirectory}/mailboxes.db`;
    const cut = path.lastIndexOf('/');
    const root = trees.root(path.slice(0, cut));
    // The old server may be running: what is torn, or empty for a moment, would tell of another release.
    const read =
      root &&
      readLiveDatabase(root, path.slice(cut + 1), (bytes) => {
        const backend = detectBackend(bytes);
        const entries = readEntries(bytes, path);
        // A busy one may never rest; any commit's records tell the release.
        return { value: { backend, entries }, clean: entries.length > 0 };
      });
    if (read?.kind !== 'read') return undefined;
    const { backend, entries } = read.value;
    if (entries.length === 0) return undefined; // no dialect; of a Berkeley file, perhaps no checkpoint yet
    const { dialect, mailboxes } = readMailboxEntries(entries, base, path);
    const form = {
      text: 'text records',
      dlist: 'dlist records',
      mixed: 'text and dlist records',
      ni: 'N and I records',
    }[dialect];
    const newest = newestIndex(
      mailboxes.filter(isLive),
      dialect === 'ni' ? [base] : [confOf('3.2'), confOf('2.3')],
      trees,
    );
    const seen = `mailboxes.db (${backend}) with ${form}${newest ? `, ${newest.path} of minor version ${newest.minor}` : ''}`;
    const version = lineOf(
      dialect,
      newest?.minor,
      newest?.cache,
      mailboxes.some((m) => m.folderModseq !== undefined),
    );
    return version && { version, evidence: seen };
  } catch (error) {
    if (error instanceof FormatError) return undefined; // a damaged or unknown file tells nothing; the caller asks for --from-version
    throw error;
  } finally {
    trees.close();
  }
}

function newestIndex(
  mailboxes: readonly {
    name: Parameters<typeof placeOf>[1]['name'];
    uniqueid?: string | undefined;
    partition?: string | undefined;
    legacy: boolean;
  }[],
  confs: readonly CyrusConf[],
  trees: SourceTrees,
) {
  let newest: { minor: number; cache: number; path: string } | undefined;
  let looked = 0;
  for (const { name, uniqueid, partition, legacy } of mailboxes) {
    if (looked >= SAMPLE) break;
    for (const conf of confs) {
      const place =
        partition === undefined
          ? undefined
          : placeOf(conf, { name, uniqueid, partition, legacy: legacy || confs.length > 1 });
      if (!place) continue;
      const path = `${place.meta.index}/cyrus.index`;
      try {
        const bytes = trees.root(place.roots.meta.index)?.read(`${place.relative}/cyrus.index`);
        if (!bytes) continue;
        looked++;
        const index = readIndex(bytes, path);
        let cache = 0;
        for (let i = 0; i < index.count; i++) cache = Math.max(cache, index.cacheVersion(i));
        if (
          !newest ||
          index.minorVersion > newest.minor ||
          (index.minorVersion === newest.minor && cache > newest.cache)
        )
          newest = { minor: index.minorVersion, cache, path };
        break;
      } catch (error) {
        if (!(error instanceof FormatError)) throw error; // one bad index of many
      }
    }
  }
  return newest;
}

/** @see reference cyrus-mailbox-files.md, table of versions; cache record versions tell lines of one index version apart */
function lineOf(
  dialect: string,
  minor: number | undefined,
  cache: number | undefined,
  hasFolderModseq: boolean,
): CyrusVersion | undefined {
  if (dialect === 'ni') return minor === undefined || minor <= 17 ? '3.6' : (cache ?? 0) >= 13 ? '3.12' : '3.10';
  if (minor === undefined) return dialect === 'dlist' ? '3.2' : undefined;
  if (minor >= 17) return '3.4';
  if (minor >= 14) return '3.2';
  if (minor === 13) return (cache ?? 0) >= 6 || hasFolderModseq ? '3.0' : '2.5';
  if (dialect !== 'text') return hasFolderModseq ? '3.0' : '2.5';
  if (minor === 12) return '2.4';
  return minor >= 7 ? '2.3' : '2.2';
}
