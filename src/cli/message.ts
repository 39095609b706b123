/** `penstock message "TEXT"`: shows a text to the miners of the running pool. */
import { parseArgs } from "node:util";
import { loadConfig } from "../config/index.ts";
import { askPool, maxMessageCharacters } from "../control/index.ts";
import type { Io } from "./config.ts";

const usage = `penstock message "TEXT" [--config FILE]

Sends a text (up to ${maxMessageCharacters} characters on one line) to all connections of the running pool whose miner is known to show
messages (client.show_message). Speaks to it through control.sock in its dataDirectory, which only the pool's user may open.
`;

/** @returns the exit code: 0, 2 not understood. */
export async function runMessage(args: readonly string[], io: Io = process): Promise<number> {
  const request = requestOf(args);
  if (request === undefined) {
    io.stderr.write(usage);
    return 2;
  }
  if (request.help) {
    io.stdout.write(usage);
    return 0;
  }
  const { dataDirectory } = await loadConfig(request.config);
  const { connections } = await askPool({ dataDirectory }, "message", { text: request.text });
  io.stdout.write(`sent to ${connections} ${connections === 1 ? "connection" : "connections"}\n`);
  return 0;
}

interface Request {
  readonly help: boolean;
  readonly text: string;
  readonly config: string | undefined;
}

function requestOf(args: readonly string[]): Request | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: "boolean" }, config: { type: "string" } },
    });
    const { help = false, config } = values;
    const [text = "", ...more] = positionals;
    if (!help && (more.length > 0 || !isShowable(text))) return undefined;
    return { help, text, config };
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

function isShowable(text: string): boolean {
  return text.trim() !== "" && text.length <= maxMessageCharacters && !/\p{Cc}/u.test(text);
}
