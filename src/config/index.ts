export {
  feeMillionths,
  millionthsOfPercent,
  type PortSettings,
  payees,
  stratumPorts,
  windowThousandths,
  workerCount,
} from "./derive.ts";
export type { ListenAddress, NetworkAddress } from "./endpoints.ts";
export { printListen, printNetwork } from "./endpoints.ts";
export { type Environment, environmentVariables, processEnvironment, sha256Kernel } from "./environment.ts";
export { type Fault, faultsText } from "./faults.ts";
export type { Firmware, FirmwareFile } from "./firmware.ts";
export { loadFirmware } from "./firmware.ts";
export { configFileOf, loadConfig, readConfig } from "./load.ts";
export { type ParsedConfig, parseConfig } from "./parse.ts";
export { printConfig, secretsOf } from "./print.ts";
export type { Config } from "./schema.ts";
