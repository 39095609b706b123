import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import { openJournalReader, recoverJournal, type SequencePosition } from "../../src/journal/index.ts";
import { startWriter } from "../support/fault-injection/journal-process.ts";
import { addon, numberOf } from "../support/journal.ts";
import { randomSource } from "../support/random.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryFolder } from "../support/temporary.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const rounds = 16;
/** Each round numbers its shares from its own start, so that none can be taken for another's. */
const perRound = 10_000_000;

test("kill -9 at any moment: every acknowledged share is there once, in order, and sequences have no gap", async () => {
  const { path, remove } = await temporaryFolder("journal-kill");
  cleanups.push(remove);
  const random = randomSource(Date.now() % 1_000_000);
  const acknowledged: number[] = [];
  const directory = `${path}/0-1`;
  for (let round = 0; round < rounds; round++) {
    acknowledged.push(await mineAndKill(directory, round, random));
  }

  const upTo = await recoverJournal({ directory, addon, log: silentLog });
  const stored = Array.from({ length: rounds }, () => 0);
  const reader = openJournalReader({ directory, addon });
  let after: SequencePosition = { epoch: 0, sequence: 0 };
  for (;;) {
    const batch = await reader.next(after, upTo!, 5_000);
    if (batch === undefined) break;
    expect(batch.first).toBe(batch.epoch === after.epoch ? after.sequence + 1 : 1);
    for (const record of batch.records) {
      const number = numberOf(record);
      const round = Math.floor(number / perRound);
      // Exactly the next one of its round: in order, none missing, none twice.
      if (number % perRound !== ++stored[round]!) expect.fail(`share ${number} follows ${stored[round]}`);
    }
    after = { epoch: batch.epoch, sequence: batch.last };
  }
  await reader.close();
  for (const [round, last] of acknowledged.entries()) {
    expect(stored[round], `round ${round}`).toBeGreaterThanOrEqual(last);
  }
  expect(Math.max(...acknowledged)).toBeGreaterThan(1_000);
});

/** @returns the number of the last share that the writer said was durable, 0 if none, within the round. */
async function mineAndKill(
  directory: string,
  round: number,
  random: ReturnType<typeof randomSource>,
): Promise<number> {
  const first = round * perRound + 1;
  const writer = startWriter({
    journal: {
      directory,
      node: "0-1",
      durability: round % 4 === 3 ? "os" : "fsync",
      segmentBytes: 262_144,
      alarmFreeBytes: 0,
      refuseFreeBytes: 0,
    },
    mine: { first, perTurn: random.integer(1, 300) },
  });
  cleanups.push(() => writer.kill());
  // Most rounds are killed in full swing, some while they open and recover.
  const atShare = random.integer(1, 20_000);
  const opening = round % 5 === 4;
  let last = 0;
  const pipe = createInterface({ input: writer.child.stdout! });
  const enough = new Promise<void>((resolve) => {
    pipe.on("line", (line) => {
      last = Number(line) % perRound;
      if (last >= atShare) resolve();
    });
  });
  if (opening) {
    await Promise.race([enough, new Promise((resolve) => setTimeout(resolve, random.integer(150, 500)))]);
  } else {
    const refused = writer.next("refused").then(({ message }) => {
      throw new Error(message);
    });
    refused.catch(() => {});
    await Promise.race([enough, refused]);
  }
  const drained = new Promise<void>((resolve) => pipe.once("close", () => resolve()));
  await writer.kill();
  await drained;
  return last;
}
