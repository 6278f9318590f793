/**
 * Which message files a mailbox should have, by its index and, in 2.3, its cyrus.expunge: ascending UIDs, a UID of both
 * is live. UNLINKED records have no file any more.
 * @see reference cyrus-mailbox-files.md 4
 */
import type { IndexView } from '../cyrus/mailbox/index.js';

export class Wanted {
  readonly count: number;
  readonly #index: IndexView;
  readonly #expunge: IndexView | undefined;
  /** Positions: 0 and up in the index, -1 and down in cyrus.expunge. */
  readonly #order: Int32Array;

  constructor(index: IndexView, expunge: IndexView | undefined) {
    this.#index = index;
    this.#expunge = expunge;
    const extra: { uid: number; at: number }[] = [];
    for (let i = 0; expunge && i < expunge.count; i++) {
      if (index.find(expunge.uid(i)) < 0) extra.push({ uid: expunge.uid(i), at: -1 - i });
    }
    extra.sort((a, b) => a.uid - b.uid);
    const order = new Int32Array(index.count + extra.length);
    let n = 0;
    let next = 0;
    for (let i = 0; i < index.count; i++) {
      const uid = index.uid(i);
      for (let e = extra[next]; e !== undefined && e.uid < uid; e = extra[++next]) {
        if (n === 0 || this.#uidAt(order[n - 1]!) !== e.uid) order[n++] = e.at;
      }
      if (!index.isUnlinked(i)) order[n++] = i;
    }
    for (let e = extra[next]; e !== undefined; e = extra[++next]) {
      if (n === 0 || this.#uidAt(order[n - 1]!) !== e.uid) order[n++] = e.at;
    }
    this.#order = order.subarray(0, n);
    this.count = n;
  }

  #uidAt(at: number): number {
    return at >= 0 ? this.#index.uid(at) : this.#expunge!.uid(-1 - at);
  }

  #view(n: number): { view: IndexView; i: number } {
    const at = this.#order[n]!;
    return at >= 0 ? { view: this.#index, i: at } : { view: this.#expunge!, i: -1 - at };
  }

  uid(n: number): number {
    return this.#uidAt(this.#order[n]!);
  }

  size(n: number): number {
    const { view, i } = this.#view(n);
    return view.size(i);
  }

  internalDate(n: number): number {
    const { view, i } = this.#view(n);
    return view.internalDate(i);
  }

  isArchived(n: number): boolean {
    const { view, i } = this.#view(n);
    return view.isArchived(i);
  }

  hasGuid(n: number): boolean {
    const { view, i } = this.#view(n);
    return !view.guidIsZero(i);
  }

  /** 40 hex digits, or `''` where the index has none. */
  guidHex(n: number): string {
    const { view, i } = this.#view(n);
    return view.guidIsZero(i) ? '' : view.guidHex(i);
  }

  /** Position of a UID, or -1. */
  find(uid: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.uid(middle);
      if (found === uid) return middle;
      if (found < uid) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

/** What was found in files whose record has no GUID, or another size; 24 bytes for each message once there is one. */
export class FoundContents {
  readonly #wanted: Wanted;
  #guids: Buffer | undefined;
  #sizes: Float64Array | undefined;
  /** 1: the size is known, 2: the GUID too. */
  #known: Uint8Array | undefined;
  /** Whether a GUID was found for a record that has none. */
  fillsGaps = false;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  /** @param n Position in `wanted`. @param guid 20 bytes. */
  set(n: number, guid: Uint8Array | undefined, sizeBytes: number): void {
    const { count } = this.#wanted;
    this.#known ??= new Uint8Array(count);
    this.#sizes ??= new Float64Array(count);
    this.#known[n] = guid ? 2 : 1;
    this.#sizes[n] = sizeBytes;
    if (!guid) return;
    this.#guids ??= Buffer.alloc(GUID_BYTES * count);
    this.#guids.set(guid, GUID_BYTES * n);
    // where all have theirs, a comparison by content leaves sync_crc as the old server has it, right or wrong
    this.fillsGaps ||= this.#wanted.guidHex(n) === '';
  }

  guidOf(uid: number): Uint8Array | undefined {
    const n = this.#known ? this.#wanted.find(uid) : -1;
    return n >= 0 && this.#known![n] === 2 ? this.#guids!.subarray(GUID_BYTES * n, GUID_BYTES * (n + 1)) : undefined;
  }

  sizeOf(uid: number): number | undefined {
    const n = this.#known ? this.#wanted.find(uid) : -1;
    return n >= 0 && this.#known![n]! > 0 ? this.#sizes![n] : undefined;
  }
}

const GUID_BYTES = 20;
