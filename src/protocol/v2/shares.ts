/** Messages about shares (5.3.11 to 5.3.14). `submit-shares.ts` has quick ways for those that come by the thousand. */
import { b0_32, str0_255, u32, u64 } from "./fields.ts";
import { defineMessage, type MessageOf } from "./message.ts";

const submitFields = {
  channelId: u32,
  sequenceNumber: u32,
  jobId: u32,
  nonce: u32,
  ntime: u32,
  /** The whole field of the block header. */
  version: u32,
};

/** 5.3.11 */
export const submitSharesStandard = defineMessage({
  name: "SubmitSharesStandard",
  messageType: 0x1a,
  isChannelMessage: true,
  sender: "client",
  fields: submitFields,
});
export type SubmitSharesStandard = MessageOf<typeof submitSharesStandard>;

/** 5.3.12 */
export const submitSharesExtended = defineMessage({
  name: "SubmitSharesExtended",
  messageType: 0x1b,
  isChannelMessage: true,
  sender: "client",
  fields: { ...submitFields, extranonce: b0_32 },
});
export type SubmitSharesExtended = MessageOf<typeof submitSharesExtended>;

/** 5.3.13: count and sum are of this answer's shares only. */
export const submitSharesSuccess = defineMessage({
  name: "SubmitShares.Success",
  messageType: 0x1c,
  isChannelMessage: true,
  sender: "server",
  fields: {
    channelId: u32,
    lastSequenceNumber: u32,
    newSubmitsAcceptedCount: u32,
    /** Sum of the difficulties of the shares' targets. */
    newSharesSum: u64,
  },
});
export type SubmitSharesSuccess = MessageOf<typeof submitSharesSuccess>;

/** 5.3.14 */
export const submitSharesError = defineMessage({
  name: "SubmitShares.Error",
  messageType: 0x1d,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, sequenceNumber: u32, errorCode: str0_255 },
});
export type SubmitSharesError = MessageOf<typeof submitSharesError>;
