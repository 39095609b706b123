/**
 * Programs from Debian's packages, without touching the system.
 *
 * apt's own client resolves and downloads a package with everything that it needs from one suite (with lists, state
 * and cache of its own), dpkg-deb unpacks all of it into one folder, and small wrappers start the programs with the
 * loader and the C library of that same suite, so that a newer suite's program runs on an older Debian.
 *
 *     .cache/debian/NAME/root/usr/bin/PROGRAM   as unpacked
 *     .cache/debian/NAME/bin/PROGRAM            the wrapper to start
 *     .cache/debian/NAME/packages.txt           what was unpacked, one `name version` a line
 *
 * The folder appears whole or not at all: everything is made beside it and renamed. Two runs at once both do the work
 * and the first rename wins; nobody waits for a lock that a killed run left behind.
 */
import { randomBytes } from "node:crypto";
import { constants, existsSync } from "node:fs";
import {
  access,
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { basename, join } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { cacheDir } from "./paths.mjs";
import { capture } from "./run.mjs";

const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * @typedef {object} DebianProgram
 * @property {string} name of the folder in the cache
 * @property {readonly string[]} packages Debian's names of them
 * @property {readonly (readonly string[])[]} suites to try in turn; the packages come from the last suite of a row,
 *   what they need from any of the row. Own-suite rows: see `machineSuite`.
 * @property {readonly (string | Wrapped)[]} programs to make wrappers for; a name: as it is in usr/bin or beside it
 */

/**
 * @typedef {object} Wrapped a program that needs more than its name
 * @property {string} name of the wrapper
 * @property {RegExp} [file] its path below root, if it is not in a folder for programs or has another name there
 * @property {readonly string[]} [flags] put before those of the caller; `$bin` and `$root` stand for the folders
 */

/**
 * Makes sure that the programs are in the cache.
 * @param {DebianProgram} wanted
 * @param {{log: (line: string) => void, root?: string}} options root: the folder of all unpacked packages
 * @returns {Promise<string>} the folder with the wrappers
 */
export async function provideDebian(wanted, { log, root = join(cacheDir, "debian") }) {
  const home = join(root, wanted.name);
  if (existsSync(join(home, "packages.txt"))) return join(home, "bin");

  const mirror = await debianMirror();
  await mkdir(root, { recursive: true });
  await removeLeftovers(root);
  const packages = wanted.packages.join(", ");
  log(
    `downloading Debian's package${wanted.packages.length > 1 ? "s" : ""} ${packages} (once, into ${home})`,
  );
  const workshop = join(root, `.making-${process.pid}-${randomBytes(4).toString("hex")}`);
  await mkdir(workshop);
  try {
    const debs = await downloadFromFirst(wanted, mirror, workshop);
    const made = join(workshop, "made");
    await unpack(debs, join(made, "root"));
    await writeWrappers(wanted, made);
    await writeFile(join(made, "packages.txt"), `${debs.map(packageOfFile).sort().join("\n")}\n`);
    await settle(made, home);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return join(home, "bin");
}

/** The suite that this machine itself was installed from, such as bookworm. */
export async function machineSuite() {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1] ?? "stable";
}

/**
 * Address of the Debian mirror that the machine's own apt is set to, as apt itself reads it: one-line lists and deb822
 * alike, also before the first `apt-get update`.
 */
async function debianMirror() {
  const format = "$(CREATED_BY)\t$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)";
  const { code, stdout, stderr } = await capture("apt-get", [
    "indextargets",
    "--no-release-info",
    "--format",
    format,
  ]);
  if (code === 127) {
    throw new SetupFailure(
      "Debian's package manager (apt-get) is not on this machine.",
      "Install the program that is missing yourself and put it on PATH, or use a Debian machine.",
    );
  }
  if (code !== 0) throw aptFailure("read the machine's package sources", stderr);
  const sources = stdout
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([createdBy, uri, , component]) => createdBy === "Packages" && uri && component === "main")
    .map(([, uri, release]) => ({ uri, release }));
  const own = await machineSuite();
  const source =
    sources.find(({ release }) => release === own) ?? sources.find(({ uri }) => /\/debian\/?$/.test(uri));
  if (source) return source.uri;
  throw new SetupFailure(
    "apt on this machine knows no Debian mirror.",
    "Add one to /etc/apt/sources.list.d, or install the missing program yourself and put it on PATH.",
  );
}

