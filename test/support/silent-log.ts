import type { Logger } from "../../src/log/index.ts";

const nothing = () => {};

/** For tests that do not ask what is logged. */
export const silentLog: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => silentLog,
  isLevelEnabled: () => false,
};
