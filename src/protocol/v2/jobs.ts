/** Messages that hand out work (5.3.15 to 5.3.17). */
import { b0_64k, bool, option, seq0_255, u32, u256 } from "./fields.ts";
import { defineMessage, type MessageOf } from "./message.ts";

/** 5.3.15, for standard channels. Without `minNtime` it is a future job, which a SetNewPrevHash activates. */
export const newMiningJob = defineMessage({
  name: "NewMiningJob",
  messageType: 0x15,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, jobId: u32, minNtime: option(u32), version: u32, merkleRoot: u256 },
});
export type NewMiningJob = MessageOf<typeof newMiningJob>;

/** 5.3.16, for extended channels and groups. The parts of the coinbase come without BIP 141's fields. */
export const newExtendedMiningJob = defineMessage({
  name: "NewExtendedMiningJob",
  messageType: 0x1f,
  isChannelMessage: true,
  sender: "server",
  fields: {
    channelId: u32,
    jobId: u32,
    minNtime: option(u32),
    version: u32,
    versionRollingAllowed: bool,
    /** Deepest first. */
    merklePath: seq0_255(u256),
    coinbaseTxPrefix: b0_64k,
    coinbaseTxSuffix: b0_64k,
  },
});
export type NewExtendedMiningJob = MessageOf<typeof newExtendedMiningJob>;

/** 5.3.17: `jobId` names a future job sent before on the channel. */
export const setNewPrevHash = defineMessage({
  name: "SetNewPrevHash",
  messageType: 0x20,
  isChannelMessage: true,
  sender: "server",
  fields: { channelId: u32, jobId: u32, previousHash: u256, minNtime: u32, nbits: u32 },
});
export type SetNewPrevHash = MessageOf<typeof setNewPrevHash>;
