/** What a source of hints tells. None is ever relied on: the sweep is the truth, a hint makes it known sooner. */
import type { HintSourceName } from '../model/watch-status.js';

export type Hint =
  /** The mailbox whose index is in this directory, as this machine names it. */
  | { readonly kind: 'directory'; readonly path: string }
  /** By its internal name. */
  | { readonly kind: 'mailbox'; readonly name: string }
  /** Something that a whole pass follows from: mailboxes.db, which quota roots there are. */
  | { readonly kind: 'databases' }
  /** A user's seen database. */
  | { readonly kind: 'read-states' }
  /** Events may have been missed: look at everything. */
  | { readonly kind: 'lost'; readonly why: string };

/** What a thread of hint-worker.ts is given; paths are real ones, one character per byte. */
export type HintSetup =
  | { readonly source: 'chokidar'; readonly databases: readonly string[]; readonly indexes: readonly string[] }
  /** Names below the root. */
  | { readonly source: 'log'; readonly root: string; readonly names: readonly string[] }
  | {
      readonly source: 'fanotify';
      /** One directory on each file system. */
      readonly roots: readonly string[];
      /** Names of the files that are databases. */
      readonly databases: readonly string[];
    };

export type ThreadSource = Exclude<HintSourceName, 'sweep'>;

/** The files of a mailbox that a sweep looks at. */
const MAILBOX_FILE = /^cyrus\.(?:index|header|annotations|expunge)$/;

/** What a file that was written means. @param databases Names of those that a whole pass follows from. */
export function hintOfFile(directory: string, name: string, databases: ReadonlySet<string>): Hint | undefined {
  if (MAILBOX_FILE.test(name)) return { kind: 'directory', path: directory };
  if (databases.has(name)) return { kind: 'databases' };
  return name.endsWith('.seen') ? { kind: 'read-states' } : undefined;
}
