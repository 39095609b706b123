/** Where the real parts come from: a good enough one on PATH, else Debian's package (docs/decisions/0006-real-parts.md). */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { machineSuite, provideDebian } from "./debian.mjs";
import { capture } from "./run.mjs";

/**
 * Bitcoin Core or Knots, 27 or newer.
 * @param {{log: (line: string) => void}} options
 * @returns {Promise<{bitcoind: string, bitcoinCli: string, origin: string}>} paths to start, and where they are from
 */
export async function provideBitcoin({ log }) {
  const knots = {
    name: "bitcoin-knots",
    packages: ["bitcoin-knots"],
    suites: [["trixie", "trixie-backports"], ["forky"]],
    programs: ["bitcoind", "bitcoin-cli"],
  };
  const { folder, origin } = await fromPathOrDebian(knots, { major: 27, log });
  return { bitcoind: join(folder, "bitcoind"), bitcoinCli: join(folder, "bitcoin-cli"), origin };
}

/** @returns {Promise<{redisServer: string, redisCli: string, origin: string}>} Redis 7 or newer */
export async function provideRedis({ log }) {
  const redis = {
    name: "redis",
    packages: ["redis-server"],
    suites: [[await machineSuite()], ["trixie"]],
    programs: ["redis-server", "redis-cli"],
  };
  const { folder, origin } = await fromPathOrDebian(redis, { major: 7, log });
  return { redisServer: join(folder, "redis-server"), redisCli: join(folder, "redis-cli"), origin };
}

/** @returns {Promise<{prometheus: string, promtool: string, origin: string}>} Prometheus 2 or newer */
export async function providePrometheus({ log }) {
  const prometheus = {
    name: "prometheus",
    packages: ["prometheus"],
    suites: [[await machineSuite()], ["trixie"]],
    programs: ["prometheus", "promtool"],
  };
  const { folder, origin } = await fromPathOrDebian(prometheus, { major: 2, log });
  return { prometheus: join(folder, "prometheus"), promtool: join(folder, "promtool"), origin };
}

/** @returns {Promise<{haproxy: string, origin: string}>} HAProxy 2 or newer */
export async function provideHaproxy({ log }) {
  const haproxy = {
    name: "haproxy",
    packages: ["haproxy"],
    suites: [[await machineSuite()], ["trixie"]],
    programs: ["haproxy"],
  };
  const { folder, origin } = await fromPathOrDebian(haproxy, { major: 2, log });
  return { haproxy: join(folder, "haproxy"), origin };
}

/** @returns {Promise<{openssl: string, origin: string}>} OpenSSL's command, 3 or newer */
export async function provideOpenssl({ log }) {
  const openssl = {
    name: "openssl",
    packages: ["openssl"],
    suites: [[await machineSuite()], ["trixie"]],
    programs: ["openssl"],
  };
  const { folder, origin } = await fromPathOrDebian(openssl, { major: 3, ask: "version", log });
  return { openssl: join(folder, "openssl"), origin };
}

/**
 * Clang with libFuzzer and the sanitizers, on the headers and libraries of the machine's own g++.
 * @param {{log: (line: string) => void}} options
 * @returns {Promise<{compiler: string, flags: string[], origin: string}>} a C++20 compiler, and what makes a program of a
 *   fuzz target, for compiling and linking
 */
export async function provideClang({ log }) {
  const flags = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"];
  const onPath = findOnPath("clang++");
  if (onPath) {
    if (await canFuzz(onPath, flags)) return { compiler: onPath, flags, origin: `PATH (${onPath})` };
    log(`${onPath} cannot build fuzz targets: looking further`);
  }
  const folder = await provideDebian(
    {
      name: "clang",
      packages: ["clang", "libclang-rt-dev"],
      suites: [[await machineSuite()], ["trixie"]],
      // The loader starts it, so it cannot know its own place but by its name.
      programs: [{ name: "clang++", flags: ["-no-canonical-prefixes"] }],
    },
    { log },
  );
  return { compiler: join(folder, "clang++"), flags, origin: "Debian" };
}

