/**
 * Adds up mailboxes to units, in columns, whatever order they come in; the result is in the order of keys. Pure.
 */
import { type PartitionDisks, ROLES, type Role } from './disks.js';
import { CACHE_FILES, type Footprint, INDEX_FILES, overheadBytes, plainFootprint } from './footprint.js';
import { KeyTable } from './key-table.js';
import type { Ruled } from './rules.js';
import type { PlanPartition, Slot } from './units.js';

const PLAIN = ['mailboxes', 'dataBytes', 'dataFiles'] as const;
const APART = ['archivedBytes', 'archivedFiles', 'indexBytes', 'cacheBytes'] as const;
type Column = (typeof PLAIN)[number] | (typeof APART)[number];

/** What is summed of each unit, one array each; what is only guessed from these has none. */
export type UnitColumns = Readonly<
  Record<(typeof PLAIN)[number], Float64Array> & Partial<Record<(typeof APART)[number], Float64Array>>
>;

export interface Collected {
  readonly keys: readonly string[];
  /** What people call the unit; the key itself but with `unit = "mailbox"`, and where the source's partition counts. */
  nameOf(u: number): string;
  /** Position of a key. */
  readonly positions: { get(key: string): number | undefined };
  /** Hash of the user that it is of, or is a part of (key-table.ts); 0: nobody's. */
  readonly owner: Float64Array;
  readonly columns: UnitColumns;
  /** Of its messages, archived ones too. */
  bytesOf(u: number): number;
  filesOf(u: number): number;
  /** Rule of each unit, as positions in `rules`. */
  readonly rule: Uint16Array;
  readonly rules: readonly Ruled['rule'][];
  /** Partition of the target on which most of the unit's bytes lie, -1 where none do; and how many. */
  readonly lyingAt: Int16Array;
  readonly lying: Float64Array;
}

const FIRST_SIZE = 1024;

export class UnitCollector {
  #table = new KeyTable();
  readonly #names = new Map<number, string>();
  #columns: Partial<Record<Column, Float64Array>>;
  readonly #kinds: readonly Column[];
  #rule = new Uint16Array(FIRST_SIZE);
  readonly #rules: Ruled['rule'][] = [];
  readonly #ruleNumbers = new Map<Ruled['rule'], number>();
  #owner = new Float64Array(FIRST_SIZE);
  #lyingAt = new Int16Array(FIRST_SIZE).fill(-1);
  #lying = new Float64Array(FIRST_SIZE);
  /** Bytes by partition, of the few units that lie on several. */
  readonly #scattered = new Map<number, Map<number, number>>();

  /** @param apart Archived messages and metadata are known by themselves. */
  constructor(apart = false) {
    this.#kinds = apart ? [...PLAIN, ...APART] : PLAIN;
    this.#columns = makeColumns(this.#kinds, FIRST_SIZE);
  }

