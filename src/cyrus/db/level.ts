/**
 * Levels for a skip list: each with half the chance of the one below. Not random: the same entries give the same
 * bytes, so that what was written can be compared with what would be.
 */
export function levelSource(maxLevel: number): () => number {
  let state = 0x9e3779b9;
  return () => {
    // xorshift32 (Marsaglia 2003); its low bits are good enough for coin tosses
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.min(Math.clz32(state) + 1, maxLevel);
  };
}
