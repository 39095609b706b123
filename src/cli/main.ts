#!/usr/bin/env node
/** `penstock VERB …`: finds the verb, runs it, turns trouble into one line and an exit code. */
import { describeError } from "../errors.ts";
import { version } from "../pool/version.ts";

type Verb = (args: readonly string[]) => Promise<number>;

/** Each verb is loaded only when it is asked for, so that `--help` and short commands start at once. */
const verbs: Record<string, { readonly help: string; readonly load: () => Promise<Verb> }> = {
  serve: {
    help: "serve [--config FILE]                     run the pool",
    load: async () => (await import("./serve.ts")).runServe,
  },
  miner: {
    help: "miner --url stratum+tcp://HOST:PORT --user ADDRESS.worker [--threads N] [--hashrate N]   mine on the CPU",
    load: async () => (await import("./miner.ts")).runMiner,
  },
  config: {
    help: "config check [FILE]                       check a configuration, print the effective one and the payee",
    load: async () => (await import("./config.ts")).runConfig,
  },
  journal: {
    help: "journal verify|dump [--config FILE]       read the share journals without touching them",
    load: async () => (await import("./journal.ts")).runJournal,
  },
  ledger: {
    help: "ledger shares|balances|statement|recompute [--config FILE]   what miners are owed, and why",
    load: async () => (await import("./ledger.ts")).runLedger,
  },
  bans: {
    help: "bans list|add|lift [ADDRESS] [--config FILE]   who may not connect to the running pool",
    load: async () => (await import("./bans.ts")).runBans,
  },
  message: {
    help: 'message "TEXT" [--config FILE]            show a text to the miners of the running pool',
    load: async () => (await import("./message.ts")).runMessage,
  },
  drain: {
    help: "drain [--to HOST:PORT] [--over 5m] [--config FILE]   ask the running pool's miners to reconnect",
    load: async () => (await import("./drain.ts")).runDrain,
  },
  v2: {
    help: "v2 key|new-key [FILE] [--config FILE]      the key by which Stratum V2 miners know the pool",
    load: async () => (await import("./v2.ts")).runV2,
  },
  // A stratum worker; started by `serve`, never by hand.
  worker: { help: "", load: async () => (await import("./worker.ts")).runWorkerProcess },
};

/** These outlive whoever reads what they print. */
const lasting = new Set(["serve", "worker"]);

export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  if (name === "--version") return print(`${version}\n`);
  if (name === undefined || name === "--help" || name === "help") return print(usage());
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) {
    process.stderr.write(`penstock: there is no command "${name}".\n${usage()}`);
    return 2;
  }
  if (!lasting.has(name)) endWithReader();
  const run = await verb.load();
  return await run(args);
}

/** A reader that has seen enough (`penstock ledger shares | head`) is no error. */
function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
}

function usage(): string {
  const lines = Object.values(verbs)
    .filter(({ help }) => help !== "")
    .map(({ help }) => `  penstock ${help}`);
  return ["penstock: a Bitcoin mining pool server", "", ...lines, "", "More: README.md", ""].join("\n");
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

let code = 1;
try {
  code = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`penstock: ${describeError(error)}\n`);
}
// A pool has let go of everything that matters by now; a socket that lingers must not keep a stopped one alive.
if (lasting.has(process.argv[2] ?? "")) process.exit(code);
process.exitCode = code;
