#!/usr/bin/env node
// Starts `penstock`: the built program where there is one without its source (the container image, an installed
// package), else the source through tsx. Worker processes start with this file again.
import { existsSync } from "node:fs";

const source = new URL("../src/cli/main.ts", import.meta.url);
const built = new URL("../dist/cli/main.js", import.meta.url);

if (existsSync(source)) {
  await registerTypeScript();
  await import(source.href);
} else {
  await import(built.href);
}

async function registerTypeScript() {
  try {
    const { register } = await import("tsx/esm/api");
    register();
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    process.stderr.write(
      "penstock: its dependencies are not installed. Run `npm run setup` in its folder.\n",
    );
    process.exit(1);
  }
}
