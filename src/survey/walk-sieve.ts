/**
 * The scripts: a directory for each user, where the server looks for that user, and what lies elsewhere. A directory that
 * did not change costs a stat: scripts and their bytecode are written under another name and renamed.
 */
import { parseSieveDirPath, sieveDir } from '../cyrus/layout/config-paths.js';
import { toUserid } from '../cyrus/names/mailbox-name.js';
import { fingerprintOf } from '../disk/file-stat.js';
import type { SourceEntry, SourceRoot } from '../disk/source.js';
import type { Counts } from '../model/account.js';
import type { ConfigFileFacts } from './classify.js';
import { filePart, otherPart, plainFinding } from './finding.js';
import { isUnfinished, UNFINISHED } from './place.js';
import { homeOf, inboxById, misplaced } from './walk-config.js';
import { addFile, entriesOf, isSettled, join, namesIn, type WalkContext } from './walk-context.js';

export function walkSieve(context: WalkContext): void {
  const { sieveUseHomedir, sieveDir: path } = context.job.source.conf;
  const root = sieveUseHomedir || path === '' ? undefined : context.trees.root(path);
  if (root && context.roots.canonical.get(path) === path)
    new SieveWalk(context, root, context.ledger.root('sieve', path)).visit('');
}

type SievePlace = {
  readonly isLive: boolean;
  readonly of: string;
  readonly computed: string | undefined;
  readonly why: ConfigFileFacts['why'];
};

/** The census' word for a directory of scripts, with all that is no directory in `odd`. */
const SCRIPTS = 'sieve';
type SieveEntry = readonly [name: string, kind: SourceEntry['kind'], bytes: number];

class SieveWalk {
  readonly #context: WalkContext;
  readonly #root: SourceRoot;
  readonly #counts: Counts;
  readonly #nowNs = BigInt(Date.now()) * 1_000_000n;

  constructor(context: WalkContext, root: SourceRoot, counts: Counts) {
    this.#context = context;
    this.#root = root;
    this.#counts = counts;
  }

  visit(relative: string): void {
    const listing = this.#list(relative);
    if (!listing) return;
    const { directories, others } = listing;
    this.#counts.directories++;
    const place = relative === '' ? undefined : this.#placeOf(relative);
    const scripts: SieveEntry[] = [];
    for (const [name, kind, bytes] of others) {
      const at = join(relative, name);
      if (kind === 'file') addFile(this.#counts, bytes);
      const part = kind === 'file' ? filePart(join(this.#root.path, at), bytes) : otherPart(join(this.#root.path, at));
      if (kind === 'file' && isUnfinished(name)) this.#context.found(plainFinding(UNFINISHED, [part]));
      else if (!place) this.#context.found(plainFinding({ kind: 'foreign', what: 'no scripts are kept here' }, [part]));
      else scripts.push([name, kind, bytes]);
    }
    if (place?.isLive) {
      for (const [, kind, bytes] of scripts)
        if (kind === 'file') this.#context.ledger.add('sieve', { files: 1, bytes });
    } else if (place) this.#stale(relative, place, scripts, others.length === 0 && directories.length === 0);
    for (const name of directories) {
      const at = join(relative, name);
      if (!this.#context.roots.isRoot(join(this.#root.path, at), this.#root.stat(at))) this.visit(at);
    }
  }

  /** As the census remembers it, or as it is. */
  #list(relative: string): { directories: string[]; others: SieveEntry[] } | undefined {
    const { census } = this.#context;
    const stat = relative === '' ? this.#root.identity() : this.#root.stat(relative);
    if (!stat) return undefined;
    const path = join(this.#root.path, relative);
    const print = fingerprintOf(stat);
    const row = census.get(path);
    if (row?.mailbox === SCRIPTS && row.print === print)
      return { directories: namesIn(row), others: JSON.parse(row.odd) as SieveEntry[] };
    const entries = entriesOf(this.#context, this.#root, relative);
    if (!entries) return undefined;
    const directories = entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name);
    const others = entries
      .filter(({ kind }) => kind !== 'directory')
      .map(({ name, kind }): SieveEntry => {
        const bytes = kind === 'file' ? (this.#root.stat(join(relative, name))?.sizeBytes ?? 0) : 0;
        return [name, kind, bytes];
      });
    const none = { files: 0, bytes: 0, messages: 0 };
    if (isSettled(stat, this.#nowNs))
      census.save({
        path,
        print,
        mailbox: SCRIPTS,
        directories: directories.join('/'),
        ...none,
        odd: JSON.stringify(others),
      });
    return { directories, others };
  }

  #placeOf(relative: string): SievePlace | undefined {
    const { conf } = this.#context.job.source;
    const found = parseSieveDirPath(relative, conf);
    if (!found) return undefined;
    switch (found.kind) {
      case 'global':
        return { isLive: true, of: 'global', computed: undefined, why: 'bucket' };
      case 'user-by-id': {
        const inbox = inboxById(this.#context, found.uniqueid);
        return { isLive: inbox !== undefined, of: `of uniqueid ${found.uniqueid}`, computed: undefined, why: 'gone' };
      }
      case 'user': {
        const { byId, isGone } = homeOf(this.#context, found.user);
        const computed = sieveDir(conf, found.user, byId);
        const why = isGone ? 'gone' : byId !== undefined ? 'by-uniqueid' : 'bucket';
        return {
          isLive: computed === relative && !isGone,
          of: toUserid(found.user),
          computed: isGone ? undefined : computed,
          why,
        };
      }
      default:
        return found satisfies never;
    }
  }

  #stale(relative: string, { of, computed, why }: SievePlace, scripts: readonly SieveEntry[], isEmpty: boolean): void {
    const files = scripts.filter(([, kind]) => kind === 'file');
    const part = {
      path: `${this.#root.path}/${relative}`,
      files: files.length,
      messages: 0,
      bytes: files.reduce((sum, [, , bytes]) => sum + bytes, 0),
      directories: 1,
    };
    if (isEmpty) this.#context.found(plainFinding({ kind: 'empty' }, [part]));
    if (scripts.length === 0) return;
    this.#context.found(plainFinding(misplaced(this.#root, 'user-file', of, computed, why), [part]));
  }
}
