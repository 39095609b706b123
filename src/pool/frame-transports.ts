import type { Addon } from "../native/addon.ts";
import { createNativeTransports, type NativeTransportOptions } from "../native/frame-transport.ts";
import type { FrameTransport, TransportKeys } from "../protocol/v2/frame-transport.ts";
import { CipherTransport } from "../protocol/v2/noise/cipher-transport.ts";

export interface FrameTransportOptions extends NativeTransportOptions {
  readonly addon: NativeTransportOptions["addon"] & Pick<Addon, "hasAead">;
}

/** Maker of Stratum V2's transports: native ones, unless this Node's OpenSSL is out of the addon's reach. One a thread. */
export function createTransports(options: FrameTransportOptions): (keys: TransportKeys) => FrameTransport {
  if (options.addon.hasAead) return createNativeTransports(options);
  return (keys) => new CipherTransport(options, keys);
}
