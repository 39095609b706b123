/** What a dialogue says of one line from the pool: a pattern, or one of the short forms for what comes often. */
import { parseAddress } from "../../../src/bitcoin/address.ts";
import type { Message } from "../stratum.ts";
import type { V1Job } from "../v1-client.ts";
import { jobOf } from "./miner.ts";
import { mismatch, parsePattern, substitute, type Variables } from "./pattern.ts";

export interface Received {
  readonly message: Message;
  readonly line: string;
}

/** @returns what is wrong. @throws Error where the expectation is misspelt. */
export function compareMessage(
  expected: string,
  received: Received,
  variables: Variables,
): string | undefined {
  const [word, ...details] = expected.split(" ");
  if (word === "job") return compareJob(details, received, variables);
  return mismatch(parsePattern(longForm(word!, details) ?? expected), received.message, variables);
}

/** @returns undefined for what is no short form. */
function longForm(word: string, details: readonly string[]): string | undefined {
  const [id, second = "*", third = "*"] = details;
  switch (word) {
    case "difficulty":
      return `{"id":null,"method":"mining.set_difficulty","params":[${details.join(" ")}]}`;
    case "mask":
      return `{"id":null,"method":"mining.set_version_mask","params":["${details[0]}"]}`;
    case "ok":
      return `{"id":${id},"result":true,"error":null}`;
    case "result":
      return `{"id":${id},"result":${details.slice(1).join(" ")},"error":null}`;
    case "refused":
      return `{"id":${id},"result":null,"error":${refusal(second)}}`;
    case "false":
      return `{"id":${id},"result":false,"error":${refusal(second)}}`;
    case "subscribed":
      return `{"id":${id},"result":[[["mining.set_difficulty",${second}],["mining.notify",${second}]],${third},8],"error":null}`;
    default:
      return undefined;
  }
}

/** The contract's own words: reject reasons with their codes. */
const codes: Readonly<Record<string, number>> = {
  "job-not-found": 21,
  stale: 21,
  duplicate: 22,
  "low-difficulty": 23,
  unauthorized: 24,
  "not-subscribed": 25,
  malformed: 20,
  "ntime-out-of-range": 20,
  "version-bits-not-allowed": 20,
  unavailable: 20,
};

function refusal(reason: string): string {
  const code = codes[reason];
  if (code === undefined) throw new Error(`there is no reason "${reason}"`);
  return `[${code},"${reason}: *",null]`;
}

function compareJob(
  details: readonly string[],
  { message, line }: Received,
  variables: Variables,
): string | undefined {
  const shape = parsePattern('{"id":null,"method":"mining.notify","params":[…]}');
  const problem = mismatch(shape, message, variables);
  if (problem !== undefined) return problem;
  const job = jobOf(message.params);
  const sizes = sizesOf(job, line);
  for (const detail of details) {
    const found = compareDetail(detail, job, sizes, variables);
    if (found !== undefined) return found;
  }
  return undefined;
}

type Sizes = Readonly<Record<string, number>>;

function compareDetail(detail: string, job: V1Job, sizes: Sizes, variables: Variables): string | undefined {
  if (detail === "clean" || detail === "follow") {
    return job.clean === (detail === "clean") ? undefined : `the job's last parameter is ${job.clean}`;
  }
  if (detail.startsWith("$")) return mismatch(parsePattern(detail), job.id, variables);
  const [, name = "", relation, value = ""] = /^([a-z0-9]+)(<=|>=|=)(.+)$/.exec(detail) ?? [];
  if (name === "version") return job.version === value ? undefined : `the job's version is ${job.version}`;
  if (name === "pays") return paysTo(substitute(value, variables), job);
  const size = sizes[name];
  if (size === undefined) throw new Error(`"${detail}" says nothing of a job`);
  const pattern = parsePattern(relation === "=" ? value : `${relation}${value}`);
  return mismatch(pattern, size, variables) && `the job's ${name} is ${size}, not ${relation}${value}`;
}

function paysTo(address: string, { coinbase2 }: V1Job): string | undefined {
  const parsed = parseAddress(address, "regtest");
  if (!parsed.ok) throw new Error(parsed.sentence);
  const isPaid = coinbase2.includes(Buffer.from(parsed.script).toString("hex"));
  return isPaid ? undefined : `the coinbase does not pay ${address}`;
}

const extranonceBytes = 12;

function sizesOf(job: V1Job, line: string): Sizes {
  const before = job.coinbase1.length / 2;
  return {
    coinbase: before + extranonceBytes + job.coinbase2.length / 2,
    coinbase1: before,
    branch: job.branch.length,
    // With its newline.
    line: Buffer.byteLength(line) + 1,
  };
}
