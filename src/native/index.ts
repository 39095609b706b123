import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { PoolError } from "../errors.ts";
import type { Addon } from "./addon.ts";

export type {
  Addon,
  FrameLane,
  FrameLaneGrant,
  Intake,
  IntakeOptions,
  LineLane,
  LineLaneGrant,
  PreparedJob,
  PrepareJob,
  SeenWindow,
  Transport,
} from "./addon.ts";

/** What native/build/penstock.node exports: see `CreateAddon` and `Init` in native/src/binding.cpp. */
export interface NativeBinding {
  readonly interfaceVersion: number;
  /** Names of the SHA-256 kernels that this machine can run and that passed their self-test, best first. */
  readonly kernels: readonly string[];
  /** The core's own numbers for native/layout.ts. */
  readonly layout: {
    readonly submission: Readonly<Record<string, number>>;
    readonly verdict: Readonly<Record<string, number>>;
    readonly refusals: Readonly<Record<string, number>>;
    readonly frame: Readonly<Record<string, number>>;
    readonly open: Readonly<Record<string, number>>;
    readonly staleFlag: number;
    readonly wholeVersionFlag: number;
    readonly blockFlag: number;
  };
  /** All functions on one kernel; "" is the best. */
  addon(kernel: string): Addon;
}

export interface LoadOptions {
  /** Forces a SHA-256 kernel by name; undefined or "auto" takes the best that this machine can run. */
  readonly kernel?: string | undefined;
  /** Where the built addon is. */
  readonly path?: string;
}

/** Same number in native/src/binding.cpp: an addon from before a change must not be judged with. */
const interfaceVersion = 7;

// src/native/ and dist/native/ lie equally deep below the package's root.
const builtPath = fileURLToPath(new URL("../../native/build/penstock.node", import.meta.url));
const require = createRequire(import.meta.url);

/** @throws PoolError NATIVE_ADDON_MISSING, NATIVE_ADDON_UNUSABLE, NATIVE_KERNEL_UNKNOWN. */
export function loadAddon(options: LoadOptions = {}): Addon {
  const { kernel = "auto" } = options;
  const binding = loadBinding(options.path);
  if (kernel === "auto") return binding.addon("");
  if (binding.kernels.includes(kernel)) return binding.addon(kernel);
  throw new PoolError(
    "NATIVE_KERNEL_UNKNOWN",
    `The SHA-256 kernel "${kernel}" cannot be used on this machine.`,
    `Use "auto" or one of: ${binding.kernels.join(", ")}.`,
  );
}

/** @throws PoolError NATIVE_ADDON_MISSING, NATIVE_ADDON_UNUSABLE. */
export function loadBinding(path: string = builtPath): NativeBinding {
  if (!existsSync(path)) {
    throw new PoolError("NATIVE_ADDON_MISSING", `The native addon is not built: ${path}.`, rebuildHint);
  }
  let binding: Partial<NativeBinding>;
  try {
    binding = require(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PoolError(
      "NATIVE_ADDON_UNUSABLE",
      `The native addon ${path} cannot be loaded: ${reason}.`,
      rebuildHint,
      { cause },
    );
  }
  if (binding.interfaceVersion === interfaceVersion) return binding as NativeBinding;
  throw new PoolError(
    "NATIVE_ADDON_UNUSABLE",
    `The native addon ${path} was built for another version (${binding.interfaceVersion}, not ${interfaceVersion}).`,
    rebuildHint,
  );
}

const rebuildHint = "Run `npm run build:native`.";
