/** The state: one SQLite file beside the job file, mode 0600, in WAL mode with full synchronisation. */
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import Database from 'better-sqlite3';
import { BusyError, ConfigError, CyrsyncError } from '../base/errors.js';
import { holderOf, type JobHolder } from './job-holder.js';

const SCHEMA_VERSION = 2;

const SCHEMA = `
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE passes (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, startedAt TEXT NOT NULL, finishedAt TEXT, complete INTEGER NOT NULL DEFAULT 0,
  seconds REAL, figures TEXT
);
CREATE TABLE mailboxes (
  id INTEGER PRIMARY KEY,
  uniqueid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  sourceKey TEXT NOT NULL,          -- partition and directory on the source
  headerPrint TEXT NOT NULL,        -- of cyrus.header: while it stays, so does the uniqueid read from it
  print TEXT NOT NULL,              -- fingerprint of the index files when the figures below were read
  indexVersion INTEGER NOT NULL, uidvalidity INTEGER NOT NULL, lastUid INTEGER NOT NULL, messages INTEGER NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL,
  targetPartition TEXT, targetRelative TEXT,  -- where it lies on the target; null: nowhere yet
  staged INTEGER NOT NULL DEFAULT 0,          -- its files wait in .cyrsync of targetPartition
  syncedFiles INTEGER NOT NULL DEFAULT 0, syncedMessages INTEGER NOT NULL DEFAULT 0, -- records at the last copy: what the guard goes by
  syncedPrint TEXT,                 -- fingerprint at the last durable copy; null: never, or racy
  form TEXT,                        -- of what cyrus.header and converted indexes were made from
  making TEXT,                      -- the part of it that an unchanged mailboxes.db says
  inFlight INTEGER NOT NULL DEFAULT 0,
  deferred INTEGER NOT NULL DEFAULT 0         -- passes in a row
);
CREATE INDEX mailboxesByName ON mailboxes (name);
CREATE TABLE assigned (sourceId TEXT NOT NULL, name TEXT NOT NULL, uniqueid TEXT NOT NULL UNIQUE, PRIMARY KEY (sourceId, name)) WITHOUT ROWID;
CREATE TABLE placement (
  unit TEXT PRIMARY KEY, partition TEXT NOT NULL, reason TEXT NOT NULL,
  bytes INTEGER NOT NULL, files INTEGER NOT NULL, placedAt TEXT NOT NULL -- its size then, and when
) WITHOUT ROWID;
CREATE TABLE problems (key TEXT PRIMARY KEY, problem TEXT NOT NULL, since TEXT NOT NULL, lastSeen TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hashes (path TEXT PRIMARY KEY, print TEXT NOT NULL, guid TEXT NOT NULL) WITHOUT ROWID;
`;

/** Memory of the leftovers, which any version may find missing and makes anew. */
const LEFTOVERS = `
CREATE TABLE IF NOT EXISTS census (
  path TEXT PRIMARY KEY, print TEXT NOT NULL, mailbox TEXT NOT NULL, directories TEXT NOT NULL,
  files INTEGER NOT NULL, bytes INTEGER NOT NULL, messages INTEGER NOT NULL, odd TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS witnesses (
  path TEXT PRIMARY KEY, print TEXT NOT NULL,  -- a message file of a leftover
  how TEXT NOT NULL, mailbox TEXT NOT NULL, mailboxPrint TEXT NOT NULL,
  root TEXT NOT NULL, relative TEXT NOT NULL, filePrint TEXT NOT NULL  -- the live file with the same content
) WITHOUT ROWID;
-- Stale directories whose messages were all found, and everything that this rests on.
CREATE TABLE IF NOT EXISTS proven (
  path TEXT PRIMARY KEY, print TEXT NOT NULL, proof TEXT NOT NULL, rests TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rescued (
  owner TEXT PRIMARY KEY, name TEXT NOT NULL, uniqueid TEXT NOT NULL, partition TEXT NOT NULL, relative TEXT NOT NULL,
  legacy INTEGER NOT NULL, uidvalidity INTEGER NOT NULL
) WITHOUT ROWID;
-- Indexes that were looked through for the contents of searchedFor, and had none of them.
CREATE TABLE IF NOT EXISTS searched (mailbox TEXT PRIMARY KEY, print TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS searchedFor (guid TEXT PRIMARY KEY) WITHOUT ROWID;
`;
/** Memory of cutovers; without it they compile scripts once more, and leave what an earlier one wrote. */
const CONFIG = `
CREATE TABLE IF NOT EXISTS written (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scripts (digest TEXT PRIMARY KEY, error TEXT NOT NULL) WITHOUT ROWID;
`;
/** A cache beside the tables, made where it is missing: a state of before it needs no migration. */
const SWEEP = `
CREATE TABLE IF NOT EXISTS sweep (part INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
-- What is newer than the parts say, by a mailbox's place in them; null: to be looked at in any case.
CREATE TABLE IF NOT EXISTS sweepNews (position INTEGER PRIMARY KEY, words BLOB);
`;
/** What placing goes by: memory that any version may find missing and makes anew. */
const PLACEMENT = `
-- What is to lie elsewhere than on a partition's own root, as the index of that fingerprint says.
CREATE TABLE IF NOT EXISTS sizes (
  uniqueid TEXT PRIMARY KEY, print TEXT NOT NULL, archivedBytes INTEGER NOT NULL, archivedFiles INTEGER NOT NULL,
  indexBytes INTEGER NOT NULL, cacheBytes INTEGER NOT NULL
) WITHOUT ROWID;
-- Messages that are one file under names in several units, or twice in one: units as a JSON array of keys, one a name.
CREATE TABLE IF NOT EXISTS links (
  id INTEGER PRIMARY KEY, units TEXT NOT NULL, bytes INTEGER NOT NULL, files INTEGER NOT NULL, squares REAL NOT NULL,
  oneIn INTEGER NOT NULL -- of so many messages one was looked at
);
-- The size of the whole source, as plans saw it: how it grows.
CREATE TABLE IF NOT EXISTS growth (at TEXT PRIMARY KEY, bytes INTEGER NOT NULL, files INTEGER NOT NULL) WITHOUT ROWID;
`;

