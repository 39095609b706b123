import { fileURLToPath } from "node:url";

/** The project's folder, without a trailing slash. */
export const projectDir = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What was downloaded or built and can be made again at any time. */
export const cacheDir = `${projectDir}/.cache`;
