import type { FirmwareProfile } from "../../src/stratum/firmware.ts";

/** What is assumed of clients that no profile matches; tests change what they are about. */
export const anUnknownFirmware: FirmwareProfile = {
  name: "default",
  agents: [],
  examples: [],
  about: "",
  sources: [],
  coinbaseBytes: 750,
  difficultyMin: 1,
  difficultyStart: undefined,
  fractionalDifficulty: false,
  extranonce2Bytes: { min: 4, max: 8 },
  versionMaskMessage: "never",
  followsRaises: true,
  easesBeforeFirstShare: true,
  userNameBytes: 512,
  userNameCut: undefined,
  showsMessages: false,
  followsReconnect: "same-host",
};

export function aFirmware(changes: Partial<FirmwareProfile>): FirmwareProfile {
  return { ...anUnknownFirmware, name: "tested", ...changes };
}
