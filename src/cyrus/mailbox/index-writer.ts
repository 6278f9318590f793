import { crc32 } from '../../base/crc32.js';
import { type HeaderField, INDEX_LAYOUTS, type IndexLayout, type Place, type RecordField } from './index-layout.js';
import type { IndexSums } from './index-sums.js';

/**
 * Fields into a new cyrus.index. A field that the version lacks is left out silently, so that one piece of code
 * writes every version; CRCs come last, by {@link IndexWriter.sealRecord} and {@link IndexWriter.seal}.
 */
export class IndexWriter {
  readonly bytes: Buffer;
  readonly layout: IndexLayout;

  /** `bytes` has room for the header and all records; its version says the layout. */
  constructor(bytes: Buffer) {
    const layout = INDEX_LAYOUTS.get(bytes.readUInt32BE(8));
    if (!layout) throw new RangeError(`no index version ${bytes.readUInt32BE(8)}`);
    this.bytes = bytes;
    this.layout = layout;
  }

  /** An empty index of `version` with room for `count` records, its first 24 bytes filled in but for generation. */
  static create(version: number, count: number): IndexWriter {
    const layout = INDEX_LAYOUTS.get(version);
    if (!layout) throw new RangeError(`no index version ${version}`);
    const bytes = Buffer.alloc(layout.headerSize + count * layout.recordSize);
    bytes.writeUInt32BE(version, 8);
    bytes.writeUInt32BE(layout.headerSize, 12);
    bytes.writeUInt32BE(layout.recordSize, 16);
    bytes.writeUInt32BE(count, 20);
    return new IndexWriter(bytes);
  }

  header(field: HeaderField, value: number | bigint): void {
    put(this.bytes, 0, this.layout.header[field], value);
  }

  record(i: number, field: RecordField, value: number | bigint): void {
    put(this.bytes, this.recordOffset(i), this.layout.record[field], value);
  }

  guid(i: number, guid: Uint8Array): void {
    if (guid.length !== 20) throw new RangeError(`a GUID of ${guid.length} bytes`);
    if (this.layout.record.guid) this.bytes.set(guid, this.recordOffset(i) + this.layout.record.guid.at);
  }

  /** `offset` below 2^48: its upper 16 bits go beside the version. 0 = no cache record. */
  cache(i: number, offset: number, version: number, crc: number): void {
    if (!(offset >= 0 && offset < 2 ** 48)) throw new RangeError(`cache offset ${offset}`);
    this.record(i, 'cacheOffset', offset % 2 ** 32);
    this.record(i, 'cacheVersion', Math.floor(offset / 2 ** 32) * 0x1_0000 + (version & 0xffff));
    this.record(i, 'cacheCrc', crc);
  }

  sums(sums: IndexSums): void {
    this.header('exists', sums.exists);
    this.header('quotaUsedBytes', sums.bytes);
    this.header('answered', sums.answered);
    this.header('deleted', sums.deleted);
    this.header('flagged', sums.flagged);
    this.header('unseen', sums.unseen);
    this.header('quotaDeletedUsed', sums.deletedBytes);
    this.header('quotaExpungedUsed', sums.expungedBytes);
    this.header('firstExpunged', sums.firstExpunged);
  }

  recordOffset(i: number): number {
    return this.layout.headerSize + i * this.layout.recordSize;
  }

  /** Sets the record's CRC, where the version has one. */
  sealRecord(i: number): void {
    this.#seal(this.recordOffset(i), this.layout.recordSize);
  }

  /** Sets the header's CRC, where the version has one. */
  seal(): void {
    this.#seal(0, this.layout.headerSize);
  }

  #seal(start: number, length: number): void {
    if (!this.layout.hasCrc) return;
    const end = start + length - 4;
    this.bytes.writeUInt32BE(crc32(this.bytes.subarray(start, end)), end);
  }
}

function put(bytes: Buffer, start: number, place: Place | undefined, value: number | bigint): void {
  if (!place) return;
  const at = start + place.at;
  if (place.bytes === 4) bytes.writeUInt32BE(Number(value), at);
  else bytes.writeBigUInt64BE(BigInt(value) * (place.ns ? 1_000_000_000n : 1n), at);
}
