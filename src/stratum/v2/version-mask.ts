/** What miners may roll without asking: BIP 320's bits and those that BIP 323 adds to them. */
const rollable = 0x1fffffe0;

/**
 * V2 has no mask to negotiate: a job allows version rolling or does not, and who rolls uses the bits of BIP 323.
 * @param configured `stratum.versionMask`; 0 for a pool that wants all versions as they are.
 */
export function versionMaskOf(configured: number): number {
  return configured === 0 ? 0 : (rollable | configured) >>> 0;
}
