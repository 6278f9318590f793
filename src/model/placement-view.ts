/** A plan as the outputs show it. Types only. */

export interface PartitionSum {
  readonly name: string;
  readonly path: string;
  /** Of its file system, which others may be on too; 0 where it does not say. */
  readonly capacityBytes: number;
  readonly users: number;
  readonly mailboxes: number;
  readonly files: number;
  readonly bytes: number;
  /** `bytes` of the capacity. */
  readonly fill: number;
  /** The same for partitions that share a file system. */
  readonly fileSystem: string;
  /** Of the file system, all that is in use: with what others keep there, and on the target with what is to come. */
  readonly fileSystemFill: number;
}

export interface TargetPartitionSum extends PartitionSum {
  /** What part of the whole it should carry by the room on its disks; 0: it takes no part in spreading. */
  readonly share: number;
  /** What it carries against that; 1 is even. */
  readonly measure: number;
  /** Disks of other kinds of files, where they are not that of the messages. */
  readonly apart: readonly {
    readonly kind: string;
    readonly path: string;
    readonly fileSystem: string;
    readonly fileSystemFill: number;
  }[];
}

export interface UnitSum {
  readonly unit: string;
  readonly partition: string;
  readonly bytes: number;
  readonly files: number;
}

/** Mailboxes that lie on one partition of the target, and on another after the next pass. */
export interface PlannedWay {
  readonly from: string;
  readonly to: string;
  readonly mailboxes: number;
  readonly bytes: number;
}

export interface PlannedMoves {
  /** Mailboxes that lie elsewhere on the target than they will after the next pass. */
  readonly mailboxes: number;
  readonly bytes: number;
  /** Of these bytes, what goes to another file system: a copy, not a rename. */
  readonly bytesCopied: number;
  /** From partition to partition, the largest first. */
  readonly ways: readonly PlannedWay[];
}

/** Why a unit lies where it does. */
export interface Explanation {
  /** The mailbox or unit that was asked for. */
  readonly name: string;
  readonly unit: string;
  readonly partition: string;
  readonly reason: string;
  /** Directories of the mailbox; of a unit without a mailbox of its name, null. */
  readonly from: string | null;
  readonly to: string | null;
  readonly mailboxes: number;
  readonly bytes: number;
  readonly files: number;
  /** Partitions of the source that it lies on. */
  readonly sourcePartitions: readonly string[];
  /** Of all units, by bytes; 1 is the largest. */
  readonly rank: number;
  readonly units: number;
  /** What it was when it was placed; null where nobody noted. */
  readonly bytesWhenPlaced: number | null;
  readonly rule: string;
  readonly partitions: readonly {
    readonly name: string;
    /** Whether it may lie there, and why not. */
    readonly allowed: boolean;
    readonly because: string;
    /** What the partition carries of its share without it, and with it. */
    readonly without: number;
    readonly with: number;
    readonly fits: boolean;
  }[];
  /** Where mailboxes of it lie now on the target, and go from at the next pass. */
  readonly moves: readonly PlannedWay[];
}
