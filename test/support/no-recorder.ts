import type { SessionRecorder } from "../../src/stratum/session-record.ts";

/** For tests in which nobody comes back after a restart. */
export const noRecorder: SessionRecorder = { opened() {}, assigned() {}, ended() {}, resumed() {} };
