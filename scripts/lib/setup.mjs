/** What both commands need before they can begin; each part is skipped where it is in place already. */
import { existsSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { checkNode, installDependencies } from "./dependencies.mjs";
import { describeFailure, SetupFailure } from "./failure.mjs";
import {
  provideArm64,
  provideBitcoin,
  provideClang,
  provideHaproxy,
  provideOpenssl,
  providePrometheus,
  provideRedis,
} from "./parts.mjs";
import { projectDir } from "./paths.mjs";
import { say } from "./say.mjs";

/**
 * Node.js's version, npm packages, native code, the Bitcoin node; for tests Redis, Prometheus, HAProxy, OpenSSL and two compilers too.
 * @param {{tests?: boolean}} [options]
 */
export async function setUp({ tests = false } = {}) {
  await checkSurroundings();
  const log = (line) => say(`… ${line}`);
  // The downloads need no npm package, so they go on beside npm.
  const parts = [provideBitcoin({ log })];
  if (tests) {
    parts.push(provideRedis({ log }), providePrometheus({ log }));
    parts.push(provideHaproxy({ log }), provideOpenssl({ log }));
    parts.push(provideClang({ log }), provideArm64({ log }));
  }
  const [outcome, ...others] = await Promise.allSettled([buildProgram(), ...parts]);
  for (const result of [outcome, ...others]) if (result.status === "rejected") throw result.reason;
  return { bitcoin: others[0].value };
}

/** npm packages and native code. */
export async function buildProgram() {
  await checkSurroundings();
  await installDependencies();
  const { buildNative } = await import("../build-native.mjs");
  await buildNative({ log: (line) => say(`… ${line}`) });
}

async function checkSurroundings() {
  checkNode();
  if (!existsSync(`${projectDir}/package-lock.json`)) {
    throw new SetupFailure(`${projectDir} is not a whole copy of Penstock.`, "Clone it again.");
  }
  try {
    await access(projectDir, constants.W_OK);
  } catch (cause) {
    throw new SetupFailure(
      `The folder ${projectDir} cannot be written.`,
      "Run this as its owner, or copy it to a folder of your own.",
      { cause },
    );
  }
}

/** Runs a whole command: its exit code becomes the process's, its trouble becomes one line. */
export async function runCommand(name, command) {
  try {
    process.exitCode = await command();
  } catch (error) {
    say(`${name}: ${describeFailure(error)}`);
    process.exitCode = 1;
  }
}
