/** What cutovers remember of the configdirectory: the files that they wrote on the target, and what scripts came to. */
import type { StateDatabase } from './database.js';

export class ConfigRows {
  readonly #db: StateDatabase;

  constructor(db: StateDatabase) {
    this.#db = db;
  }

  /** Paths as the target names them, of the last cutover that wrote any. */
  *all(): Iterable<string> {
    const rows = this.#db.prepare('SELECT path FROM written').raw().all() as [Buffer][];
    for (const [path] of rows) yield path.toString('latin1');
  }

  /** From now on these are all. One commit; only what differs is written. */
  keep(paths: ReadonlySet<string>): void {
    const old = new Set(this.all());
    const add = this.#db.prepare('INSERT INTO written VALUES (?)');
    const remove = this.#db.prepare('DELETE FROM written WHERE path = ?');
    this.#db.transaction(() => {
      for (const path of old) if (!paths.has(path)) remove.run(Buffer.from(path, 'latin1'));
      for (const path of paths) if (!old.has(path)) add.run(Buffer.from(path, 'latin1'));
    })();
  }

  /** `''` where it compiled, else the error; undefined where it was never tried. */
  scriptResult(digest: string): string | undefined {
    const row = this.#db.prepare('SELECT error FROM scripts WHERE digest = ?').get(digest);
    return (row as { error: string } | undefined)?.error;
  }

  saveScriptResults(results: ReadonlyMap<string, string>): void {
    const put = this.#db.prepare('INSERT OR REPLACE INTO scripts VALUES (?, ?)');
    this.#db.transaction(() => {
      for (const [digest, error] of results) put.run(digest, error);
    })();
  }
}
