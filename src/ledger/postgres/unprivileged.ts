/**
 * Postgres refuses to run as root. When we are root, it runs as another user: the owner of its folder, else `postgres`
 * or `nobody`. Where that user could not reach its files (a clone below /root, whose mode is 0700), it is given the one
 * capability to pass folders that it may not enter, and no other.
 */
import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { PoolError } from "../../errors.ts";

const run = promisify(execFile);

export interface Servant {
  /** Undefined when we are not root, and files stay ours. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** What goes before a command to run it as the servant. */
  readonly prefix: readonly string[];
}

/**
 * @param directory the server's data folder, perhaps not there yet.
 * @param needed files and folders that the servant must reach.
 */
export async function chooseServant(directory: string, needed: readonly string[]): Promise<Servant> {
  if (process.getuid?.() !== 0) return { user: undefined, prefix: [] };
  const user = (await ownerOf(directory)) ?? (await userNamed("postgres")) ?? (await userNamed("nobody"));
  if (user === undefined) {
    throw new PoolError(
      "POSTGRES_NO_USER",
      "Postgres refuses to run as root, and this system has neither a user postgres nor nobody.",
      "Create one, run the pool as an ordinary user, or set database.url to a Postgres of your own.",
    );
  }
  const plain = ["setpriv", "--reuid", `${user.uid}`, "--regid", `${user.gid}`, "--clear-groups"];
  if (await reaches([...plain, "--"], needed)) return { user, prefix: [...plain, "--"] };
  for (const capability of await capabilitiesHeld()) {
    const able = [...plain, "--inh-caps", `+${capability}`, "--ambient-caps", `+${capability}`];
    // Without this access(2), by which initdb looks for its own program, would not count the capability.
    able.push("--securebits", "+no_setuid_fixup", "--");
    if (await reaches(able, needed)) return { user, prefix: able };
  }
  throw new PoolError(
    "POSTGRES_UNREACHABLE_FOLDER",
    `Postgres refuses to run as root, and user ${user.uid} cannot reach ${needed.join(" or ")}.`,
    "Put the pool and its data into folders that others may enter (chmod o+x), or run the pool as an ordinary user.",
  );
}

async function reaches(prefix: readonly string[], needed: readonly string[]): Promise<boolean> {
  const [command, ...args] = prefix;
  const test = needed.map((_, index) => `test -x "$${index + 1}"`).join(" && ");
  try {
    await run(command!, [...args, "/bin/sh", "-c", test, "sh", ...needed], { cwd: "/" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return false;
    throw new PoolError(
      "POSTGRES_NO_SETPRIV",
      "Postgres refuses to run as root, and the program setpriv, which changes the user, is missing.",
      "Install util-linux, run the pool as an ordinary user, or set database.url to a Postgres of your own.",
      { cause: error },
    );
  }
}

/** The smaller capability first; containers often have only the larger one. */
async function capabilitiesHeld(): Promise<string[]> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const held = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const wanted = [
    { name: "dac_read_search", bit: 2n },
    { name: "dac_override", bit: 1n },
  ];
  return wanted.filter(({ bit }) => (held >> bit) & 1n).map(({ name }) => name);
}

async function ownerOf(directory: string): Promise<Servant["user"]> {
  const found = await stat(directory).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid, gid: found.gid };
}

async function userNamed(name: string): Promise<Servant["user"]> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  const line = text.split("\n").find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
