/**
 * The write-ahead log of a Berkeley environment (`db/log.0000000001` …). A commit is in the log at once, in the
 * database files only after the next checkpoint (`ctl_cyrusdb -c`, every 30 minutes mostly), a stopped server or not.
 */

/** @see Berkeley DB 5.3 src/dbinc/log.h DB_LOGMAGIC, HDR_NORMAL_SZ; the same since 4.2 */
const LOG_MAGIC = 0x040988;
const HEADER_SIZE = 12;
/** @see Berkeley DB 5.3 src/dbinc_auto/txn_auto.h DB___txn_regop, DB___txn_ckp */
const COMMIT = 10;
const CHECKPOINT = 11;

/**
 * Whether a transaction was committed after the last checkpoint in this log file; undefined where it can't be told:
 * another format (encrypted, older than 4.2), cut off, or neither of both in it.
 */
export function commitsAfterCheckpoint(log: Buffer): boolean | undefined {
  if (log.length < HEADER_SIZE + 4) return undefined;
  const little = log.readUInt32LE(HEADER_SIZE) === LOG_MAGIC;
  if (!little && log.readUInt32BE(HEADER_SIZE) !== LOG_MAGIC) return undefined;
  const u32 = (at: number) => (little ? log.readUInt32LE(at) : log.readUInt32BE(at));
  let committed: boolean | undefined; // a file without a checkpoint goes on from the one before
  // Each record: offset of the one before, its own length, a checksum; then its type.
  for (let at = 0; at + HEADER_SIZE + 4 <= log.length; ) {
    const length = u32(at + 4);
    if (length === 0) break; // the file is made in its full size
    if (length < HEADER_SIZE + 4 || at + length > log.length) return undefined;
    const type = u32(at + HEADER_SIZE);
    if (type === COMMIT) committed = true;
    else if (type === CHECKPOINT) committed = false;
    at += length;
  }
  return committed;
}