  /** @param lyingAt Partition of the target that has `lying` bytes of it, -1: none. @param owner See {@link Collected}. */
  add({ key, name, rule }: Ruled, footprint: Footprint, lyingAt: number, lying: number, owner = 0): void {
    const known = this.#table.keys.length;
    const u = this.#table.put(key);
    if (u === known) {
      if (u === this.#rule.length) this.#grow();
      this.#owner[u] = owner;
      if (name !== key) this.#names.set(u, name);
      let number = this.#ruleNumbers.get(rule);
      if (number === undefined) {
        number = this.#rules.push(rule) - 1;
        this.#ruleNumbers.set(rule, number);
      }
      this.#rule[u] = number;
    }
    for (const kind of this.#kinds) this.#columns[kind]![u]! += footprint[kind];
    if (lyingAt >= 0) this.#addLying(u, lyingAt, lying);
  }

  #addLying(u: number, p: number, bytes: number): void {
    const before = this.#lyingAt[u]!;
    let parts = this.#scattered.get(u);
    if (before < 0 || (before === p && !parts)) {
      this.#lyingAt[u] = p;
      this.#lying[u]! += bytes;
      return;
    }
    if (!parts) {
      parts = new Map([[before, this.#lying[u]!]]);
      this.#scattered.set(u, parts);
    }
    parts.set(p, (parts.get(p) ?? 0) + bytes);
    for (const [at, sum] of [...parts].sort(([a], [b]) => a - b))
      if (sum > (parts.get(this.#lyingAt[u]!) ?? 0)) this.#lyingAt[u] = at;
    this.#lying[u] = [...parts.values()].reduce((a, b) => a + b, 0);
  }

  #grow(): void {
    const size = 2 * this.#rule.length;
    this.#columns = makeColumns(this.#kinds, size, this.#columns);
    this.#rule = enlarged(new Uint16Array(size), this.#rule);
    this.#owner = enlarged(new Float64Array(size), this.#owner);
    this.#lyingAt = enlarged(new Int16Array(size).fill(-1), this.#lyingAt);
    this.#lying = enlarged(new Float64Array(size), this.#lying);
  }

  /** Ends it. */
  finish(): Collected {
    const arrived = this.#table.keys;
    this.#table = new KeyTable();
    const order = inOrder(arrived);
    const keys = order ? Array.from(order, (u) => arrived[u]!) : arrived;
    const names = new Map<number, string>();
    if (this.#names.size > 0)
      for (let at = 0; at < keys.length; at++) {
        const name = this.#names.get(order ? order[at]! : at);
        if (name !== undefined) names.set(at, name);
      }
    const sorted: Partial<Record<Column, Float64Array>> = {};
    for (const kind of this.#kinds) {
      sorted[kind] = picked(this.#columns[kind]!, keys.length, order);
      delete this.#columns[kind];
    }
    const columns = sorted as UnitColumns;
    return {
      keys,
      nameOf: (u) => names.get(u) ?? keys[u]!,
      positions: new KeyTable(keys),
      owner: picked(this.#owner, keys.length, order),
      columns,
      bytesOf: (u) => columns.dataBytes[u]! + (columns.archivedBytes?.[u] ?? 0),
      filesOf: (u) => columns.dataFiles[u]! + (columns.archivedFiles?.[u] ?? 0),
      rule: picked(this.#rule, keys.length, order),
      rules: this.#rules,
      lyingAt: picked(this.#lyingAt, keys.length, order),
      lying: picked(this.#lying, keys.length, order),
    };
  }
}

/** Numbers of the names, ascending by name; undefined where they are so already, as rows of a state are mostly. */
function inOrder(names: readonly string[]): Uint32Array | undefined {
  let isSorted = true;
  for (let i = 1; i < names.length && isSorted; i++) isSorted = names[i - 1]! < names[i]!;
  return isSorted ? undefined : Uint32Array.from(names.keys()).sort((a, b) => (names[a]! < names[b]! ? -1 : 1));
}

function makeColumns(
  kinds: readonly Column[],
  size: number,
  from: Partial<Record<Column, Float64Array>> = {},
): Partial<Record<Column, Float64Array>> {
  return Object.fromEntries(
    kinds.map((kind) => {
      const column = new Float64Array(size);
      column.set(from[kind] ?? []);
      return [kind, column];
    }),
  );
}

function enlarged<T extends { set(from: T): void }>(to: T, from: T): T {
  to.set(from);
  return to;
}

/** In that order; as it is, and no copy, without one. */
function picked<T extends Float64Array | Uint16Array | Int16Array>(from: T, count: number, order?: Uint32Array): T {
  if (!order) return from.subarray(0, count) as T;
  const to = from.slice(0, count) as T;
  for (let at = 0; at < count; at++) to[at] = from[order[at]!]!;
  return to;
}

const BYTES: Readonly<Record<Role, Column>> = {
  data: 'dataBytes',
  archive: 'archivedBytes',
  index: 'indexBytes',
  cache: 'cacheBytes',
};

/** What units take of each partition: a slot for each disk that it lies on, the one with the messages first. */
export function slotsOf(
  partitions: readonly PartitionDisks[],
  blockBytes: readonly number[],
  columns: UnitColumns,
): PlanPartition[] {
  const made = new Map<string, Float64Array>();
  const sum = (name: string, parts: readonly (readonly [Column, number])[]): Float64Array => {
    const only = onlyColumn(columns, parts);
    if (only) return only;
    let column = made.get(name);
    if (!column) {
      column = new Float64Array(columns.mailboxes.length);
      for (const [kind, factor] of parts) addColumn(column, columns, kind, factor);
      made.set(name, column);
    }
    return column;
  };
  return partitions.map(({ name, disk }) => {
    const byDisk = new Map<number, Role[]>();
    for (const role of ROLES) byDisk.set(disk[role], [...(byDisk.get(disk[role]) ?? []), role]);
    const slots = [...byDisk].map(([at, roles]): Slot => {
      const messages = roles.filter((role) => role === 'data' || role === 'archive');
      const spread = messages.length > 0 ? messages : roles;
      const overhead = overheadBytes(blockBytes[at]!);
      return {
        disk: at,
        bytes: sum(
          `bytes ${spread}`,
          spread.map((role) => [BYTES[role], 1]),
        ),
        files: sum(
          `files ${spread}`,
          spread.map((role) => filesOf(role, 1)),
        ),
        diskBytes: sum(`disk ${roles} ${overhead}`, [
          ...roles.map((role) => [BYTES[role], 1] as const),
          ...roles.map((role) => filesOf(role, overhead)),
        ]),
        inodes: sum(
          `inodes ${roles}`,
          roles.map((role) => filesOf(role, 1)),
        ),
      };
    });
    return { name, slots };
  });
}

/** Where the sum is one column as it is. */
function onlyColumn(columns: UnitColumns, parts: readonly (readonly [Column, number])[]): Float64Array | undefined {
  const some = parts.filter(([kind]) => columns[kind] || plainFootprint(1, 1)[kind] > 0);
  return some.length === 1 && some[0]![1] === 1 ? columns[some[0]![0]] : undefined;
}

/** A column that nobody measured is guessed as {@link plainFootprint} does. */
function addColumn(to: Float64Array, columns: UnitColumns, kind: Column, factor: number): void {
  const from = columns[kind];
  if (from) {
    for (let u = 0; u < to.length; u++) to[u]! += from[u]! * factor;
    return;
  }
  const none = plainFootprint(0, 0)[kind];
  const each = plainFootprint(0, 1)[kind] - none;
  const { mailboxes, dataFiles } = columns;
  for (let u = 0; u < to.length; u++) to[u]! += (mailboxes[u]! * none + dataFiles[u]! * each) * factor;
}

function filesOf(role: Role, factor: number): readonly [Column, number] {
  if (role === 'data') return ['dataFiles', factor];
  if (role === 'archive') return ['archivedFiles', factor];
  return ['mailboxes', factor * (role === 'index' ? INDEX_FILES : CACHE_FILES)];
}

/** What one mailbox of a partition takes of each disk: `[disk, bytes, inodes]`. The same reckoning, one at a time. */
export function takenBy(
  { disk }: PartitionDisks,
  blockBytes: readonly number[],
  footprint: Footprint,
): (readonly [number, number, number])[] {
  return ROLES.map((role) => {
    const [column, factor] = filesOf(role, 1);
    const files = footprint[column] * factor;
    return [disk[role], footprint[BYTES[role]] + files * overheadBytes(blockBytes[disk[role]]!), files] as const;
  });
}