/** Added beside the tables likewise: what is known of whole users. */
const UNITS = `CREATE TABLE IF NOT EXISTS units (
  unit TEXT PRIMARY KEY,
  lastUseSec INTEGER,  -- newest sign of use that was met
  denied TEXT,         -- its entry of user_deny.db when it was first seen; '' for none
  begun TEXT,          -- when a cutover began to write it into the target's databases
  final TEXT           -- when it was cut over: from then on the target's is the live one
) WITHOUT ROWID`;

export type StateDatabase = Database.Database;

/** Where the addon usually lies; better-sqlite3 alone looks for it in a dozen places (8 ms of a start). */
function binding(): { nativeBinding?: string } {
  try {
    return {
      nativeBinding: createRequire(import.meta.url).resolve('better-sqlite3/build/Release/better_sqlite3.node'),
    };
  } catch {
    return {}; // it will find it, or say what it misses
  }
}

/** Opens or makes the state file. */
export function openStateDatabase(file: string): StateDatabase {
  closeSync(openSync(file, 'a', 0o600)); // SQLite itself would go by the umask
  const db = new Database(file, { timeout: 5000, ...binding() });
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL'); // a power cut must not lose the "in flight" commit
  db.pragma('cache_size = -4000'); // KiB; better-sqlite3's own 16 MB make nothing faster here
  const versionOf = () => db.pragma('user_version', { simple: true }) as number;
  if (versionOf() === 0) {
    // `status`, which takes no lock of the job, may come in between: only one makes the tables.
    const make = db.transaction(() => {
      if (versionOf() === 0) db.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
    });
    make.immediate();
  }
  const version = versionOf();
  if (version !== SCHEMA_VERSION) {
    db.close();
    throw new ConfigError(
      `${file} is of another version of cyrsync`,
      `its schema is ${version}, this one writes ${SCHEMA_VERSION}`,
      'Go on with the version that began this job, or name another state file in the job file.',
    );
  }
  db.exec(LEFTOVERS);
  db.exec(CONFIG);
  db.exec(SWEEP);
  db.exec(UNITS);
  db.exec(PLACEMENT);
  return db;
}

/** A state file that another connection of this process has opened and looked at. */
export function openToRead(file: string): StateDatabase {
  return new Database(file, { readonly: true, timeout: 5000, ...binding() });
}

/** A database in a temporary file without a name, gone when it is closed. It need not outlive anything. */
export function openScratch(schema: string): StateDatabase {
  const db = new Database('', binding());
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.exec(schema);
  return db;
}

/** Who works on the job now. */
export function holderOfJob(stateFile: string): JobHolder | undefined {
  return holderOf(lockFile(stateFile));
}

const lockFile = (stateFile: string) => `${stateFile}-lock`;

const LOST =
  'Put it back from a backup. Without one: unless a cutover is final already, move it away with its -wal and -shm and run presync, which looks at what the target has and goes on.';

/** By the first word of SQLite's code. @see https://www.sqlite.org/rescode.html */
const STATE_ADVICE: Readonly<Record<string, string>> = {
  CORRUPT: LOST,
  NOTADB: LOST,
  FULL: 'Make room where it lies, and run this again.',
  READONLY: 'Run as a user who may write it and the directory that it lies in.',
  CANTOPEN: 'Run as a user who may write it and the directory that it lies in.',
  PERM: 'Run as a user who may write it and the directory that it lies in.',
  IOERR: 'A disk is full or has failed: look at the one it lies on, and run this again.',
  BUSY: 'Another program has it open: end that, and run this again.',
};

/** What SQLite threw, for the administrator; undefined for any other error, and for what is a defect of ours. */
export function stateFailure(error: unknown, stateFile: string): CyrsyncError | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const word = /^SQLITE_([A-Z]+)/.exec(String(error.code))?.[1];
  const advice = word === undefined ? undefined : STATE_ADVICE[word];
  if (advice === undefined) return undefined;
  return new CyrsyncError(`The state ${stateFile} can not be used`, error.message, advice, {
    code: 'state-file',
    cause: error,
  });
}

/**
 * Keeps other commands away from this job until released; the system releases it where the process dies.
 * @throws BusyError where another command holds it.
 */
export function lockJob(stateFile: string): () => void {
  const file = lockFile(stateFile);
  closeSync(openSync(file, 'a', 0o600));
  const db = new Database(file, { timeout: 0, ...binding() });
  try {
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY'))) throw error;
    const holder = holderOf(file);
    throw new BusyError(
      'Another cyrsync works on this job',
      holder ? `${holder.command ?? 'it'} is process ${holder.pid}` : `${file} is locked`,
      'Wait until it is done, or stop it with SIGTERM, then run this again.',
      { cause: error },
    );
  }
  return () => db.close();
}