async function downloadFromFirst(wanted, mirror, workshop) {
  let firstFailure;
  for (const [index, suites] of wanted.suites.entries()) {
    try {
      return await download(wanted.packages, suites, mirror, join(workshop, `try-${index}`));
    } catch (error) {
      if (!(error instanceof NotInSuite)) throw error;
      firstFailure ??= error;
    }
  }
  throw firstFailure;
}

/** The mirror works and has no such suite, or the suite no such package: the next row may have it. */
class NotInSuite extends SetupFailure {}

/** The files of the packages and of all that they need, downloaded into `folder`. */
async function download(packages, suites, mirror, folder) {
  const archives = join(folder, "cache/archives");
  for (const made of [
    join(archives, "partial"),
    join(folder, "state/lists/partial"),
    join(folder, "etc/none"),
  ]) {
    await mkdir(made, { recursive: true });
  }
  await writeFile(join(folder, "etc/sources.list"), sourceLines(suites, mirror));
  // An empty status file: nothing counts as installed, so everything down to the C library is downloaded.
  await writeFile(join(folder, "state/status"), "");
  const apt = (...args) =>
    capture("apt-get", [...privateSettings(folder), ...args], { env: aptEnvironment() });

  const where = `${packages.join(", ")} from ${suites.at(-1)}`;
  const updated = await apt("update", "--error-on=any");
  if (updated.code !== 0) throw aptFailure(`read the list of ${suites.join(" and ")}`, updated.stderr);
  const fetched = await apt(
    "install",
    "--yes",
    "--download-only",
    "--target-release",
    suites.at(-1),
    ...packages,
  );
  if (fetched.code !== 0) throw aptFailure(`download ${where}`, fetched.stderr);
  const names = (await readdir(archives)).filter((name) => name.endsWith(".deb"));
  return names.map((name) => join(archives, name));
}

/** Signatures are checked with Debian's own keys, whatever the machine trusts for its sources. */
function sourceLines(suites, mirror) {
  const keys = existsSync(DEBIAN_KEYRING) ? `[signed-by=${DEBIAN_KEYRING}] ` : "";
  return suites.map((suite) => `deb ${keys}${mirror} ${suite} main\n`).join("");
}

