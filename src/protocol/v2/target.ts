/** Targets on the wire: a U256 has the same order of bytes as ours. */
import { integerLittleEndian, type Target, targetOf } from "../../bitcoin/target.ts";

/** Below this a target asks for more than 2^128 hashes, and no `Target` can be made of it. */
const hardestTarget = 1n << 128n;

/**
 * @param bytes of a U256, as a client sent it.
 * @returns undefined for a target harder than anything on any chain, 0 among them: nobody can mine for it.
 */
export function targetFromU256(bytes: Uint8Array): Target | undefined {
  const value = integerLittleEndian(bytes);
  return value < hardestTarget ? undefined : targetOf(value);
}

export function u256OfTarget(target: Target): Uint8Array {
  return target.bytes;
}
