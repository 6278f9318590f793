/** Compiled Sieve scripts (`NAME.bc`): of which version they are, and which one a server can run. */
import { type CyrusVersion, isAtLeast } from '../version.js';

const MAGIC = 'CyrSBytecode';

/** Version of the bytecode, or undefined where it is none. @see cyrus-imapd 3.6.1 sieve/bc_emit.c sieve_emit_bytecode */
export function bytecodeVersion(bytes: Buffer): number | undefined {
  if (bytes.length < MAGIC.length + 4 || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
  return bytes.readUInt32BE(MAGIC.length);
}

/** BYTECODE_VERSION of sieve/bytecode.h: what that version writes, and the newest that it runs. */
const VERSIONS = [
  ['3.12', 0x22],
  ['3.10', 0x20],
  ['3.6', 0x1f],
  ['3.4', 0x1e],
  ['3.2', 0x1b],
  ['3.0', 0x11],
  ['2.4', 9], // 2.4.17 has 5 yet, 2.4.22 has 9
  ['2.3', 5],
  ['2.2', 3],
] as const;

/**
 * The newest bytecode that a server of `version` runs. Older code runs as well, from 3 on, and from 3.2 on the server
 * compiles the script anew at the next delivery. 2.2 alone runs no other than its own.
 * @see cyrus-imapd 2.2.13, 3.12.3 sieve/bc_eval.c; 3.6.1 imap/sieve_db.c sieve_script_rebuild
 */
export function newestBytecode(version: CyrusVersion): number {
  return VERSIONS.find(([since]) => isAtLeast(version, since))![1];
}
