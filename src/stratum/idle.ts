const expectedShares = 8;
/** The smallest device of chips made for this, hashes a second. */
const slowHashrate = 10_000_000_000;
const hashesPerDifficulty = 2 ** 32;
const longestMs = 86_400_000;

/**
 * How long a connection may say nothing: the setting, or as long as a slow device needs for a few shares at its
 * difficulty, if that is longer; a day at most.
 */
export function idleLimitMs(settingMs: number, difficulty: number): number {
  const neededMs = (expectedShares * difficulty * hashesPerDifficulty * 1000) / slowHashrate;
  return Math.max(settingMs, Math.min(neededMs, longestMs));
}
