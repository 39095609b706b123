import type { Clock } from "../clock.ts";
import type { Addon } from "../native/addon.ts";

const firstNonces = 1 << 14;
const longEnoughMs = 10;

/**
 * Measures what one thread can do, for some milliseconds in which nothing else happens.
 * @returns hashes a second.
 */
export function measureHashRate(addon: Pick<Addon, "scanNonces">, clock: Clock): number {
  const header = new Uint8Array(80);
  const impossible = new Uint8Array(32);
  for (let nonces = firstNonces; ; nonces *= 2) {
    const startedMs = clock.monotonicMs();
    addon.scanNonces(header, impossible, 0, nonces);
    const tookMs = clock.monotonicMs() - startedMs;
    if (tookMs >= longEnoughMs) return (nonces / tookMs) * 1000;
  }
}
