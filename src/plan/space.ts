/** Whether what a pass is to copy and to move fits on the target's file systems: asked before the first byte. */
import { RefusedError } from '../base/errors.js';
import { formatBytes, plural } from '../base/units.js';
import type { Reserve } from '../job/job-file.js';
import { takenBy } from './collect.js';
import { type Disks, freeRoom } from './disks.js';
import type { Footprint } from './footprint.js';
import { type DiskNeed, type MoveNeeds, type MoveOrder, orderMoves } from './move-order.js';
import type { Room } from './units.js';

/** Added up mailbox by mailbox; nothing of them is kept. */
export class SpaceNeeds {
  readonly #disks: Disks;
  readonly #reserve: Reserve;
  readonly #saved: readonly Room[];
  readonly #moves: MoveNeeds[] = [];
  #order: MoveOrder | undefined;
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
    if (part > 0) this.#add(footprint, part, partition);
  }

  /**
   * Between partitions: within a file system that takes nothing; on another, what it takes is free afterwards where it
   * lay. Moves come before copies, in the order of {@link moveOrder}.
   */
  move(footprint: Footprint, part: number, from: string, to: string): void {
    const before = this.#disks.partitions.find(({ name }) => name === from);
    const after = this.#disks.partitions.find(({ name }) => name === to);
    const takes: DiskNeed[] = [];
    const frees: DiskNeed[] = [];
    if (after) {
      const lies = before && takenBy(before, this.#blockBytes, footprint);
      for (const [role, [disk, bytes, inodes]] of takenBy(after, this.#blockBytes, footprint).entries()) {
        const was = lies?.[role];
        if (bytes + inodes === 0 || part === 0 || was?.[0] === disk) continue;
        takes.push({ disk, bytes: part * bytes, inodes: part * inodes });
        if (was) frees.push({ disk: was[0], bytes: part * was[1], inodes: part * was[2] });
        this.#needs[disk]!.partitions.add(to);
      }
    }
    this.#moves.push({ takes, frees });
  }

  /** Numbers of the calls of {@link move}, in the order in which no file system is ever too full. @throws RefusedError */
  moveOrder(): readonly number[] {
    const found = this.#ordered();
    if ('order' in found) return found.order;
    throw this.#refuseStuck(found.stuck);
  }

  #ordered(): MoveOrder {
    this.#order ??= orderMoves(this.#moves, this.#free());
    return this.#order;
  }

  #free(): Room[] {
    return this.#disks.disks.map((disk) => freeRoom(disk, this.#reserve));
  }

  #refuseStuck(stuck: readonly number[]): RefusedError {
    const takes = stuck.flatMap((n) => this.#moves[n]!.takes);
    const on = new Set(takes.flatMap(({ disk }) => [...this.#needs[disk]!.partitions]));
    const least = Math.min(...stuck.map((n) => this.#moves[n]!.takes.reduce((sum, { bytes }) => sum + bytes, 0)));
    return new RefusedError(
      `${plural(stuck.length, 'mailbox', 'mailboxes')} can not be moved to partition ${[...on].sort().join(', ')}`,
      `each waits for room that another is to leave; the smallest takes ${formatBytes(Math.ceil(least))}`,
      'Free that much on one of their file systems, or leave them where they are (plan --from-csv).',
      { code: 'moves-wait-for-each-other' },
    );
  }

  #add(footprint: Footprint, part: number, partition: string): void {
    const to = this.#disks.partitions.find(({ name }) => name === partition);
    if (!to) return;
    for (const [disk, bytes, inodes] of takenBy(to, this.#blockBytes, footprint)) {
      if (bytes + inodes === 0) continue;
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
    const moving = this.#disks.disks.map(() => ({ bytes: 0, inodes: 0 }));
    const leaving = this.#disks.disks.map(() => ({ bytes: 0, inodes: 0 }));
    for (const { takes, frees } of this.#moves) {
      for (const need of takes) addNeed(moving[need.disk]!, need);
      for (const need of frees) addNeed(leaving[need.disk]!, need);
    }
    for (const [d, { partitions, ...needed }] of this.#needs.entries()) {
      const bytes = moving[d]!.bytes + Math.max(0, needed.bytes - (this.#saved[d]?.bytes ?? 0));
      const inodes = moving[d]!.inodes + Math.max(0, needed.inodes - (this.#saved[d]?.inodes ?? 0));
      const free = freeRoom(this.#disks.disks[d]!, this.#reserve);
      addNeed(free, leaving[d]!); // by the time that the last of it comes
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
    const found = this.#ordered();
    return 'stuck' in found ? this.#refuseStuck(found.stuck) : undefined;
  }
}

function addNeed(to: { bytes: number; inodes: number }, { bytes, inodes }: Room): void {
  to.bytes += bytes;
  to.inodes += inodes;
}
