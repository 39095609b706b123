/** Messages that open, change and close mining channels (5.3.2 to 5.3.10, 5.3.21, 5.3.22). */
import { b0_32, f32, seq0_64k, str0_255, u16, u32, u256, unconstrained0_255 } from "./fields.ts";
import { defineMessage, type MessageOf } from "./message.ts";

const openFields = {
  requestId: u32,
  userIdentity: unconstrained0_255,
  /** Hashes a second; see `isHashRate`. */
  nominalHashRate: f32,
  maxTarget: u256,
};

/** A number of hashes a second: not NaN, not infinite, not negative. Any other is the client's error. */
export function isHashRate(rate: number): boolean {
  return Number.isFinite(rate) && rate >= 0;
}

/** 5.3.2 */
export const openStandardMiningChannel = defineMessage({
  name: "OpenStandardMiningChannel",
  messageType: 0x10,
  sender: "client",
  fields: openFields,
});
export type OpenStandardMiningChannel = MessageOf<typeof openStandardMiningChannel>;

/** 5.3.3 */
export const openStandardMiningChannelSuccess = defineMessage({
  name: "OpenStandardMiningChannel.Success",
  messageType: 0x11,
  sender: "server",
  fields: { requestId: u32, channelId: u32, target: u256, extranoncePrefix: b0_32, groupChannelId: u32 },
});
export type OpenStandardMiningChannelSuccess = MessageOf<typeof openStandardMiningChannelSuccess>;

/** 5.3.6, for both kinds of channel. */
export const openMiningChannelError = defineMessage({
  name: "OpenMiningChannel.Error",
  messageType: 0x12,
  sender: "server",
  fields: { requestId: u32, errorCode: str0_255 },
});
export type OpenMiningChannelError = MessageOf<typeof openMiningChannelError>;

/** 5.3.4 */
export const openExtendedMiningChannel = defineMessage({
  name: "OpenExtendedMiningChannel",
  messageType: 0x13,
  sender: "client",
  fields: { ...openFields, minExtranonceSize: u16 },
});
export type OpenExtendedMiningChannel = MessageOf<typeof openExtendedMiningChannel>;

/** 5.3.5: the size stands before the prefix, the group last. */
export const openExtendedMiningChannelSuccess = defineMessage({
  name: "OpenExtendedMiningChannel.Success",
  messageType: 0x14,
  sender: "server",
  fields: {
    requestId: u32,
    channelId: u32,
    target: u256,
    extranonceSize: u16,
    extranoncePrefix: b0_32,
    groupChannelId: u32,
  },
});
export type OpenExtendedMiningChannelSuccess = MessageOf<typeof openExtendedMiningChannelSuccess>;

/** 5.3.7 */
export const updateChannel = defineMessage({
  name: "UpdateChannel",
  messageType: 0x16,
  isChannelMessage: true,
  sender: "client",
  fields: { channelId: u32, nominalHashRate: f32, maximumTarget: u256 },
});
export type UpdateChannel = MessageOf<typeof updateChannel>;

/** 5.3.8 */
export const updateChannelError = defineMessage({
  name: "UpdateChannel.Error",
  messageType: 0x17,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, errorCode: str0_255 },
});
export type UpdateChannelError = MessageOf<typeof updateChannelError>;

/** 5.3.9: a group's id closes all channels of the group. */
export const closeChannel = defineMessage({
  name: "CloseChannel",
  messageType: 0x18,
  isChannelMessage: true,
  sender: "either",
  fields: { channelId: u32, reasonCode: str0_255 },
});
export type CloseChannel = MessageOf<typeof closeChannel>;

/** 5.3.10 */
export const setExtranoncePrefix = defineMessage({
  name: "SetExtranoncePrefix",
  messageType: 0x19,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, extranoncePrefix: b0_32 },
});
export type SetExtranoncePrefix = MessageOf<typeof setExtranoncePrefix>;

/** 5.3.21: for jobs sent from now on and for future jobs not yet active. */
export const setTarget = defineMessage({
  name: "SetTarget",
  messageType: 0x21,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, maximumTarget: u256 },
});
export type SetTarget = MessageOf<typeof setTarget>;

/** 5.3.22: without the channel bit, as chapter 8 lists it. */
export const setGroupChannel = defineMessage({
  name: "SetGroupChannel",
  messageType: 0x25,
  sender: "server",
  fields: { groupChannelId: u32, channelIds: seq0_64k(u32) },
});
export type SetGroupChannel = MessageOf<typeof setGroupChannel>;
