/**
 * What the planner goes by, in columns: a million users are a dozen typed arrays, not a million objects. Pure.
 *
 * A unit is what stays together: a user's tree, a shared tree, or with `unit = "mailbox"` each mailbox. What a unit takes
 * of a partition is a slot for each disk that the partition's roots lie on: its messages on one, archived ones and
 * metadata perhaps on others.
 */

/** What one disk holds of each unit. Columns may be shared between slots; the same array means the same figures. */
export interface Slot {
  /** Position in {@link PlacementTask.disks}. */
  readonly disk: number;
  /** What is spread evenly: bytes and files of messages, or of metadata where nothing else lies there. */
  readonly bytes: Float64Array;
  readonly files: Float64Array;
  /** What it takes of the disk: blocks and inodes, of metadata too. */
  readonly diskBytes: Float64Array;
  readonly inodes: Float64Array;
}

export interface PlanPartition {
  readonly name: string;
  /** One for each disk; where all lies on one, that. */
  readonly slots: readonly Slot[];
}

/** What a disk may hold of this job, of what is there already too; Infinity where nobody knows. */
export interface Room {
  readonly bytes: number;
  readonly inodes: number;
}

/** Messages whose names are in the same units. */
export interface LinkGroup {
  /** Positions of units, ascending; one for each name, so that a unit may stand there twice. */
  readonly units: readonly number[];
  /** Of one name of each message that was met; their number; and the sum of the squares of their sizes. */
  readonly bytes: number;
  readonly files: number;
  readonly squares: number;
}

export interface Links {
  readonly groups: readonly LinkGroup[];
  /** Of so many messages one was looked at: 1 is all. */
  readonly oneIn: number;
}

export interface PlacementTask {
  /** Names, which break ties, so that the order of the input does not matter. */
  readonly keys: readonly string[];
  readonly partitions: readonly PlanPartition[];
  readonly disks: readonly Room[];
  /** Sets of partitions that a rule allows, ascending positions in `partitions`, none empty. */
  readonly choices: readonly (readonly number[])[];
  /** Of each unit, its set. */
  readonly choice: Uint16Array;
  /** Where a unit lies or was promised to lie; -1: nowhere yet. It need not be in its set: an excluded partition keeps what it has. */
  readonly current: Int16Array;
  /** Bytes of each unit that lie there already: what it costs to move it. */
  readonly lying: Float64Array;
  /** Messages that several names share, where somebody looked. */
  readonly links?: Links | undefined;
}

/** The partition of each unit. */
export type Assignment = Int16Array;
