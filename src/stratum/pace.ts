/** What a poor link changes for its device. Pure: the round-trip time that was measured comes in. */

/**
 * The share rate asked of a device on such a link. A slow answer is mostly a sign of a thin or lossy one (satellite, a
 * mobile network at its edge), where a share costs hundreds of bytes both ways and each one lost is a wait of seconds.
 * Fewer, heavier shares pay the same; only their number's luck is greater. Steps, and not a curve, so that jitter moves
 * nothing: up to 300 ms, which the far side of the planet needs on a good line, all of `base`; up to 600 ms, which a
 * geostationary satellite needs, half of it; above, a quarter.
 * @param rttMs undefined, too, while it is unknown.
 */
export function sharesPerMinuteFor(base: number, rttMs: number | undefined): number {
  if (rttMs === undefined || !(rttMs > goodRttMs)) return base;
  return rttMs > thinRttMs ? base / 4 : base / 2;
}

const goodRttMs = 300;
const thinRttMs = 600;

/**
 * How long shares on the previous tip count after the new one was sent. The new job needs half a round-trip to the
 * device and a share found just before needs half of one back, so a whole one is the least; twice is for its jitter.
 * @param rttMs undefined, too, while it is unknown.
 */
export function staleGraceMsFor(baseMs: number, rttMs: number | undefined): number {
  if (rttMs === undefined || !(rttMs > 0)) return baseMs;
  return baseMs + Math.min(2 * rttMs, maxExtraGraceMs);
}

/** A device cannot buy more by answering late on purpose. */
const maxExtraGraceMs = 10_000;
