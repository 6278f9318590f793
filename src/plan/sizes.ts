/**
 * Sizes that cost a look into the index: what of a mailbox is archived, what its metadata take. Asked for only where the
 * target keeps these on disks of their own, and remembered while the mailbox stays as it is.
 */
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import type { SourceTrees } from '../disk/trees.js';
import type { PlacementRows, SizesRow } from '../state/placement-rows.js';
import { type Footprint, plainFootprint } from './footprint.js';
import type { PlannedMailbox } from './plan-input.js';
import { readSourceIndex } from './source-index.js';

/** Rows of one transaction. */
const BATCH = 2000;

export class Sizes {
  readonly #rows: PlacementRows;
  readonly #trees: SourceTrees | undefined;
  readonly #pending: SizesRow[] = [];

  /** @param trees Where it may look; without, it goes by what is remembered. */
  constructor(rows: PlacementRows, trees: SourceTrees | undefined) {
    this.#rows = rows;
    this.#trees = trees;
  }

  of(mailbox: PlannedMailbox): Footprint {
    const plain = plainFootprint(mailbox.summary?.bytes ?? 0, mailbox.summary?.files ?? 0);
    if (!mailbox.summary) return plain;
    const known =
      this.#rows.sizes(mailbox.uniqueid, mailbox.print) ?? (this.#trees && this.#measure(mailbox, this.#trees));
    if (!known) return plain;
    return {
      ...plain,
      dataBytes: Math.max(0, plain.dataBytes - known.archivedBytes),
      dataFiles: Math.max(0, plain.dataFiles - known.archivedFiles),
      archivedBytes: known.archivedBytes,
      archivedFiles: known.archivedFiles,
      indexBytes: known.indexBytes,
      cacheBytes: known.cacheBytes,
    };
  }

  #measure({ uniqueid, print, place }: PlannedMailbox, trees: SourceTrees): SizesRow {
    const { roots, relative } = place;
    const size = (root: string, name: string) => Number(trees.root(root)?.stat(`${relative}/${name}`)?.sizeBytes ?? 0);
    const { bytes, files } = archivedOf(place, trees);
    const row = {
      uniqueid,
      print,
      archivedBytes: bytes,
      archivedFiles: files,
      indexBytes:
        size(roots.meta.index, 'cyrus.index') +
        size(roots.meta.header, 'cyrus.header') +
        size(roots.meta.annotations, 'cyrus.annotations'),
      cacheBytes: size(roots.meta.cache, 'cyrus.cache'),
    };
    this.#pending.push(row);
    if (this.#pending.length >= BATCH) this.save();
    return row;
  }

  /** What was measured goes into the state. */
  save(): void {
    if (this.#pending.length === 0) return;
    this.#rows.saveSizes(this.#pending.splice(0));
  }
}

/** Where the index can't be read all counts as data. */
function archivedOf(place: MailboxPlace, trees: SourceTrees): { bytes: number; files: number } {
  const index = place.archive === null ? undefined : readSourceIndex(place, trees);
  let bytes = 0;
  let files = 0;
  for (let i = 0; index && i < index.count; i++) {
    if (!index.isArchived(i) || index.isUnlinked(i)) continue;
    files++;
    if (!index.isExpunged(i)) bytes += index.size(i);
  }
  return { bytes, files };
}
