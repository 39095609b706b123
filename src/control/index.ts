export { type AskOptions, askPool } from "./client.ts";
export {
  type ControlAnswer,
  type ControlCommand,
  type ControlHandlers,
  type ControlRequest,
  maxDrainSeconds,
  maxMessageCharacters,
} from "./protocol.ts";
export { type ControlOptions, type ControlServer, openControl } from "./server.ts";
