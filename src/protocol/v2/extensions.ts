/** Extension 0x0001: which extensions both sides know. */
import { seq0_64k, u16 } from "./fields.ts";
import { defineMessage, type MessageOf } from "./message.ts";

export const negotiationExtension = 0x0001;

/** A list of 32,756 extensions, where two are known to exist: what fits one encrypted chunk is enough. */
const acceptedPayload = 65_519;

export const requestExtensions = defineMessage({
  name: "RequestExtensions",
  extensionType: negotiationExtension,
  messageType: 0x00,
  sender: "client",
  acceptedPayload,
  fields: { requestId: u16, requestedExtensions: seq0_64k(u16) },
});
export type RequestExtensions = MessageOf<typeof requestExtensions>;

export const requestExtensionsSuccess = defineMessage({
  name: "RequestExtensions.Success",
  extensionType: negotiationExtension,
  messageType: 0x01,
  sender: "server",
  fields: { requestId: u16, supportedExtensions: seq0_64k(u16) },
});
export type RequestExtensionsSuccess = MessageOf<typeof requestExtensionsSuccess>;

/** `requiredExtensions`: those that the server insists on and the client did not ask for. */
export const requestExtensionsError = defineMessage({
  name: "RequestExtensions.Error",
  extensionType: negotiationExtension,
  messageType: 0x02,
  sender: "server",
  fields: { requestId: u16, unsupportedExtensions: seq0_64k(u16), requiredExtensions: seq0_64k(u16) },
});
export type RequestExtensionsError = MessageOf<typeof requestExtensionsError>;
