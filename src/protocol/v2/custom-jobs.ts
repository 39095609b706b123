/** Messages for work that the client selects itself (5.3.18 to 5.3.20). */
import { b0_64k, b0_255, seq0_255, str0_255, u32, u256 } from "./fields.ts";
import { defineMessage, type MessageOf } from "./message.ts";

/** 5.3.18 */
export const setCustomMiningJob = defineMessage({
  name: "SetCustomMiningJob",
  messageType: 0x22,
  isChannelMessage: true,
  sender: "client",
  fields: {
    channelId: u32,
    requestId: u32,
    miningJobToken: b0_255,
    version: u32,
    previousHash: u256,
    minNtime: u32,
    nbits: u32,
    coinbaseTxVersion: u32,
    /** Begins the script of the coinbase's input; of 8 bytes says the text, of more says the field's type. */
    coinbasePrefix: b0_255,
    coinbaseTxInputSequence: u32,
    /** With their CompactSize count. */
    coinbaseTxOutputs: b0_64k,
    coinbaseTxLocktime: u32,
    /** Deepest first. */
    merklePath: seq0_255(u256),
  },
});
export type SetCustomMiningJob = MessageOf<typeof setCustomMiningJob>;

/** 5.3.19 */
export const setCustomMiningJobSuccess = defineMessage({
  name: "SetCustomMiningJob.Success",
  messageType: 0x23,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, requestId: u32, jobId: u32 },
});
export type SetCustomMiningJobSuccess = MessageOf<typeof setCustomMiningJobSuccess>;

/** 5.3.20 */
export const setCustomMiningJobError = defineMessage({
  name: "SetCustomMiningJob.Error",
  messageType: 0x24,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, requestId: u32, errorCode: str0_255 },
});
export type SetCustomMiningJobError = MessageOf<typeof setCustomMiningJobError>;
