/** Extension 0x0002: a worker's name behind each SubmitSharesExtended. */
import { Malformed } from "../malformed.ts";
import { encodeTlvs, findTlv } from "./tlv.ts";

export const workerTrackingExtension = 0x0002;

const userIdentityField = 0x01;
export const maxUserIdentityBytes = 32;

/**
 * To be asked only where the extension was agreed on: elsewhere the field is ignored, whatever it is.
 * @param extra fields behind the message, as its decoder gives them.
 * @returns undefined if the field is missing; Malformed above 32 bytes (3.4.3). Any characters, as the client sent them.
 */
export function decodeUserIdentity(extra: Buffer): string | undefined | Malformed {
  if (extra.length === 0) return undefined;
  const value = findTlv(extra, workerTrackingExtension, userIdentityField);
  if (value === undefined) return undefined;
  if (value.length > maxUserIdentityBytes) {
    return new Malformed(
      `SubmitSharesExtended: user_identity has ${value.length} bytes, at most ${maxUserIdentityBytes} are allowed`,
    );
  }
  return value.toString();
}

/** For miners. @throws RangeError above 32 bytes. */
export function encodeUserIdentity(userIdentity: string): Buffer {
  const value = Buffer.from(userIdentity);
  if (value.length > maxUserIdentityBytes) throw new RangeError(`${value.length} bytes of user identity`);
  return encodeTlvs([{ extensionType: workerTrackingExtension, fieldType: userIdentityField, value }]);
}