function privateSettings(folder) {
  const settings = {
    "Dir::Etc::sourcelist": join(folder, "etc/sources.list"),
    "Dir::Etc::sourceparts": join(folder, "etc/none"),
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": join(folder, "etc/none"),
    "Dir::State": join(folder, "state"),
    "Dir::State::lists": join(folder, "state/lists"),
    "Dir::State::status": join(folder, "state/status"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::Log": folder,
    // As root apt downloads as the user _apt, who cannot write into our folders.
    "APT::Sandbox::User": "root",
    "APT::Install-Recommends": "false",
    "APT::Update::Post-Invoke-Success": "",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
    "Acquire::http::Timeout": "20",
    "Acquire::https::Timeout": "20",
  };
  return Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

function aptEnvironment() {
  return { ...process.env, LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive" };
}

/** apt's own words, told apart by what a person has to do about them. */
function aptFailure(what, stderr) {
  const words = /^E: (.*)$/m.exec(stderr)?.[1] ?? stderr.trim().split("\n").at(-1) ?? "";
  const because = `apt could not ${what}: ${words}`;
  if (/No space left/i.test(stderr)) return new SetupFailure(because, "Free about 1 GB of disk space.");
  if (/ 404 |Unable to locate package|has no installation candidate|does not have a Release/.test(stderr)) {
    return new NotInSuite(
      because,
      "The machine's Debian mirror does not have it: install the program yourself and put it on PATH.",
    );
  }
  if (/NO_PUBKEY|not signed|EXPKEYSIG|signature/i.test(stderr)) {
    return new SetupFailure(because, "Update Debian's keys: apt-get install debian-archive-keyring.");
  }
  return new SetupFailure(
    because,
    "Check that the Debian mirror in /etc/apt can be reached, and run this again.",
  );
}

async function unpack(debs, root) {
  await mkdir(root, { recursive: true });
  for (const deb of debs) {
    const { code, stderr } = await capture("dpkg-deb", ["--extract", deb, root]);
    if (code === 0) continue;
    const hint = /No space left/i.test(stderr) ? "Free about 1 GB of disk space." : "Run this again.";
    throw new SetupFailure(`Could not unpack ${basename(deb)}: ${stderr.trim().split("\n").at(-1)}`, hint);
  }
}

async function writeWrappers({ name: from, programs }, made) {
  const root = join(made, "root");
  const { loader, libraries } = await findLoader(root);
  await mkdir(join(made, "bin"));
  for (const program of programs) {
    const { name, file, flags = [] } = typeof program === "string" ? { name: program } : program;
    const binary = file ? await findFile(root, file) : await findProgram(root, name);
    if (!binary)
      throw new SetupFailure(`Debian's ${from} holds no ${name}.`, "Install it yourself and put it on PATH.");
    const start = (await isDynamic(join(root, binary)))
      ? [`"$root/${loader}" --library-path`, quoted(libraries.map((folder) => `$root/${folder}`).join(":"))]
      : [];
    const command = [...start, quoted(`$root/${binary}`), ...flags.map(quoted)].join(" ");
    const path = join(made, "bin", name);
    await writeFile(path, wrapper(command));
    await chmod(path, 0o755);
  }
}

function quoted(text) {
  return `"${text}"`;
}

/** `exec` keeps the pid: who starts the wrapper holds the program itself. Paths are relative, so the folder can move. */
function wrapper(command) {
  return [
    "#!/bin/sh",
    'bin=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    'root="${bin%/bin}/root"',
    `exec ${command} "$@"`,
    "",
  ].join("\n");
}

/** Whether the program asks for a loader, which it does near its beginning. */
async function isDynamic(path) {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.subarray(0, bytesRead).includes("/ld-linux");
  } finally {
    await file.close();
  }
}

/** The dynamic loader and the library folders below `root`, relative to it; both layouts, /lib and /usr/lib. */
async function findLoader(root) {
  const libraries = [];
  let loader;
  for (const lib of ["usr/lib", "lib"]) {
    for (const folder of [lib, ...(await foldersIn(join(root, lib))).map((name) => `${lib}/${name}`)]) {
      const names = await readdir(join(root, folder)).catch(() => []);
      if (names.some((name) => /\.so(\.|$)/.test(name))) libraries.push(folder);
      const found = names.find((name) => /^ld-linux.*\.so\.\d+$/.test(name));
      if (found && !loader && (await isFile(root, `${folder}/${found}`))) loader = `${folder}/${found}`;
    }
  }
  if (loader) return { loader, libraries };
  throw new SetupFailure(
    "Debian's C library came without its loader.",
    "Remove .cache/debian and run this again.",
  );
}

async function foldersIn(path) {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function findProgram(root, name) {
  for (const folder of ["usr/bin", "usr/sbin", "bin"]) {
    if (await isFile(root, `${folder}/${name}`)) return `${folder}/${name}`;
  }
  return undefined;
}

async function findFile(root, pattern) {
  const paths = await readdir(root, { recursive: true });
  for (const path of paths.filter((path) => pattern.test(path))) if (await isFile(root, path)) return path;
  return undefined;
}

/** Absolute links in a package point into the system that it would be installed to, not into our folder. */
async function isFile(root, path) {
  const entry = await lstat(join(root, path)).catch(() => undefined);
  if (!entry?.isSymbolicLink()) return entry?.isFile() ?? false;
  if ((await readlink(join(root, path))).startsWith("/")) return false;
  return (await stat(join(root, path)).catch(() => undefined))?.isFile() ?? false;
}

async function settle(made, home) {
  try {
    await rename(made, home);
  } catch (error) {
    // Another run was first; what it made is as good.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    await access(join(home, "packages.txt"), constants.R_OK);
  }
}

/** Workshops of runs that were killed: named by a pid that is gone. */
async function removeLeftovers(root) {
  for (const name of await readdir(root)) {
    const pid = Number(/^\.making-(\d+)-/.exec(name)?.[1]);
    if (pid && !existsSync(`/proc/${pid}`)) await rm(join(root, name), { recursive: true, force: true });
  }
}

/** `bitcoin-knots_29.5-1_amd64.deb` → `bitcoin-knots 29.5-1` */
function packageOfFile(deb) {
  const [name, version] = basename(deb).split("_");
  return `${name} ${decodeURIComponent(version)}`;
}