/**
 * A C++20 compiler for 64-bit ARM whose programs are linked statically, and what runs them on this machine.
 * @param {{log: (line: string) => void}} options
 * @returns {Promise<{compiler: string, run: string[], origin: string}>} compiler: a command line; run: goes before a
 *   program's path
 */
export async function provideArm64({ log }) {
  if (process.arch === "arm64") return { compiler: "g++", run: [], origin: "this machine" };
  const compiler = findOnPath("aarch64-linux-gnu-g++");
  const emulator = findOnPath("qemu-aarch64") ?? findOnPath("qemu-aarch64-static");
  if (compiler && emulator) {
    const found = { compiler: `${compiler} -static`, run: [emulator], origin: `PATH (${compiler})` };
    if (await canRunArm64(found)) return found;
    log(`${compiler} and ${emulator} do not work together: looking further`);
  }
  const crossTool = (name) => ({ name, file: new RegExp(`/gcc-cross/aarch64-linux-gnu/\\d+/${name}$`) });
  const folder = await provideDebian(
    {
      name: "arm64",
      packages: ["g++-aarch64-linux-gnu", "qemu-user"],
      suites: [[await machineSuite()], ["trixie"]],
      programs: [
        // It looks for its parts in our folder first, where the wrappers are.
        { name: "aarch64-linux-gnu-g++", flags: ["-B$bin/", "-static"] },
        crossTool("cc1plus"),
        crossTool("collect2"),
        { name: "as", file: /^usr\/bin\/aarch64-linux-gnu-as$/ },
        { name: "ld", file: /^usr\/bin\/aarch64-linux-gnu-ld$/ },
        "qemu-aarch64",
      ],
    },
    { log },
  );
  const inFolder = (name) => join(folder, name);
  return { compiler: inFolder("aarch64-linux-gnu-g++"), run: [inFolder("qemu-aarch64")], origin: "Debian" };
}

function findOnPath(program) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** Compiler and runtimes are packages of their own, and both must fit the machine's C++ library. */
async function canFuzz(compiler, flags) {
  const source = `
    #include <algorithm>
    #include <cstddef>
    #include <cstdint>
    #include <span>
    #include <vector>
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
      std::vector<std::uint8_t> bytes(data, data + size);
      std::ranges::sort(std::span(bytes));
      return 0;
    }`;
  const built = (program) => capture(program, ["-runs=1"]);
  return await tryProgram([compiler, "-std=c++20", ...flags], source, built);
}

async function canRunArm64({ compiler, run }) {
  const source = "#include <span>\nint main() { return std::span<int>().empty() ? 0 : 1; }";
  const built = (program) => capture(run[0], [...run.slice(1), program]);
  return await tryProgram([...compiler.split(" "), "-std=c++20"], source, built);
}

/** Whether a program of one file compiles and, started by `start`, ends well. */
async function tryProgram([compiler, ...args], source, start) {
  const folder = await mkdtemp(join(tmpdir(), "penstock-try-"));
  try {
    const program = join(folder, "program");
    await writeFile(`${program}.cpp`, source);
    const compiled = await capture(compiler, [...args, `${program}.cpp`, "-o", program]);
    return compiled.code === 0 && (await start(program)).code === 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All programs of a part are taken from one place, so that a client and its server belong together. */
async function fromPathOrDebian(wanted, { major, ask = "--version", log }) {
  for (const folder of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
    if (!wanted.programs.every((program) => existsSync(join(folder, program)))) continue;
    const found = await majorVersion(join(folder, wanted.programs[0]), ask);
    if (found >= major) return { folder, origin: `PATH (${folder})` };
    log(`${wanted.programs[0]} in ${folder} is older than ${major}: looking further`);
  }
  return { folder: await provideDebian(wanted, { log }), origin: "Debian" };
}

/** `… version v29.5.0`, `v=7.0.15`, `version 2.42.0`, `OpenSSL 3.0.19` → the first number; 0 when it does not say. */
async function majorVersion(program, ask) {
  const { stdout, stderr } = await capture(program, [ask]);
  return Number(/(?:version |v=|OpenSSL )v?(\d+)\./.exec(`${stdout}\n${stderr}`)?.[1] ?? 0);
}
