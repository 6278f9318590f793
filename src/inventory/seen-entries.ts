/** The owners' read state, which up to 2.3 lies in the seen databases and from 2.4 on in the index. */
import { FormatError } from '../base/errors.js';
import { userFile } from '../cyrus/layout/config-paths.js';
import type { User } from '../cyrus/names/mailbox-name.js';
import { parseSeen } from '../cyrus/records/seen.js';
import { fingerprintOf } from '../disk/file-stat.js';
import { putStatWords, STAT_WORDS } from '../disk/stat-sweep.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { OwnerSeen } from '../model/sync-task.js';
import { areRacy } from './fingerprint.js';
import { readSourceDatabase } from './read-mailboxes-db.js';

const ANYONE: User = { localpart: 'anyone' };

/** Reads one user's seen database at a time; ask for the mailboxes of one user together. */
export class SeenEntries {
  readonly #job: Job;
  readonly #trees: SourceTrees;
  readonly #problems: ProblemList;
  /**
   * Of each database that was looked for, by its path below the configdirectory: the words of its stat before it was
   * first read (disk/stat-sweep.ts); null where another write could hide behind the same times.
   */
  readonly words = new Map<string, Int32Array | null>();
  /** One could not be read: what was made without it is to be made again. */
  hasDamaged = false;
  #anyone: ReadonlyMap<string, OwnerSeen> | undefined;
  #user = '';
  #entries: ReadonlyMap<string, OwnerSeen> = new Map();

  constructor(job: Job, trees: SourceTrees, problems: ProblemList) {
    this.#job = job;
    this.#trees = trees;
    this.#problems = problems;
  }

  /** @param sourceId The uniqueid by which the source knows the mailbox. */
  of(user: User | undefined, sourceId: string): OwnerSeen | undefined {
    if (!user) return undefined;
    const key = `${user.domain ?? ''}!${user.localpart}`;
    if (key !== this.#user) {
      this.#user = key;
      this.#entries = this.#read(user);
    }
    return this.#entries.get(sourceId);
  }

  /** Of the pseudo-user whose state all share where the mailbox has the sharedseen option. */
  ofAnyone(sourceId: string): OwnerSeen | undefined {
    this.#anyone ??= this.#read(ANYONE);
    return this.#anyone.get(sourceId);
  }

  /** Below the configdirectory. */
  pathOf(user: User): string {
    return userFile(this.#job.source.conf, user, 'seen');
  }

  get pathOfAnyone(): string {
    return this.pathOf(ANYONE);
  }

  #read(user: User): Map<string, OwnerSeen> {
    const { conf } = this.#job.source;
    const file = this.pathOf(user);
    const path = `${conf.configDirectory}/${file}`;
    this.#look(file);
    const found = new Map<string, OwnerSeen>();
    try {
      for (const { key, value } of readSourceDatabase(this.#trees.root(conf.configDirectory), file, conf.version) ??
        []) {
        const { lastUid, lastChangeSec, uids } = parseSeen(value, path);
        found.set(key, { lastUid, lastChangeSec, uids: uids.toString() });
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.hasDamaged = true;
      this.#problems.add({
        code: 'seen-damaged',
        message: error.message,
        advice: 'Its user may find mail unread; see whether a backup has a sound copy.',
        path,
      });
    }
    return found;
  }

  #look(file: string): void {
    if (this.words.has(file)) return;
    const words = new Int32Array(STAT_WORDS);
    putStatWords(fingerprintOf(this.#trees.root(this.#job.source.conf.configDirectory)?.stat(file)), words, 0);
    this.words.set(file, areRacy(words, Date.now()) ? null : words);
  }
}
