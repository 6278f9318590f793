/**
 * How keys are compared. `raw`: unsigned bytes (twoskip). `signed`: bytes as signed char, 0x80-0xff before 0x00-0x7f
 * (skiplist; on x86, like all Cyrus spools we know). `mbox`: `.` before every other byte but TAB and LF (flat always;
 * skiplist and twoskip for mailboxes.db and subscriptions of 2.3.8-3.4 with improved_mboxlist_sort). Of two keys that
 * agree over the length of the shorter, the shorter is first. The file does not say which order it is in.
 * @see cyrus-imapd 3.6.1 lib/bsearch.c bsearch_ncompare_raw, bsearch_ncompare_mbox, lib/cyrusdb_skiplist.c compare_signed
 */
export type KeyOrder = 'raw' | 'signed' | 'mbox';

/** lib/bsearch.c convert_to_compare, identical in 2.2 - 3.12. TAB and LF weigh the same. */
const MBOX_WEIGHT = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x09 || byte === 0x0a) return 1;
  if (byte === 0x2e) return 2;
  return byte >= 0x01 && byte <= 0x08 ? byte + 2 : byte;
});

const WEIGHT: Readonly<Record<KeyOrder, Uint8Array>> = {
  raw: Uint8Array.from({ length: 256 }, (_, byte) => byte),
  signed: Uint8Array.from({ length: 256 }, (_, byte) => byte ^ 0x80),
  mbox: MBOX_WEIGHT,
};

/** A comparison for `Array.sort`: negative, 0 (the same key to Cyrus) or positive. Characters must be bytes. */
export function compareKeys(order: KeyOrder): (a: string, b: string) => number {
  const weight = WEIGHT[order];
  return (a, b) => {
    const common = Math.min(a.length, b.length);
    for (let i = 0; i < common; i++) {
      const ca = a.charCodeAt(i);
      const cb = b.charCodeAt(i);
      if (ca !== cb) {
        const difference = weight[ca]! - weight[cb]!;
        if (difference !== 0) return difference;
      }
    }
    return a.length - b.length;
  };
}
