/**
 * All messages by extension and type together: RequestExtensions and SetupConnection have the same type (8). And how long
 * a payload a server takes of each, which it knows from the header, before any of the payload has come.
 */
import * as channels from "./channels.ts";
import * as common from "./common.ts";
import * as customJobs from "./custom-jobs.ts";
import * as extensions from "./extensions.ts";
import * as jobs from "./jobs.ts";
import type { MessageCodec } from "./message.ts";
import * as shares from "./shares.ts";

/** A codec of whatever message: for its name and bounds. */
export type AnyCodec = MessageCodec<unknown>;

export const messages: readonly AnyCodec[] = [
  common.setupConnection,
  common.setupConnectionSuccess,
  common.setupConnectionError,
  common.channelEndpointChanged,
  common.reconnect,
  channels.openStandardMiningChannel,
  channels.openStandardMiningChannelSuccess,
  channels.openMiningChannelError,
  channels.openExtendedMiningChannel,
  channels.openExtendedMiningChannelSuccess,
  jobs.newMiningJob,
  channels.updateChannel,
  channels.updateChannelError,
  channels.closeChannel,
  channels.setExtranoncePrefix,
  shares.submitSharesStandard,
  shares.submitSharesExtended,
  shares.submitSharesSuccess,
  shares.submitSharesError,
  jobs.newExtendedMiningJob,
  jobs.setNewPrevHash,
  channels.setTarget,
  customJobs.setCustomMiningJob,
  customJobs.setCustomMiningJobSuccess,
  customJobs.setCustomMiningJobError,
  channels.setGroupChannel,
  extensions.requestExtensions,
  extensions.requestExtensionsSuccess,
  extensions.requestExtensionsError,
];

/** Room for fields of extensions behind a message. */
export const maxExtraBytes = 512;

/**
 * A message that a server does not know or never receives is ignored, not refused (3.4.1), so it has to be taken in: as
 * much as fits one encrypted chunk (4.6).
 */
export const maxIgnoredPayload = 65_519;

const byType = new Map(messages.map((codec) => [keyOf(codec.extensionType, codec.messageType), codec]));

/** @param extensionType without the channel bit, as `FrameHeader` has it. */
export function findMessage(extensionType: number, messageType: number): AnyCodec | undefined {
  return byType.get(keyOf(extensionType, messageType));
}

/** Longest payload that a server takes of a message, once the connection is set up; a longer one closes it. */
export function mostPayload(extensionType: number, messageType: number): number {
  const codec = findMessage(extensionType, messageType);
  if (codec === undefined || codec.sender === "server") return maxIgnoredPayload;
  return codec.acceptedPayload + maxExtraBytes;
}

/** The same before the connection is set up: there is one message to wait for, and anything else is a breach. */
export function mostPayloadBeforeSetup(extensionType: number, messageType: number): number {
  const { setupConnection } = common;
  return findMessage(extensionType, messageType) === setupConnection
    ? setupConnection.maxPayload + maxExtraBytes
    : 0;
}

function keyOf(extensionType: number, messageType: number): number {
  return extensionType * 0x100 + messageType;
}
