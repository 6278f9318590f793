/** Whether what a pass is to copy and to move fits on the target's file systems: asked before the first byte. */
import { RefusedError } from '../base/errors.js';
import { formatBytes, plural } from '../base/units.js';
import type { Reserve } from '../job/job-file.js';
import { takenBy } from './collect.js';
import { type Disks, freeRoom } from './disks.js';
import type { Footprint } from './footprint.js';
import type { Room } from './units.js';

/** Added up mailbox by mailbox; nothing of them is kept. */
export class SpaceNeeds {
  readonly #disks: Disks;
  readonly #reserve: Reserve;
  readonly #saved: readonly Room[];
  readonly #blockBytes: readonly number[];
  readonly #needs: { bytes: number; inodes: number; partitions: Set<string> }[];

  /** @param saved By disk, what hard links save of all that is to be copied. */
  constructor(disks: Disks, reserve: Reserve, saved: readonly Room[] = []) {
    this.#disks = disks;
    this.#saved = saved;
    this.#reserve = reserve;
    this.#blockBytes = disks.disks.map((disk) => disk.blockBytes);
    this.#needs = disks.disks.map(() => ({ bytes: 0, inodes: 0, partitions: new Set() }));
  }

  /** @param part How much of the mailbox is not there yet, 0 to 1. */
  copy(footprint: Footprint, part: number, partition: string): void {
    if (part > 0) this.#add(footprint, part, partition, () => true);
  }

  /**
   * Between partitions: within a file system that takes nothing. What becomes free where it lay is not counted on: not
   * before all is there.
   */
  move(footprint: Footprint, part: number, from: string, to: string): void {
    const before = this.#disks.partitions.find(({ name }) => name === from);
    const had = new Set(before ? Object.values(before.disk) : []);
    this.#add(footprint, part, to, (disk) => !had.has(disk));
  }

  #add(footprint: Footprint, part: number, partition: string, counts: (disk: number) => boolean): void {
    const to = this.#disks.partitions.find(({ name }) => name === partition);
    if (!to) return;
    for (const [disk, bytes, inodes] of takenBy(to, this.#blockBytes, footprint)) {
      if (bytes + inodes === 0 || !counts(disk)) continue;
      const need = this.#needs[disk]!;
      need.bytes += part * bytes;
      need.inodes += part * inodes;
      need.partitions.add(partition);
    }
  }

  /** @throws RefusedError with the shortfall. */
  check(): void {
    const refusal = this.refusal();
    if (refusal) throw refusal;
  }

  /** What {@link check} throws, if anything. */
  refusal(): RefusedError | undefined {
    for (const [d, { partitions, ...needed }] of this.#needs.entries()) {
      const bytes = needed.bytes - (this.#saved[d]?.bytes ?? 0);
      const inodes = needed.inodes - (this.#saved[d]?.inodes ?? 0);
      const free = freeRoom(this.#disks.disks[d]!, this.#reserve);
      const where = `partition ${[...partitions].join(', ')}`;
      const next =
        'Free space, add a partition to the new imapd.conf, run `cyrsync plan --rebalance`, or leave users out.';
      if (bytes > free.bytes)
        return new RefusedError(
          `It does not fit on ${where}`,
          `${formatBytes(bytes)} are to be copied, ${formatBytes(free.bytes)} are free: ${formatBytes(bytes - free.bytes)} short`,
          next,
          { code: 'no-space' },
        );
      if (inodes > free.inodes)
        return new RefusedError(
          `It does not fit on ${where}`,
          `${plural(Math.ceil(inodes), 'file')} are to be made, ${plural(Math.floor(free.inodes), 'inode')} are free: ${Math.ceil(inodes - free.inodes)} short`,
          next,
          { code: 'no-inodes' },
        );
    }
    return undefined;
  }
}
