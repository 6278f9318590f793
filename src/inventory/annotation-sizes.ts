/** What the annotations of each mailbox take: an index of 2.5 and later has the sum in its header, older ones have not. */
import { FormatError } from '../base/errors.js';
import { readAnnotations } from '../cyrus/records/annotations.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import { databaseFile, readSourceDatabase } from './read-mailboxes-db.js';

export class AnnotationSizes {
  readonly #bytes = new Map<string, number>();

  /** A damaged annotations.db counts as empty here; the cutover says so. */
  constructor(job: Job, trees: SourceTrees) {
    const { dir, name } = databaseFile(job.source.conf, 'annotations', 'annotations.db');
    try {
      const entries = readSourceDatabase(trees.root(dir), name, job.source.conf.version) ?? [];
      for (const { target, value, deleted } of readAnnotations(entries, `${dir}/${name}`).annotations)
        if (!deleted) this.#bytes.set(target, (this.#bytes.get(target) ?? 0) + value.length);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  }

  /** Bytes of the values of a mailbox's own annotations, shared and private ones; keys have its name or its uniqueid. */
  of(name: string, uniqueid: string): number {
    return this.#bytes.get(name) ?? this.#bytes.get(uniqueid) ?? 0;
  }
}
