/** Messages that are the same in every protocol of Stratum V2 (3.6). */
import { str0_255, u8, u16, u32, unconstrained0_255 } from "./fields.ts";
import { defineMessage, type MessageOf } from "./message.ts";

/** Values of `SetupConnection.protocol`. */
export const protocols = { mining: 0, jobDeclaration: 1, templateDistribution: 2 } as const;

/** The only version there is: what `minVersion` to `maxVersion` must include. */
export const protocolVersion = 2;

/** `SetupConnection.flags` of the mining protocol (5.3.1): what the client requires. */
export const setupFlags = {
  requiresStandardJobs: 1 << 0,
  requiresWorkSelection: 1 << 1,
  requiresVersionRolling: 1 << 2,
} as const;

/** `SetupConnection.Success.flags` of the mining protocol (5.3.1): what the server requires. */
export const setupSuccessFlags = {
  requiresFixedVersion: 1 << 0,
  requiresExtendedChannels: 1 << 1,
} as const;

/** 3.6.1: the first message on every connection. Its texts are the device's own: any characters, NULs among them. */
export const setupConnection = defineMessage({
  name: "SetupConnection",
  messageType: 0x00,
  sender: "client",
  fields: {
    protocol: u8,
    minVersion: u16,
    maxVersion: u16,
    flags: u32,
    endpointHost: unconstrained0_255,
    endpointPort: u16,
    vendor: unconstrained0_255,
    hardwareVersion: unconstrained0_255,
    firmware: unconstrained0_255,
    deviceId: unconstrained0_255,
  },
});
export type SetupConnection = MessageOf<typeof setupConnection>;

/** 3.6.2 */
export const setupConnectionSuccess = defineMessage({
  name: "SetupConnection.Success",
  messageType: 0x01,
  sender: "server",
  fields: { usedVersion: u16, flags: u32 },
});
export type SetupConnectionSuccess = MessageOf<typeof setupConnectionSuccess>;

/** 3.6.3: `flags` are those that caused the error, 0 if something else did. */
export const setupConnectionError = defineMessage({
  name: "SetupConnection.Error",
  messageType: 0x02,
  sender: "server",
  fields: { flags: u32, errorCode: str0_255 },
});
export type SetupConnectionError = MessageOf<typeof setupConnectionError>;

/** 3.6.4 */
export const channelEndpointChanged = defineMessage({
  name: "ChannelEndpointChanged",
  messageType: 0x03,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32 },
});
export type ChannelEndpointChanged = MessageOf<typeof channelEndpointChanged>;

/** 3.6.5: an empty host and port 0 stand for the present ones. */
export const reconnect = defineMessage({
  name: "Reconnect",
  messageType: 0x04,
  sender: "server",
  fields: { newHost: str0_255, newPort: u16 },
});
export type Reconnect = MessageOf<typeof reconnect>;
