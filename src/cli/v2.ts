/** `penstock v2 key|new-key`: the key by which Stratum V2 miners know the pool. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadConfig } from "../config/index.ts";
import { createAuthorityKey, openAuthorityKey } from "../pool/authority-key-file.ts";
import type { Io } from "./config.ts";

const usage = `penstock v2 VERB

key [--config FILE]   prints the authority's public key, which miners are given with the pool's address:
                      stratum2+tcp://HOST:PORT/KEY. Its secret is in stratum.authorityKeyFile; made if there is none.
new-key FILE          makes a key in a file that does not exist yet, and prints its public key. The pool uses it
                      when stratum.authorityKeyFile names that file and it is started again; miners that know the
                      key before refuse to connect then.

Run it as the pool's user: only the owner may read the file. Keep a copy of it in a safe place.
`;

type Request =
  | { readonly verb: "key"; readonly config: string | undefined }
  | { readonly verb: "new-key"; readonly file: string };

/** @returns the exit code: 0, 2 not understood. */
export async function runV2(args: readonly string[], io: Io = process): Promise<number> {
  const request = requestOf(args);
  if (request === "help") return say(io.stdout, usage, 0);
  if (request === undefined) return say(io.stderr, usage, 2);
  return say(io.stdout, `${await publicKeyOf(request)}\n`, 0);
}

async function publicKeyOf(request: Request): Promise<string> {
  switch (request.verb) {
    case "key": {
      const { stratum } = await loadConfig(request.config);
      return (await openAuthorityKey(stratum.authorityKeyFile)).publicText;
    }
    case "new-key":
      return (await createAuthorityKey(resolve(request.file))).publicText;
  }
}

function requestOf(args: readonly string[]): Request | "help" | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: "boolean" }, config: { type: "string" } },
    });
    if (values.help) return "help";
    const [verb, file, ...more] = positionals;
    if (more.length > 0) return undefined;
    if (verb === "key" && file === undefined) return { verb, config: values.config };
    // Which configuration is of no concern to it: whoever writes one means the other verb.
    if (verb === "new-key" && file && values.config === undefined) return { verb, file };
    return undefined;
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

function say(output: Io["stdout"], text: string, code: number): number {
  output.write(text);
  return code;
}
