/** `penstock ledger shares|balances|statement|recompute`: what miners are owed, and why. Changes nothing. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { describeError } from "../errors.ts";
import {
  type Balance,
  balances,
  feeAccount,
  type Rewards,
  recompute,
  shareLines,
  statementLines,
  withSnapshot,
} from "../ledger/index.ts";
import { type LedgerContext, openLedgerContext } from "./ledger-context.ts";

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** A stream, or whatever collects text: one that says false is waited for. */
interface Output {
  write(text: string): unknown;
}

const usage = `penstock ledger VERB [--config FILE] [--json]

shares             final share records, one line of JSON each
balances           what each account has, immature and payable, in satoshi
statement ACCOUNT  the movements of an account and its balance after each, and what the coinbases of
                   its solo blocks paid; ACCOUNT is a payout address or "${feeAccount}"
recompute          rebuilds PPLNS and balances from journals, order log and chain alone and prints
                   the differences to the database; exit code 0 only if there are none

All of them change nothing and may run while the pool serves. --json: one line of JSON each.
`;

interface Request {
  readonly verb: keyof typeof verbs;
  readonly account: string;
  readonly json: boolean;
  readonly config: string | undefined;
}

const verbs = { shares, balances: printBalances, statement: printStatement, recompute: printRecomputed };

/**
 * @param given what is read; by default what the configuration names.
 * @returns the exit code: 0, 1 the books differ, 2 not understood.
 */
export async function runLedger(
  args: readonly string[],
  given?: LedgerContext,
  io: Io = process,
): Promise<number> {
  const request = requestOf(args);
  if (request === "help") return say(io.stdout, usage, 0);
  if (request === undefined) return say(io.stderr, usage, 2);
  if (given !== undefined) return verbs[request.verb](request, given, io);
  const { context, close } = await openLedgerContext(request.config);
  try {
    return await verbs[request.verb](request, context, io);
  } finally {
    await close();
  }
}

function requestOf(args: readonly string[]): Request | "help" | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: "boolean" }, json: { type: "boolean" }, config: { type: "string" } },
    });
    if (values.help) return "help";
    const [verb = "", account, ...more] = positionals;
    const wantsAccount = verb === "statement";
    if (!isVerb(verb) || more.length > 0 || (account !== undefined) !== wantsAccount) return undefined;
    return { verb, account: account ?? "", json: values.json === true, config: values.config };
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

function isVerb(verb: string): verb is keyof typeof verbs {
  return Object.hasOwn(verbs, verb);
}

async function shares(_: Request, { databaseUrl }: LedgerContext, { stdout }: Io): Promise<number> {
  return withSnapshot(databaseUrl, async (client) => {
    for await (const lines of shareLines(client)) await print(stdout, lines.map(jsonLine).join(""));
    return 0;
  });
}

async function printBalances(request: Request, { databaseUrl }: LedgerContext, io: Io): Promise<number> {
  const { accounts, total, rewards } = await withSnapshot(databaseUrl, balances);
  const all = [...accounts, total];
  const rows = all.map((balance) => ({ ...balance, totalSats: totalOf(balance) }));
  if (request.json) await print(io.stdout, rows.map(jsonLine).join(""));
  else {
    const heading = ["account", "immature sat", "payable sat", "total sat"];
    const lines = rows.map(({ account, immatureSats, payableSats, totalSats }) =>
      [account, immatureSats, payableSats, totalSats].map(String),
    );
    await print(io.stdout, table([heading, ...lines]));
    await print(io.stdout, rewardsText(rewards));
  }
  if (totalOf(total) === rewards.sats) return 0;
  const difference = totalOf(total) - rewards.sats;
  return say(
    io.stderr,
    `The balances differ from the rewards by ${difference} sat; see \`penstock ledger recompute\`.\n`,
    1,
  );
}

/** What solo miners were paid by their blocks' coinbases is no reward of the pool's. */
function rewardsText({ blocks, sats, soloBlocks, soloSats }: Rewards): string {
  const solo =
    soloBlocks === 0 ? "" : `paid in the coinbases of ${soloBlocks} solo blocks: ${soloSats} sat\n`;
  return `rewards of ${blocks} blocks in the chain: ${sats} sat\n${solo}`;
}

function totalOf({ immatureSats, payableSats }: Balance): bigint {
  return immatureSats + payableSats;
}

/** A name, then columns of figures, each as wide as it has to be. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const padded = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map((row) => `${row.map(padded).join("  ")}\n`).join("");
}

async function printStatement(request: Request, { databaseUrl }: LedgerContext, io: Io): Promise<number> {
  return withSnapshot(databaseUrl, async (client) => {
    const heading = [
      "time",
      "movement",
      "height",
      "immature",
      "balance",
      "payable",
      "balance",
      "paid in coinbase",
    ];
    if (!request.json) await print(io.stdout, statementRow(heading));
    for await (const lines of statementLines(client, request.account)) {
      const texts = request.json
        ? lines.map(jsonLine)
        : lines.map((line) =>
            statementRow([
              line.time,
              line.kind,
              line.height,
              signed(line.immatureSats),
              line.immatureBalanceSats,
              signed(line.payableSats),
              line.payableBalanceSats,
              line.paidInCoinbaseSats,
            ]),
          );
      await print(io.stdout, texts.join(""));
    }
    return 0;
  });
}

function statementRow([time, kind, height, ...figures]: readonly (string | number | bigint)[]): string {
  const columns = figures.map((figure) => String(figure).padStart(17)).join(" ");
  return `${String(time).padEnd(24)} ${String(kind).padEnd(8)} ${String(height).padStart(8)} ${columns}\n`;
}

function signed(sats: bigint): string {
  return sats > 0n ? `+${sats}` : String(sats);
}

async function printRecomputed(request: Request, context: LedgerContext, io: Io): Promise<number> {
  const result = await recompute({
    ...context,
    onDifference: (difference) => {
      const { what, database, recomputed } = difference;
      const text = request.json
        ? jsonLine(difference)
        : `${what}: database ${database}, recomputed ${recomputed}\n`;
      io.stdout.write(text);
    },
    onUnsoundCheckpoint: (error) => io.stderr.write(`${describeError(error)}\n`),
  });
  const { batches, fromCheckpoint, shares: count, blocks, differences } = result;
  const origin =
    fromCheckpoint === 0
      ? ""
      : ` (${batches - fromCheckpoint} from the journals, ${fromCheckpoint} from a checkpoint of them)`;
  const found = differences === 0 ? "no differences" : `${differences} differences`;
  return say(
    io.stderr,
    `${batches} batches${origin}, ${count} shares, ${blocks} blocks recomputed: ${found}\n`,
    differences === 0 ? 0 : 1,
  );
}

/** Satoshi as strings of digits, like all integers that may be large. */
function jsonLine(value: object): string {
  const text = JSON.stringify(value, (_, field: unknown) =>
    typeof field === "bigint" ? String(field) : field,
  );
  return `${text}\n`;
}

async function print(output: Output, text: string): Promise<void> {
  if (text !== "" && output.write(text) === false) await once(output as NodeJS.WritableStream, "drain");
}

function say(output: Output, text: string, code: number): number {
  output.write(text);
  return code;
}
