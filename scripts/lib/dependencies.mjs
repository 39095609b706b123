/** The npm packages, exactly as package-lock.json has them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { projectDir } from "./paths.mjs";
import { capture } from "./run.mjs";
import { step } from "./say.mjs";

const OLDEST_NODE = [20, 19];
const modules = join(projectDir, "node_modules");

/** Refuses a Node.js that the pool does not run on. */
export function checkNode(version = process.versions.node) {
  const [major, minor] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupFailure(
    `This is Node.js ${version}; Penstock needs ${OLDEST_NODE.join(".")} or newer.`,
    "Install a newer Node.js (nodejs.org, or your distribution's package) and run this again.",
  );
}

/** Installs the packages unless those of this very lock are there already. */
export async function installDependencies() {
  if (!(await areInstalled())) await step("installing npm packages (a minute or less)", () => npmInstall());
}

/** npm writes down what it installed, last of all, in the form of the lock. */
async function areInstalled() {
  const [lock, installed] = await Promise.all([
    packagesOf(join(projectDir, "package-lock.json")),
    packagesOf(join(modules, ".package-lock.json")).catch(() => ({})),
  ]);
  return Object.entries(lock).every(([path, wanted]) => {
    const found = installed[path];
    if (path === "") return true;
    // Packages for other platforms are in the lock alone.
    return found ? found.integrity === wanted.integrity : wanted.optional === true;
  });
}

async function packagesOf(lockFile) {
  return JSON.parse(await readFile(lockFile, "utf8")).packages;
}

/**
 * No install scripts run: those that matter (the embedded Postgres's links, zeromq's prebuilt binary) are not needed.
 * What npm finds in node_modules it removes first.
 */
export async function npmInstall({ folder = projectDir, production = false } = {}) {
  const scope = production ? "--omit=dev" : "--include=dev";
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", scope];
  const { code, stdout, stderr } = await capture("npm", args, { cwd: folder });
  if (code !== 0) throw npmFailure(code, `${stdout}\n${stderr}`, folder);
}

/** npm's own words, told apart by what a person has to do about them. */
function npmFailure(code, output, folder) {
  const words = output
    .split("\n")
    .filter(
      (line) => /^npm (error|ERR!)/.test(line) && !/complete log|_logs|^npm (error|ERR!)\s*$/.test(line),
    )
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, ""))
    .filter((line) => !/^(code|errno|syscall)\b/.test(line));
  const because = `npm could not install the packages: ${words[0]?.replace(/ at .*$/, "") || `exit code ${code}`}.`;
  if (code === 127) return new SetupFailure("npm is not on PATH.", "Install npm, which comes with Node.js.");
  if (/ENOSPC/.test(output)) return new SetupFailure(because, "Free about 1 GB of disk space.");
  if (/EACCES|EPERM|EROFS/.test(output)) {
    return new SetupFailure(because, `Make ${folder} writable, or copy it to a folder of your own.`);
  }
  if (/ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ERR_SOCKET_TIMEOUT|network/i.test(output)) {
    return new SetupFailure(
      because,
      "The npm registry cannot be reached: check the network, or npm's own settings.",
    );
  }
  return new SetupFailure(because, "Run `npm ci` to see all of npm's output.");
}
