import type { MessageOf } from "../../src/protocol/v2/message.ts";
import { type AnyCodec, messages } from "../../src/protocol/v2/registry.ts";
import type { RandomSource } from "./random.ts";

/** A message of every kind, with random values: by the names of its fields, which mean the same everywhere. */
export function randomMessage(codec: AnyCodec, random: RandomSource): MessageOf<AnyCodec> {
  const names = fieldNames[codec.name]!.split(" ");
  return Object.fromEntries(names.map((name) => [name, randomValue(codec.name, name, random)]));
}

/** Every message as a frame, so that each field has some length. */
export function randomFrames(random: RandomSource): Buffer[] {
  return messages.map((codec) => codec.encode(randomMessage(codec, random)));
}

const open = "requestId userIdentity nominalHashRate maxTarget";
const submit = "channelId sequenceNumber jobId nonce ntime version";

/** In the specification's order. */
const fieldNames: Readonly<Record<string, string>> = {
  SetupConnection:
    "protocol minVersion maxVersion flags endpointHost endpointPort vendor hardwareVersion firmware deviceId",
  "SetupConnection.Success": "usedVersion flags",
  "SetupConnection.Error": "flags errorCode",
  ChannelEndpointChanged: "channelId",
  Reconnect: "newHost newPort",
  OpenStandardMiningChannel: open,
  "OpenStandardMiningChannel.Success": "requestId channelId target extranoncePrefix groupChannelId",
  "OpenMiningChannel.Error": "requestId errorCode",
  OpenExtendedMiningChannel: `${open} minExtranonceSize`,
  "OpenExtendedMiningChannel.Success":
    "requestId channelId target extranonceSize extranoncePrefix groupChannelId",
  NewMiningJob: "channelId jobId minNtime version merkleRoot",
  UpdateChannel: "channelId nominalHashRate maximumTarget",
  "UpdateChannel.Error": "channelId errorCode",
  CloseChannel: "channelId reasonCode",
  SetExtranoncePrefix: "channelId extranoncePrefix",
  SubmitSharesStandard: submit,
  SubmitSharesExtended: `${submit} extranonce`,
  "SubmitShares.Success": "channelId lastSequenceNumber newSubmitsAcceptedCount newSharesSum",
  "SubmitShares.Error": "channelId sequenceNumber errorCode",
  NewExtendedMiningJob:
    "channelId jobId minNtime version versionRollingAllowed merklePath coinbaseTxPrefix coinbaseTxSuffix",
  SetNewPrevHash: "channelId jobId previousHash minNtime nbits",
  SetTarget: "channelId maximumTarget",
  SetCustomMiningJob:
    "channelId requestId miningJobToken version previousHash minNtime nbits coinbaseTxVersion coinbasePrefix " +
    "coinbaseTxInputSequence coinbaseTxOutputs coinbaseTxLocktime merklePath",
  "SetCustomMiningJob.Success": "channelId requestId jobId",
  "SetCustomMiningJob.Error": "channelId requestId errorCode",
  SetGroupChannel: "groupChannelId channelIds",
  RequestExtensions: "requestId requestedExtensions",
  "RequestExtensions.Success": "requestId supportedExtensions",
  "RequestExtensions.Error": "requestId unsupportedExtensions requiredExtensions",
};

function randomValue(message: string, name: string, random: RandomSource): unknown {
  const some = <Value>(make: () => Value) => Array.from({ length: random.integer(0, 5) }, make);
  const u32 = () => random.integer(0, 0xffffffff);
  const u16 = () => random.integer(0, 0xffff);
  if (name === "protocol") return random.integer(0, 255);
  if (/^(min|max|used)Version$/.test(name)) return u16();
  if (name.endsWith("Size") || name.endsWith("Port")) return u16();
  if (name === "requestId" && message.startsWith("RequestExtensions")) return u16();
  if (name.endsWith("Extensions")) return some(u16);
  if (name === "channelIds") return some(u32);
  if (name === "merklePath") return some(() => random.bytes(32));
  if (name === "versionRollingAllowed") return random.integer(0, 1) === 1;
  if (name === "nominalHashRate") return Math.fround(random.integer(0, 2 ** 50));
  if (name === "newSharesSum") return random.bigint(64);
  if (name === "minNtime" && /New.*MiningJob/.test(message))
    return random.integer(0, 1) === 0 ? undefined : u32();
  if (/[tT]arget$|merkleRoot|previousHash/.test(name)) return random.bytes(32);
  if (/extranonce/.test(name)) return random.bytes(random.integer(0, 32));
  if (/Token|coinbasePrefix/.test(name)) return random.bytes(random.integer(0, 255));
  if (/TxPrefix|TxSuffix|TxOutputs/.test(name)) return random.bytes(random.integer(0, 300));
  if (/Code|Host|vendor|hardware|firmware|device|Identity/.test(name))
    return `é${random.bytes(random.integer(0, 120)).toString("hex")}`;
  return u32();
}
