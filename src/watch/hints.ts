/** What a source of hints tells. None is ever relied on: the sweep is the truth, a hint makes it known sooner. */

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
      /** Paths of the files that a whole pass follows from, as the kernel has them: no link in them. */
      readonly databases: readonly string[];
      /** The configdirectory, likewise: users' seen databases are below it. */
      readonly configDirectory: string;
    };

/** The files of a mailbox that a sweep looks at. */
const MAILBOX_FILE = /^cyrus\.(?:index|header|annotations|expunge)$/;

/** What a file that was written on the file system means, by the source's places; others have files of such names, too. */
export class FileHints {
  readonly #databases: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;
  readonly #configDirectory: string;

  constructor({
    databases,
    configDirectory,
  }: Pick<Extract<HintSetup, { source: 'fanotify' }>, 'databases' | 'configDirectory'>) {
    this.#databases = new Set(databases);
    this.#names = new Set(databases.map((path) => path.slice(path.lastIndexOf('/') + 1)));
    this.#configDirectory = configDirectory;
  }

  /** Whether the name alone may be one. */
  mayBe(name: string): boolean {
    return MAILBOX_FILE.test(name) || this.#names.has(name) || name.endsWith('.seen');
  }

  of(directory: string, name: string): Hint | undefined {
    if (MAILBOX_FILE.test(name)) return { kind: 'directory', path: directory };
    if (this.#databases.has(`${directory}/${name}`)) return { kind: 'databases' };
    const isSeen = name.endsWith('.seen') && directory.startsWith(`${this.#configDirectory}/`);
    return isSeen ? { kind: 'read-states' } : undefined;
  }
}
