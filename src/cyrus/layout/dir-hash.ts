/**
 * The hash directory of a name.
 * @param name The bytes that are hashed (which ones: see the callers).
 * @param full `fulldirhash`: one of A…W; else the first letter in lower case, `q` for all that is no letter.
 * @see cyrus-imapd 2.2–3.12 lib/util.c dir_hash_c; reference cyrus-names-and-databases.md 3.1
 */
export function hashChar(name: string, full: boolean): string {
  if (!full) {
    const c = name.slice(0, 1).toLowerCase();
    return c >= 'a' && c <= 'z' ? c : 'q';
  }
  let n = 0;
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i);
    if (byte === 0x2e) break; // the hash ends at a dot
    n = ((n << 3) ^ (n >>> 5) ^ byte) >>> 0;
  }
  return String.fromCharCode(0x41 + (n % 23));
}
